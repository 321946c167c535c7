"""Limits and policies of the orchestrator; every bound of every queue comes from here."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

MIB = 1024 * 1024
_OPTIONAL = ("queue_deadline_s",)
_MAY_BE_ZERO = ("max_restarts",)


@dataclass(frozen=True, kw_only=True)
class OrchestratorSettings:
    """Validated at construction; a value that cannot work names its field (ValueError).

    Seconds of audio and seconds of time are both `_s`; bytes count PCM16.
    """

    # Admission.
    max_concurrent_requests: int = 64
    max_queued_work_s: float = 60.0
    # A listener who has waited so long has gone; offline work waits as long as it takes.
    queue_deadline_s: float | None = 60.0
    # Threads. Decoding and splitting release the GIL only in parts: two are enough.
    num_preprocess_threads: int = 2
    # Output.
    chunk_samples: int = 24_000
    # Run-ahead: what may lie unread before production of that request pauses.
    pause_ahead_s: float = 20.0
    pause_ahead_bytes: int = 2 * MIB
    offline_ahead_bytes: int = 16 * MIB
    max_segments_ahead: int = 2
    offline_segments_ahead: int = 4
    # Device ticks. Two in flight hide the host's work; more only delay cancels.
    max_ticks_in_flight: int = 2
    max_vocodes_in_flight: int = 4
    max_side_jobs_per_tick: int = 2
    max_tick_s: float = 0.25
    # Fusing saves about 1 ms of host work a step; longer dispatches only delay newcomers.
    max_fused_s: float = 0.05
    # A larger batch must give this share of the best rows per second to be avoided: with 0.9,
    # twice the rows are taken while they cost less than 1.8 times the time.
    batch_efficiency: float = 0.9
    # Below this many rows batching is always allowed, however little it gains.
    min_batch_rows: int = 2
    # Event logs, for resuming and late readers.
    log_bytes_per_stream: int = 32 * MIB
    log_bytes_total: int = 256 * MIB
    log_retention_s: float = 60.0
    abandon_after_s: float = 60.0
    # Supervision.
    max_restarts: int = 3
    restart_window_s: float = 60.0
    restart_backoff_s: float = 0.1
    hang_after_s: float = 10.0
    sweep_interval_s: float = 0.05
    stop_timeout_s: float = 5.0

    def __post_init__(self) -> None:
        for spec in fields(self):
            value = getattr(self, spec.name)
            if value is not None or spec.name not in _OPTIONAL:
                _check(spec.name, value, is_count=spec.type == "int")
        if not 0 < self.batch_efficiency <= 1:
            raise ValueError("batch_efficiency must be above 0 and at most 1")
        if self.hang_after_s <= self.max_tick_s:
            raise ValueError("hang_after_s must be longer than max_tick_s")

    @property
    def max_open_segments(self) -> int:
        """Segments between planning and joining, over all requests."""
        per_request = max(self.max_segments_ahead, self.offline_segments_ahead)
        return self.max_concurrent_requests * per_request


def _check(name: str, value: object, is_count: bool) -> None:
    kind = int if is_count else (int, float)
    if isinstance(value, bool) or not isinstance(value, kind):
        raise ValueError(f"{name} must be a {'whole ' if is_count else ''}number, not {value!r}")
    least = 1 if is_count and name not in _MAY_BE_ZERO else 0
    if not math.isfinite(value) or value < least:
        raise ValueError(f"{name} must be finite and at least {least}, not {value}")
