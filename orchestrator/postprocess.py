"""The emit thread: awaits device results, puts sound into event logs, reports failures back."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from inference_types import (
    AudioChunk,
    EngineError,
    NumericError,
    StreamSummary,
    TTSError,
)
from orchestrator.admission import Admission
from orchestrator.assembly import Assembler, JoinerFactory
from orchestrator.flight import (
    DeviceFailure,
    DeviceFlight,
    DispatchMessage,
    EmitItem,
    StepResult,
    WaveResult,
)
from orchestrator.job import RequestJob, SegmentTask
from orchestrator.metrics import Metrics
from orchestrator.settings import OrchestratorSettings
from orchestrator.stage_queue import StageQueue
from orchestrator.stage_thread import Heartbeat
from orchestrator.stream import Clock

_log = logging.getLogger(__name__)
POLL_S = 0.5


class Emitter:
    """Body of the emit thread."""

    def __init__(
        self,
        settings: OrchestratorSettings,
        sample_rate: int,
        *,
        to_emit: StageQueue[EmitItem],
        to_dispatch: StageQueue[DispatchMessage],
        flight: DeviceFlight,
        admission: Admission,
        metrics: Metrics,
        clock: Clock,
        make_joiner: JoinerFactory,
        pump: Callable[[RequestJob], None],
        on_delivered: Callable[[], None],
        on_step: Callable[[float, float, float], None],
    ) -> None:
        self._settings = settings
        self._sample_rate = sample_rate
        self._to_emit = to_emit
        self._to_dispatch = to_dispatch
        self._flight = flight
        self._admission = admission
        self._metrics = metrics
        self._clock = clock
        self._make_joiner = make_joiner
        self._pump = pump
        self._on_delivered = on_delivered
        self._on_step = on_step
        self.heartbeat = Heartbeat(clock)

    def run(self, stop: threading.Event) -> None:
        """Thread body."""
        while not stop.is_set():
            self._run_one()

    def _run_one(self) -> None:
        """In a frame of its own, so that waiting for the next item keeps no request alive."""
        self.heartbeat.rest()
        item = self._to_emit.get(POLL_S)
        if item is not None:
            self.heartbeat.beat()
            self._handle(item)

    def _handle(self, item: EmitItem) -> None:
        try:
            if isinstance(item, StepResult):
                self._check_rows(item)
            else:
                self._receive_wave(item)
        except BaseException:
            for task in item.tasks:
                task.job.stream.fail(EngineError("The server is recovering; try again."))
            raise
        finally:
            self._end_flight(item)

    def _end_flight(self, item: EmitItem) -> None:
        if isinstance(item, StepResult):
            self._flight.end_tick()
        else:
            self._flight.end_vocode()
            self._to_dispatch.wake()

    def _await(self, item: EmitItem) -> np.ndarray | None:
        """The result; None when it failed, which the device thread has then been told."""
        try:
            return item.pending.result()
        except Exception as error:  # noqa: BLE001 - asynchronous device errors surface here
            self._to_dispatch.put(DeviceFailure(item.epoch, item.tasks, error))
            return None

    def _check_rows(self, item: StepResult) -> None:
        finite = self._await(item)
        if finite is None:
            return
        self._on_step(item.begun_s, self._clock(), item.calibrated_s)
        for task, is_finite in zip(item.tasks, finite, strict=True):
            if not is_finite:
                self._fail_numeric(task)

    def _fail_numeric(self, task: SegmentTask) -> None:
        if task.job.stream.fail(NumericError("The speech came out broken; try another seed.")):
            self._to_dispatch.wake()

    def _receive_wave(self, item: WaveResult) -> None:
        wave = self._await(item)
        task, job = item.task, item.task.job
        if wave is None or job.is_ended or task.is_delivered:
            return
        if not np.isfinite(wave).all():
            self._fail_numeric(task)
            return
        task.is_delivered = True
        self._on_delivered()
        try:
            self._deliver(job, task, wave * np.float32(task.plan.voice.output_gain))
        except TTSError as error:
            job.stream.fail(error)
        except Exception:  # noqa: BLE001 - one request's sound must not end the thread
            _log.exception("joining request %s failed", job.request.request_id)
            job.stream.fail(TTSError("The sound could not be put together."))
        self._pump(job)

    def _deliver(self, job: RequestJob, task: SegmentTask, wave: np.ndarray) -> None:
        if job.assembler is None:
            job.assembler = Assembler(self._make_joiner(), self._settings.chunk_samples)
        job.assembler.add(task.plan, wave, task.is_last)
        while (made := job.assembler.next_segment()) is not None:
            segment_index, chunks = made
            self._admission.progress(job.request.request_id, job.segment_work_s)
            for chunk in chunks:
                self._append(job, chunk)
            job.close_segment(segment_index)

    def _append(self, job: RequestJob, chunk: AudioChunk) -> None:
        now_s = self._clock()
        if job.first_audio_s is None:
            job.first_audio_s = now_s
            self._metrics.observe("ttfa_seconds", now_s - job.arrival_s)
        if chunk.is_final:
            chunk = replace(chunk, summary=self._summary(job, now_s))
        if job.stream.append(chunk):
            self._metrics.count("audio_seconds_total", len(chunk.pcm) / self._sample_rate)

    def _summary(self, job: RequestJob, now_s: float) -> StreamSummary:
        assert job.assembler and job.stream.estimate and job.first_audio_s is not None
        assert job.started_s is not None
        totals = job.assembler.totals
        return StreamSummary(
            total_chunks=totals.num_chunks,
            total_samples=totals.num_samples,
            duration_s=totals.num_samples / self._sample_rate,
            generation_time_s=now_s - job.arrival_s,
            first_audio_s=job.first_audio_s - job.arrival_s,
            queue_s=job.started_s - job.arrival_s,
            num_segments=len(job.segments),
            num_steps=job.stream.estimate.num_steps,
            device_steps=job.device_steps,
            seed=job.request.seed,
            pcm_sha256=totals.pcm_sha256,
        )
