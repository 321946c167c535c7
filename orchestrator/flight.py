"""What travels between the device thread and the emit thread, and how much of it may."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass

from inference_types import Pending
from orchestrator.job import SegmentTask


@dataclass(frozen=True, eq=False)
class DeviceFailure:
    """A result could not be had: the state of that epoch is lost (emit -> device thread)."""

    epoch: int
    tasks: tuple[SegmentTask, ...]
    error: Exception


DispatchMessage = SegmentTask | DeviceFailure


@dataclass(frozen=True, eq=False)
class StepResult:
    """Flags of a dispatched step, not yet known (device -> emit thread).

    Its tick began at `begun_s`; by calibration its steps take `calibrated_s`.
    """

    tasks: tuple[SegmentTask, ...]
    pending: Pending
    epoch: int
    begun_s: float
    calibrated_s: float


@dataclass(frozen=True, eq=False)
class WaveResult:
    """Waveform of a finished segment, not yet copied (device -> emit thread)."""

    task: SegmentTask
    pending: Pending
    epoch: int

    @property
    def tasks(self) -> tuple[SegmentTask, ...]:
        return (self.task,)


EmitItem = StepResult | WaveResult


class StateLost(Exception):
    """An engine verb raised: everything on the device must be rebuilt."""

    def __init__(self, tasks: Sequence[SegmentTask], error: Exception) -> None:
        super().__init__(str(error))
        self.tasks = tuple(tasks)
        self.error = error


class DeviceFlight:
    """Permits for what is dispatched and not awaited yet; they bound `to_emit`."""

    def __init__(self, max_ticks: int, max_vocodes: int) -> None:
        self.max_ticks, self.max_vocodes = max_ticks, max_vocodes
        self._ticks = threading.Semaphore(max_ticks)
        self._lock = threading.Lock()
        self.num_ticks = 0
        self.num_vocodes = 0

    def begin_tick(self, timeout_s: float) -> bool:
        if not self._ticks.acquire(timeout=timeout_s):
            return False
        self._count(1, 0)
        return True

    def end_tick(self) -> None:
        self._count(-1, 0)
        self._ticks.release()

    def begin_vocode(self) -> None:
        self._count(0, 1)

    def end_vocode(self) -> None:
        self._count(0, -1)

    def _count(self, ticks: int, vocodes: int) -> None:
        with self._lock:
            self.num_ticks += ticks
            self.num_vocodes += vocodes
