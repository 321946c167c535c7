"""What a step costs: the calibrated table, how service compares, the batch sizes worth using."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

from inference_types import EngineSpec

# Of a step in service: how much of the past it leaves, and the most it may count for.
PACE_MEMORY = 0.95
MAX_PACE = 16.0
PACE_PRIOR_STEPS = 4
# Smaller changes are not worth a new table.
PACE_NOTICE = 1.1


class Pace:
    """How much longer than calibrated steps take in service.

    Calibration sees steps alone and the machine as it was for a moment at start-up. In service
    prefills and vocodes lie between steps, and other programs may share the machine. Written by
    the emit thread, read by the device thread.
    """

    def __init__(self) -> None:
        self.value = 1.0
        self._taken_s = self._calibrated_s = 0.0
        self._last_done_s = -math.inf

    def note(self, begun_s: float, done_s: float, calibrated_s: float) -> None:
        """A tick begun at `begun_s` had its result at `done_s`; ticks before it may overlap."""
        taken_s = done_s - max(begun_s, self._last_done_s)
        self._last_done_s = done_s
        if not self._calibrated_s:
            self._taken_s = self._calibrated_s = PACE_PRIOR_STEPS * calibrated_s
        taken_s = min(max(taken_s, calibrated_s / MAX_PACE), calibrated_s * MAX_PACE)
        self._taken_s = PACE_MEMORY * self._taken_s + taken_s
        self._calibrated_s = PACE_MEMORY * self._calibrated_s + calibrated_s
        self.value = self._taken_s / self._calibrated_s


@dataclass(frozen=True, kw_only=True)
class CostTable:
    """Seconds of one Euler step per (bucket max_frames, batch size); complete, from calibration.

    `sizes` are the batch sizes still in use (the largest are dropped when memory runs out).
    `pace` is what the calibrated seconds were multiplied by (`at_pace`).
    """

    spec: EngineSpec
    step_s: Mapping[tuple[int, int], float]
    sizes: tuple[int, ...]
    pace: float = 1.0

    @classmethod
    def from_calibration(
        cls, spec: EngineSpec, measured: Mapping[tuple[int, int], float]
    ) -> CostTable:
        """Every (bucket, size) must be measured and positive (ValueError)."""
        wanted = {(b.max_frames, n) for b in spec.buckets for n in spec.batch_sizes}
        missing = sorted(key for key in wanted if measured.get(key, 0.0) <= 0.0)
        if missing:
            raise ValueError(f"calibration lacks the step time of (bucket, rows) {missing}")
        return cls(spec=spec, step_s=dict(measured), sizes=spec.batch_sizes)

    def without_sizes_from(self, size: int) -> CostTable:
        """After an out-of-memory at `size` rows: only smaller batches (1 always stays)."""
        return replace(self, sizes=tuple(n for n in self.sizes if n < size) or self.sizes[:1])

    def at_pace(self, pace: float) -> CostTable:
        """The same calibration for a device that takes `pace` times as long; self if close."""
        if 1 / PACE_NOTICE < pace / self.pace < PACE_NOTICE:
            return self
        step_s = {key: seconds * pace / self.pace for key, seconds in self.step_s.items()}
        return replace(self, step_s=step_s, pace=pace)

    def calibrated_s(self, bucket: int, size: int) -> float:
        """Seconds of a step as they were calibrated."""
        return self.step_s[bucket, size] / self.pace

    def padded(self, num_rows: int) -> int:
        """The compiled batch size that `num_rows` rows run as (at most the largest)."""
        return next((n for n in self.sizes if n >= num_rows), self.sizes[-1])

    def batch_size(
        self, bucket: int, num_rows: int, *, min_rows: int, efficiency: float, max_step_s: float
    ) -> int:
        """The batch size to use when `num_rows` rows could run.

        The smallest whose real rows per second reach `efficiency` of the best: beyond that a
        bigger batch only makes everyone slower. Sizes up to `min_rows` rows are always worth
        it, sizes slower than `max_step_s` never (they would delay every other decision).
        """
        ceiling = self.padded(num_rows)
        floor = self.padded(min(num_rows, min_rows))
        allowed = [n for n in self.sizes if floor <= n <= ceiling]
        quick = [n for n in allowed if self.step_s[bucket, n] <= max_step_s] or allowed[:1]
        rates = {n: min(n, num_rows) / self.step_s[bucket, n] for n in quick}
        best = max(rates.values())
        return next(n for n in quick if rates[n] >= efficiency * best)

    def bucket_for(self, num_frames: int) -> int | None:
        """The smallest bucket that holds the frames; None when none does."""
        fitting = [b.max_frames for b in self.spec.buckets if b.max_frames >= num_frames]
        return min(fitting, default=None)

    def segment_work_s(self, num_frames: int, num_steps: int) -> float:
        """Device seconds of a segment at its best batch; admission's unit of work."""
        bucket = self.bucket_for(num_frames) or max(b.max_frames for b in self.spec.buckets)
        return num_steps * min(self.step_s[bucket, n] / n for n in self.sizes)

    def request_work_s(
        self, duration_s: float, num_segments: int, num_ref_frames: int, num_steps: int
    ) -> float:
        """Device seconds of a request, its segments taken as equally long."""
        frames_per_s = self.spec.sample_rate / self.spec.hop_samples
        new_frames = int(duration_s * frames_per_s / num_segments) + 1
        return num_segments * self.segment_work_s(num_ref_frames + new_frames, num_steps)


def is_out_of_memory(error: BaseException | None) -> bool:
    """Device allocators report RESOURCE_EXHAUSTED (design: engine 3.1), hosts MemoryError.

    An engine may have wrapped it: what caused an error counts too.
    """
    if error is None:
        return False
    is_itself = isinstance(error, MemoryError) or "RESOURCE_EXHAUSTED" in str(error)
    return is_itself or is_out_of_memory(error.__cause__)
