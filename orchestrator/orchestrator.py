"""Composition of the stages, and the life of a request:

    1. submit (event loop)        admission takes a place, a job goes to `to_preprocess`, or
                                  to `to_upload` when it brings a voice of its own
    2. preprocess-0..N, upload-0  voice, split, first plan; now submit returns (or raises);
                                  later plans follow as the listener needs them
    3. dispatch-0                 prefill -> insert -> step ... -> vocode -> free, on the engine
    4. emit-0                     waits for the waveform, joins, cuts, appends to the event log
    5. RequestStream.events()     readers on the event loop follow the log; the only bridge
                                  into the loop is `call_soon_threadsafe`
    -  supervisor-0               restarts, watchdog, deadlines, retention

An end (final chunk, failure, cancel) is decided once, in the event log, and every stage reads
it: queues are emptied of the request at once, its slots are freed at the next tick.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable

from inference_types import (
    DeadlineExceededError,
    Engine,
    EngineError,
    Frontend,
    Priority,
    RequestCancelledError,
    ShuttingDownError,
    SynthesisRequest,
    TTSError,
)
from orchestrator.admission import Admission
from orchestrator.assembly import JoinerFactory
from orchestrator.health import Health, Status
from orchestrator.job import RequestJob, Stage
from orchestrator.metrics import Metrics, MetricsSnapshot
from orchestrator.pipeline import Pipeline, PipelineHooks
from orchestrator.registry import StreamRegistry
from orchestrator.settings import OrchestratorSettings
from orchestrator.stream import Clock, RequestStream

_log = logging.getLogger(__name__)
READY_POLL_S = 0.01
# Looking through all logs costs in proportion to the streams held; deadlines are cheap.
LOG_SWEEP_S = 0.5


class Orchestrator:
    """Owns the threads and queues between `submit` and the event logs.

    Use: `await start()`, `await wait_until_ready()`, `await submit(request)`, `await drain()`,
    `await stop()`. One event loop; every method but `health`, `metrics_snapshot` and
    `RequestStream.cancel` belongs to it. `on_fatal(reason)` is called once, on the supervisor
    thread, when the process should end.
    """

    def __init__(
        self,
        engine: Engine,
        frontend: Frontend,
        make_joiner: JoinerFactory,
        settings: OrchestratorSettings | None = None,
        *,
        clock: Clock = time.monotonic,
        on_fatal: Callable[[str], None] = lambda reason: None,
    ) -> None:
        self.settings = settings or OrchestratorSettings()
        self.metrics = Metrics()
        self.streams = StreamRegistry(self.settings, clock)
        self._clock = clock
        self._notify_fatal = on_fatal
        self._status, self._reason = Status.NEW, ""
        self._logs_swept_s = clock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._admission = Admission(self.settings)
        self._pipeline = Pipeline(
            engine,
            frontend,
            make_joiner,
            self.settings,
            admission=self._admission,
            metrics=self.metrics,
            clock=clock,
            hooks=PipelineHooks(
                on_engine_ready=self._on_engine_ready,
                on_device_death=self._on_device_death,
                on_fatal=self._on_fatal,
                sweep=self._sweep,
            ),
        )

    async def start(self) -> None:
        """Bind the running loop and start every thread; the engine warms up on its own."""
        if self._status is not Status.NEW:
            raise RuntimeError("an orchestrator starts once")
        self._loop = asyncio.get_running_loop()
        self._status = Status.STARTING
        self._pipeline.start()

    async def wait_until_ready(self, timeout_s: float | None = None) -> None:
        """Raises EngineError when the engine cannot be started, TimeoutError after the time.

        Without a time it waits as long as the engine compiles: minutes, for a large model.
        """
        async with asyncio.timeout(timeout_s):
            while not self.health().is_ready:
                if not self.health().is_live:
                    raise EngineError(f"The engine could not be started: {self._reason}.")
                await asyncio.sleep(READY_POLL_S)

    async def submit(
        self, request: SynthesisRequest, *, queue_deadline_s: float | None = None
    ) -> RequestStream:
        """Take a request in; returns when it was prepared far enough to be answered with 2xx.

        `estimate` of the returned stream is set. `queue_deadline_s` bounds the time from now to
        the first segment's start on the device (default: the settings', and none for offline work).
        Raises QueueFullError, ShuttingDownError, ConflictError, EngineError (starting or
        restarting) at once, and InvalidTextError, InvalidReferenceError, NotFoundError,
        RequestTooLargeError or DeadlineExceededError from the preparation.
        """
        self._check_accepting()
        accepted = asyncio.get_running_loop().create_future()
        job = self._make_job(request, queue_deadline_s, accepted)
        self._admit(job)
        self._pipeline.prepare(job)
        try:
            await accepted
        except asyncio.CancelledError:
            job.stream.cancel("disconnected")
            raise
        return job.stream

    def _make_job(
        self,
        request: SynthesisRequest,
        queue_deadline_s: float | None,
        accepted: asyncio.Future[None],
    ) -> RequestJob:
        arrival_s = self._clock()
        wait_s = self.settings.queue_deadline_s if queue_deadline_s is None else queue_deadline_s
        if request.priority is Priority.OFFLINE and queue_deadline_s is None:
            wait_s = None  # it waits behind every listener, however many there are
        stream = RequestStream(
            request.request_id,
            max_log_bytes=self.settings.log_bytes_per_stream,
            clock=self._clock,
            post=self._post,
            on_end=self._on_end,
        )
        job = RequestJob(
            request,
            stream,
            arrival_s=arrival_s,
            deadline_s=None if wait_s is None else arrival_s + wait_s,
            settle=lambda error: self._post(lambda: _settle(accepted, error)),
        )
        stream.on_read = lambda: self._pipeline.pump(job)
        return job

    def _admit(self, job: RequestJob) -> None:
        self.streams.open(job)
        try:
            self._admission.admit(job.request.request_id, job.is_offline)
        except TTSError as error:
            self.metrics.count("requests_rejected_total", label=error.code)
            self.streams.close(job.request.request_id)
            self.streams.forget(job.request.request_id)
            raise
        self.metrics.count("requests_total")

    def _check_accepting(self) -> None:
        if self._status in (Status.DRAINING, Status.STOPPED):
            raise ShuttingDownError("The server is shutting down.")
        if not self._is_ready:
            raise EngineError("The engine is starting; try again.")

    async def drain(self, grace_s: float) -> None:
        """Refuse new requests, let accepted ones finish for `grace_s`, end the rest."""
        self._status = Status.DRAINING
        for job in self.streams.live_jobs():
            if not job.is_accepted:
                job.stream.fail(ShuttingDownError("The server is shutting down."))
        deadline_s = time.monotonic() + grace_s
        while self.streams.live_jobs() and time.monotonic() < deadline_s:
            await asyncio.sleep(READY_POLL_S)
        self._fail_live(ShuttingDownError("The server is shutting down."))

    async def stop(self) -> list[str]:
        """End every stream and join every thread; returns the names of those that hang."""
        self._status = Status.STOPPED
        self._fail_live(ShuttingDownError("The server is shutting down."))
        # Off the loop: our threads never wait for the loop, and the loop never for them.
        return await asyncio.to_thread(self._pipeline.stop)

    @property
    def is_stopped(self) -> bool:
        """False after `stop` when a thread hangs, as in a compilation."""
        return self._pipeline.is_stopped

    @property
    def _is_ready(self) -> bool:
        return self._status is Status.READY and not self._pipeline.supervisor.is_suspicious

    def health(self) -> Health:
        """From any thread; costs no lock of the stages."""
        return Health(
            is_live=self._status not in (Status.HUNG, Status.FAILED, Status.STOPPED),
            is_ready=self._is_ready,
            status=self._status,
            reason=self._reason,
            heartbeat_age_s=self._pipeline.supervisor.heartbeat_age_s,
            num_restarts=self._pipeline.supervisor.num_restarts,
            num_live_requests=self._admission.num_admitted,
            queued_work_s=self._admission.queued_work_s,
        )

    def metrics_snapshot(self) -> MetricsSnapshot:
        """Counters, live gauges and histograms; from any thread."""
        jobs = self.streams.live_jobs()
        return self.metrics.snapshot(
            {
                "requests_live": {"": len(jobs)},
                "requests_waiting": {"": sum(job.stage is not Stage.RUNNING for job in jobs)},
                "queue_work_seconds": {"": self._admission.queued_work_s},
                **self._pipeline.gauges(),
                "log_bytes": {"": self.streams.num_bytes},
                "streams_held": {"": len(self.streams)},
            }
        )

    def _post(self, callback: Callable[[], None]) -> None:
        """The one bridge to the event loop; a loop that is gone has nobody to tell."""
        if self._loop is None or self._loop.is_closed():
            return
        try:
            self._loop.call_soon_threadsafe(callback)
        except RuntimeError:
            _log.debug("the event loop closed before it could be told")

    def _on_engine_ready(self) -> None:
        if self._status in (Status.STARTING, Status.RESTARTING):
            self._status = Status.READY

    def _on_end(self, stream: RequestStream, error: TTSError | None) -> None:
        """A stream ended, on whatever thread: leave the queues, free the place, count."""
        job = self.streams.close(stream.request_id)
        if job is None:
            return
        self._admission.release(stream.request_id)
        self._pipeline.discard(job)
        if not job.is_accepted:
            self.streams.forget(stream.request_id)
        job.settle(error)
        self._count_end(job, error)

    def _count_end(self, job: RequestJob, error: TTSError | None) -> None:
        duration_s = self._clock() - job.arrival_s
        if error is None:
            self.metrics.count("requests_finished_total")
            self.metrics.observe("request_seconds", duration_s)
            self.metrics.observe("rtf", duration_s / max(job.duration_s, 1e-9))
        elif isinstance(error, RequestCancelledError):
            self.metrics.count("requests_cancelled_total", label=job.stage)
        else:
            self.metrics.count("requests_failed_total", label=error.code)

    def _on_device_death(self, error: BaseException) -> None:
        """Everything resident is lost; requests still in preparation go on."""
        if self._status is Status.READY:
            self._status = Status.RESTARTING
        for job in self.streams.live_jobs():
            if job.is_accepted:
                job.stream.fail(EngineError("The engine is restarting; try again."))

    def _on_fatal(self, reason: str) -> None:
        self._status = Status.HUNG if reason == "hung" else Status.FAILED
        self._reason = reason
        self._fail_live(EngineError("The engine stopped working; try again."))
        self._notify_fatal(reason)

    def _fail_live(self, error: TTSError) -> None:
        for job in self.streams.live_jobs():
            job.stream.fail(error)

    def _sweep(self) -> None:
        """What passes with time: deadlines in the queue, listeners that never came, old logs."""
        now_s = self._clock()
        for job in self.streams.live_jobs():
            stream = job.stream
            if job.started_s is None and job.deadline_s is not None and now_s > job.deadline_s:
                stream.fail(DeadlineExceededError("The request waited too long to be started."))
            is_offered = stream.estimate is not None
            if is_offered and stream.idle_s > self.settings.abandon_after_s:
                stream.cancel("abandoned")
        if now_s - self._logs_swept_s > LOG_SWEEP_S:
            self._logs_swept_s = now_s
            self.streams.sweep()


def _settle(accepted: asyncio.Future[None], error: TTSError | None) -> None:
    if accepted.done():
        return
    if error is None:
        accepted.set_result(None)
    else:
        accepted.set_exception(error)
