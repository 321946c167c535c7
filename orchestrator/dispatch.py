"""The device thread: the only caller of the engine, and the only owner of its slots.

A tick receives plans and reports, drops what ended, runs a few prefills and vocodes, and
dispatches one step. Results are awaited on the emit thread, so the host stays ahead of the
device by at most `max_ticks_in_flight` steps. Plans stay on the host: after any failure the
engine is rebuilt and its rows start again from their plans, with the same noise.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from typing import TypeVar

from inference_types import Engine, EngineError, RequestTooLargeError, TTSError
from orchestrator.costs import CostTable, Pace, is_out_of_memory
from orchestrator.flight import (
    DeviceFailure,
    DeviceFlight,
    DispatchMessage,
    EmitItem,
    StateLost,
    StepResult,
    WaveResult,
)
from orchestrator.job import SegmentTask
from orchestrator.metrics import Metrics
from orchestrator.schedule import (
    SideJob,
    StepLimits,
    choose_eviction,
    choose_side_jobs,
    choose_step,
)
from orchestrator.settings import OrchestratorSettings
from orchestrator.slots import RowViews, SlotTable
from orchestrator.stage_queue import StageQueue
from orchestrator.stage_thread import Heartbeat
from orchestrator.stream import Clock

_log = logging.getLogger(__name__)
T = TypeVar("T")
PERMIT_WAIT_S = 0.05
IDLE_WAIT_S = 0.5
MAX_SEGMENT_FAILURES = 2
# Failing this often without one finished segment means that the device is gone.
MAX_FAILURES_IN_A_ROW = 10


class Dispatcher:
    """Body of the device thread. Only `costs`, `heartbeat` and counts are read elsewhere."""

    def __init__(
        self,
        engine: Engine,
        settings: OrchestratorSettings,
        *,
        to_dispatch: StageQueue[DispatchMessage],
        to_emit: StageQueue[EmitItem],
        flight: DeviceFlight,
        metrics: Metrics,
        clock: Clock,
        on_ready: Callable[[], None],
    ) -> None:
        self._engine = engine
        self._settings = settings
        self._to_dispatch = to_dispatch
        self._to_emit = to_emit
        self._flight = flight
        self._metrics = metrics
        self._clock = clock
        self._on_ready = on_ready
        self._limits = StepLimits(
            min_batch_rows=settings.min_batch_rows,
            batch_efficiency=settings.batch_efficiency,
            max_tick_s=settings.max_tick_s,
            max_fused_s=settings.max_fused_s,
        )
        self.costs: CostTable | None = None
        self.pace = Pace()
        self.heartbeat = Heartbeat(clock)
        self.num_compilations = 0
        self.num_failures_in_a_row = 0
        self._epoch = 0
        self.slots = SlotTable(engine.spec)

    def note_delivered(self) -> None:
        """A segment came through (from the emit thread): the device is not gone."""
        self.num_failures_in_a_row = 0

    def run(self, stop: threading.Event) -> None:
        """Thread body: warm up (the first time) or rebuild, then tick until stopped."""
        self.heartbeat.rest()
        if self.costs is None:
            self._engine.warm_up()
            self.costs = CostTable.from_calibration(self._engine.spec, self._engine.calibrate())
        else:
            self.slots.clear()
            self._rebuild()
        self.num_compilations = self._engine.num_compilations
        self._on_ready()
        while not stop.is_set():
            self._tick()
        self.heartbeat.rest()

    def _tick(self) -> None:
        # While the device is behind no permit comes, and no heartbeat either: a device that
        # hangs after an asynchronous dispatch is seen by the watchdog just the same.
        if not self._flight.begin_tick(PERMIT_WAIT_S):
            return
        self.heartbeat.beat()
        begun_s, self.costs = self._clock(), self._table.at_pace(self.pace.value)
        is_busy = is_stepped = False
        try:
            self._receive()
            self._drop_gone()
            views = self.slots.views(self._table, self._clock())
            self._evict(views)
            is_busy = self._run_side_jobs(views)
            is_stepped = self._run_step(views, begun_s)
        except StateLost as lost:
            self._recover(lost.tasks, lost.error)
            is_busy = True
        finally:
            if not is_stepped:
                self._flight.end_tick()
        if not (is_busy or is_stepped):
            self.heartbeat.rest()
            self._receive(IDLE_WAIT_S)

    def _receive(self, timeout_s: float = 0.0) -> None:
        for message in self._to_dispatch.take_all(timeout_s):
            if isinstance(message, DeviceFailure):
                self._handle_report(message)
            else:
                self._take_in(message)

    def _take_in(self, task: SegmentTask) -> None:
        bucket = self._table.bucket_for(task.plan.num_frames)
        if bucket is None:
            task.job.stream.fail(
                RequestTooLargeError("A piece of the text is too long; split it.", field="text")
            )
            return
        task.bucket = bucket
        self.slots.add(task)

    def _handle_report(self, report: DeviceFailure) -> None:
        """A result failed later on. Of an older epoch only unfinished segments matter."""
        if report.epoch == self._epoch:
            self._recover(report.tasks, report.error)
            return
        for task in report.tasks:
            if task not in self.slots:
                task.forget_device()
                self.slots.add(task)

    def _drop_gone(self) -> None:
        for task in self.slots.gone():
            if task.slot is not None:
                self._release(task)
            self.slots.remove(task)

    def _evict(self, views: RowViews) -> None:
        """At most one a tick: the newcomer is placed as soon as it fits."""
        task_id = choose_eviction(views.waiting, views.running, self.slots.num_free(), self._table)
        if task_id is not None:
            task = self.slots[task_id]
            self._release(task)
            task.forget_device()
            views.running = [row for row in views.running if row.task_id != task_id]
            self._metrics.count("replays_total")

    def _run_side_jobs(self, views: RowViews) -> bool:
        jobs = choose_side_jobs(
            views.waiting,
            views.finished,
            self.slots.num_free(),
            self._table,
            max_jobs=self._settings.max_side_jobs_per_tick,
            max_vocodes=self._flight.max_vocodes - self._flight.num_vocodes,
        )
        for job in jobs:
            self._run_side_job(job)
        return bool(jobs)

    def _run_side_job(self, side_job: SideJob) -> None:
        task = self.slots[side_job.task_id]
        if task.is_gone:
            return
        if side_job.is_vocode:
            self._vocode(task)
        else:
            self._prefill(task, side_job.bucket)

    def _prefill(self, task: SegmentTask, bucket: int) -> None:
        try:
            prefix = self._engine.prefill(task.plan)
        except Exception as error:  # noqa: BLE001 - a poisoned plan fails only its own request
            _log.warning("prefill of request %s failed: %r", task.job.request.request_id, error)
            if is_out_of_memory(error):
                self._lower_batch(self._table.sizes[-1])
            if isinstance(error, TTSError):
                task.job.stream.fail(error)
            else:
                task.job.stream.fail(TTSError("The request could not be started."))
                self._count_failure(error)
            return
        slot = self.slots.take_slot(task, bucket)
        self._guard([task], lambda: self._engine.insert(prefix, slot))
        if task.job.started_s is None:
            task.job.started_s = self._clock()
            self._metrics.observe("queue_seconds", task.job.started_s - task.job.arrival_s)

    def _vocode(self, task: SegmentTask) -> None:
        slot = task.slot
        assert slot is not None
        pending = self._guard([task], lambda: self._engine.vocode(slot))
        self._flight.begin_vocode()
        self._to_emit.put(WaveResult(task, pending, self._epoch))
        self.slots.remove(task)
        self._release(task)

    def _run_step(self, views: RowViews, begun_s: float) -> bool:
        rows = [row for row in views.running if not self.slots[row.task_id].is_gone]
        is_waiting = bool(views.waiting or views.finished or len(self._to_dispatch))
        choice = choose_step(rows, self._table, self._limits, is_anything_waiting=is_waiting)
        if choice is None:
            return False
        tasks = [self.slots[task_id] for task_id in choice.task_ids]
        slots = [task.slot for task in tasks if task.slot is not None]
        pending = self._guard(tasks, lambda: self._engine.step(slots, choice.num_fused))
        for task in tasks:
            task.num_done += choice.num_fused
            task.job.device_steps += choice.num_fused
        calibrated_s = self._table.calibrated_s(choice.bucket, choice.batch_size)
        work_s = calibrated_s * choice.num_fused
        self._to_emit.put(StepResult(tuple(tasks), pending, self._epoch, begun_s, work_s))
        self._metrics.count_step(len(tasks), choice.batch_size, choice.num_fused, choice.padding)
        self.num_compilations = self._engine.num_compilations
        return True

    def _guard(self, tasks: Sequence[SegmentTask], verb: Callable[[], T]) -> T:
        try:
            return verb()
        except Exception as error:
            raise StateLost(tasks, error) from error

    def _release(self, task: SegmentTask) -> None:
        slot = task.slot
        assert slot is not None
        self._guard([], lambda: self._engine.free(slot))
        self.slots.give_slot(task)

    def _recover(self, suspects: Sequence[SegmentTask], error: Exception) -> None:
        """Rebuild the device and let every resident start again; find out who did it."""
        _log.warning("device state lost (%r), %d suspects", error, len(suspects))
        self._count_failure(error)
        residents = self.slots.evict(suspects)
        self._metrics.count("replays_total", len(residents))
        self._rebuild()
        if is_out_of_memory(error) and len(suspects) > 1:
            self._lower_batch(self._table.padded(len(suspects)))
        else:
            self._accuse(suspects)

    def _count_failure(self, error: Exception) -> None:
        """Raises EngineError, which ends the thread, when nothing works any more."""
        self.num_failures_in_a_row += 1
        if self.num_failures_in_a_row > MAX_FAILURES_IN_A_ROW:
            raise EngineError("The device fails at every attempt.") from error

    def _accuse(self, suspects: Sequence[SegmentTask]) -> None:
        for task in suspects:
            task.num_failures += 1
            task.is_alone = True
            if task.num_failures >= MAX_SEGMENT_FAILURES:
                task.job.stream.fail(EngineError("The engine failed on this request twice."))

    def _rebuild(self) -> None:
        self._epoch += 1
        self.heartbeat.beat()
        self._metrics.count("engine_resets_total")
        self._engine.reset()
        self.slots.free_all()

    def _lower_batch(self, size: int) -> None:
        self.costs = self._table.without_sizes_from(size)
        _log.warning("out of device memory: batches now take %s rows", self.costs.sizes)

    @property
    def _table(self) -> CostTable:
        assert self.costs is not None, "the engine was not warmed up"
        return self.costs
