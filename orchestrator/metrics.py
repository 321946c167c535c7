"""Counters, gauges and histograms as plain data; the server renders them for Prometheus."""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass, field

# name -> (help, label name or "")
COUNTERS: dict[str, tuple[str, str]] = {
    "requests_total": ("Requests accepted for preparation", ""),
    "requests_finished_total": ("Streams that ended with their final chunk", ""),
    "requests_rejected_total": ("Requests refused before any work", "reason"),
    "requests_cancelled_total": ("Streams cancelled, by the stage they were in", "stage"),
    "requests_failed_total": ("Streams that ended with an error", "code"),
    "audio_seconds_total": ("Seconds of audio put into event logs", ""),
    "steps_total": ("Euler steps dispatched (fused steps count each)", ""),
    "step_rows_total": ("Rows advanced, summed over steps", ""),
    "step_places_total": ("Places computed, padding rows included, summed over steps", ""),
    "replays_total": (
        "Segments started again: the device failed, or a listener needed the slot",
        "",
    ),
    "engine_resets_total": ("Times the device state was rebuilt", ""),
    "thread_restarts_total": ("Threads restarted by the supervisor", "thread"),
}
GAUGES: dict[str, tuple[str, str]] = {
    "requests_live": ("Requests that have not ended", ""),
    "requests_waiting": ("Requests in preparation, or whose first segment has not started", ""),
    "queue_work_seconds": ("Predicted device seconds of all admitted work at hand", ""),
    "queue_depth": ("Items waiting, by queue", "queue"),
    "slots_used": ("Rows in use, by bucket", "bucket"),
    "ticks_in_flight": ("Steps dispatched and not yet known to be finite", ""),
    "device_pace": ("Seconds that steps take in service over their calibrated seconds", ""),
    "compilations": ("Compilations since the engine was made", ""),
    "heartbeat_age_seconds": ("Seconds since the device thread last made progress", ""),
    "log_bytes": ("PCM bytes held in event logs", ""),
    "streams_held": ("Event logs held, ended ones included", ""),
}
_LATENCY_S = (0.05, 0.1, 0.15, 0.25, 0.4, 0.6, 1.0, 1.5, 2.5, 4.0, 6.0, 10.0, 20.0, 60.0)
HISTOGRAMS: dict[str, tuple[str, tuple[float, ...]]] = {
    "ttfa_seconds": ("Arrival to first audio", _LATENCY_S),
    "queue_seconds": ("Arrival to the first segment on the device", _LATENCY_S),
    "prepare_seconds": ("Arrival to accepted", _LATENCY_S),
    "request_seconds": ("Arrival to the end of the stream", _LATENCY_S),
    "batch_rows": ("Rows of a step", (1, 2, 3, 4, 6, 8, 12, 16, 32)),
    "padding_ratio": ("Padding frames over all frames of a step", (0.05, 0.1, 0.2, 0.35, 0.5, 0.8)),
    "rtf": ("Seconds of work from arrival over seconds of audio", (0.05, 0.1, 0.25, 0.5, 1, 2, 5)),
}


@dataclass
class HistogramValue:
    """Cumulative-free counts: `counts[i]` fell at or below `bounds[i]`, the last one above all."""

    bounds: tuple[float, ...]
    counts: list[int] = field(default_factory=list)
    total: float = 0.0
    num_values: int = 0

    def __post_init__(self) -> None:
        self.counts = self.counts or [0] * (len(self.bounds) + 1)

    def observe(self, value: float) -> None:
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value
        self.num_values += 1

    def copy(self) -> HistogramValue:
        return HistogramValue(self.bounds, list(self.counts), self.total, self.num_values)


@dataclass(frozen=True, kw_only=True)
class MetricsSnapshot:
    """`counters[name][label value]`; the label value is "" where a metric has no label."""

    counters: Mapping[str, Mapping[str, float]]
    gauges: Mapping[str, Mapping[str, float]]
    histograms: Mapping[str, HistogramValue]


class Metrics:
    """Thread-safe; a name that is not declared above is a KeyError at the first use."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counters: dict[str, dict[str, float]] = {
            name: ({} if label else {"": 0.0}) for name, (_, label) in COUNTERS.items()
        }
        self._histograms = {
            name: HistogramValue(bounds) for name, (_, bounds) in HISTOGRAMS.items()
        }

    def count(self, name: str, amount: float = 1.0, label: str = "") -> None:
        with self._lock:
            values = self._counters[name]
            values[label] = values.get(label, 0.0) + amount

    def observe(self, name: str, value: float) -> None:
        with self._lock:
            self._histograms[name].observe(value)

    def count_step(self, num_rows: int, num_places: int, num_fused: int, padding: float) -> None:
        """One lock for the four things every tick reports (hot loop)."""
        with self._lock:
            for name, amount in (
                ("steps_total", num_fused),
                ("step_rows_total", num_rows * num_fused),
                ("step_places_total", num_places * num_fused),
            ):
                self._counters[name][""] += amount
            self._histograms["batch_rows"].observe(num_rows)
            self._histograms["padding_ratio"].observe(padding)

    def snapshot(self, gauges: Mapping[str, Mapping[str, float]]) -> MetricsSnapshot:
        unknown = set(gauges) - set(GAUGES)
        if unknown:
            raise KeyError(f"undeclared gauges: {sorted(unknown)}")
        with self._lock:
            return MetricsSnapshot(
                counters={name: dict(values) for name, values in self._counters.items()},
                gauges=gauges,
                histograms={name: value.copy() for name, value in self._histograms.items()},
            )
