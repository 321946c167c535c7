"""The stages, the queues between them and the threads that run them, built and torn down."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from inference_types import Engine, Frontend
from orchestrator.admission import Admission
from orchestrator.assembly import JoinerFactory
from orchestrator.dispatch import Dispatcher
from orchestrator.flight import DeviceFlight, DispatchMessage, EmitItem
from orchestrator.job import RequestJob
from orchestrator.metrics import Metrics
from orchestrator.postprocess import Emitter
from orchestrator.preprocess import PreprocessItem, Preprocessor
from orchestrator.settings import OrchestratorSettings
from orchestrator.stage_queue import StageQueue
from orchestrator.stage_thread import StageThread
from orchestrator.stream import Clock
from orchestrator.supervisor import Supervisor, Watched

_log = logging.getLogger(__name__)
# A tick may hold a step, a prefill and a vocode, and two ticks are in flight.
HANG_STEPS = 20


@dataclass(frozen=True, kw_only=True)
class PipelineHooks:
    """What the stages tell their owner; called on the thread where it happens."""

    on_engine_ready: Callable[[], None]
    on_device_death: Callable[[BaseException], None]
    on_fatal: Callable[[str], None]
    sweep: Callable[[], None]


class Pipeline:
    """preprocess-0..N, upload-0 -> to_dispatch -> dispatch-0 -> to_emit -> emit-0, under
    supervisor-0.

    Each queue has one owner stage (its reader) and a bound that follows from the settings:

        to_preprocess  one item per live request: the next is claimed when the last is planned
        to_upload      one item per live request that brings a voice of its own
        to_dispatch    open segments of live requests, and one report per result under way
        to_emit        what the permits let be dispatched and not awaited
    """

    def __init__(
        self,
        engine: Engine,
        frontend: Frontend,
        make_joiner: JoinerFactory,
        settings: OrchestratorSettings,
        *,
        admission: Admission,
        metrics: Metrics,
        clock: Clock,
        hooks: PipelineHooks,
    ) -> None:
        self._settings = settings
        in_flight = settings.max_ticks_in_flight + settings.max_vocodes_in_flight
        self._to_preprocess = StageQueue[PreprocessItem](
            "to_preprocess", settings.max_concurrent_requests
        )
        self._to_upload = StageQueue[PreprocessItem]("to_upload", settings.max_concurrent_requests)
        self._to_dispatch = StageQueue[DispatchMessage](
            "to_dispatch", settings.max_open_segments + in_flight
        )
        self._to_emit = StageQueue[EmitItem]("to_emit", in_flight)
        self.queues = (self._to_preprocess, self._to_upload, self._to_dispatch, self._to_emit)
        self.flight = DeviceFlight(settings.max_ticks_in_flight, settings.max_vocodes_in_flight)
        self.dispatcher = Dispatcher(
            engine,
            settings,
            to_dispatch=self._to_dispatch,
            to_emit=self._to_emit,
            flight=self.flight,
            metrics=metrics,
            clock=clock,
            on_ready=hooks.on_engine_ready,
        )
        self._preprocessor = Preprocessor(
            frontend,
            engine.spec,
            settings,
            to_preprocess=self._to_preprocess,
            to_upload=self._to_upload,
            to_dispatch=self._to_dispatch,
            admission=admission,
            costs=lambda: self.dispatcher.costs,
            metrics=metrics,
            clock=clock,
        )
        self._emitter = Emitter(
            settings,
            engine.spec.sample_rate,
            to_emit=self._to_emit,
            to_dispatch=self._to_dispatch,
            flight=self.flight,
            admission=admission,
            metrics=metrics,
            clock=clock,
            make_joiner=make_joiner,
            pump=self._preprocessor.pump,
            on_delivered=self.dispatcher.note_delivered,
            on_step=self.dispatcher.pace.note,
        )
        self.supervisor = Supervisor(
            settings,
            clock,
            hang_after_s=self._hang_after_s,
            sweep=hooks.sweep,
            on_restart=lambda name: metrics.count("thread_restarts_total", label=name),
            on_fatal=hooks.on_fatal,
        )
        self._threads = self._make_threads(hooks)

    def _make_threads(self, hooks: PipelineHooks) -> list[StageThread]:
        """All threads, in the order of stopping: nobody restarts, then stage after stage."""
        wake, run = self.supervisor.wake, self._preprocessor.run
        preprocess = [
            StageThread(f"preprocess-{index}", partial(run, self._to_preprocess), wake)
            for index in range(self._settings.num_preprocess_threads)
        ]
        # One is enough: the decoder is one process.
        preprocess.append(StageThread("upload-0", partial(run, self._to_upload), wake))
        dispatch = StageThread("dispatch-0", self.dispatcher.run, wake)
        emit = StageThread("emit-0", self._emitter.run, wake)
        self.supervisor.watch(
            [
                Watched(
                    thread=dispatch,
                    heartbeat=self.dispatcher.heartbeat,
                    on_death=hooks.on_device_death,
                ),
                Watched(thread=emit, heartbeat=self._emitter.heartbeat),
                *(Watched(thread=thread) for thread in preprocess),
            ]
        )
        supervisor = StageThread("supervisor-0", self.supervisor.run, lambda: None)
        return [supervisor, *preprocess, dispatch, emit]

    def _hang_after_s(self) -> float:
        """A hang on this device: never shorter than a few of its slowest steps in flight."""
        costs = self.dispatcher.costs
        slowest_step_s = 0.0 if costs is None else max(costs.step_s.values())
        return max(self._settings.hang_after_s, HANG_STEPS * slowest_step_s)

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def prepare(self, job: RequestJob) -> None:
        """Hand a new request to the first stage."""
        self._preprocessor.enqueue(PreprocessItem(job))

    def pump(self, job: RequestJob) -> None:
        """The listener read on: perhaps more may be planned."""
        self._preprocessor.pump(job)

    def discard(self, job: RequestJob) -> None:
        """The request ended: out of every queue now, its slots at the next tick."""
        for queue in (self._to_preprocess, self._to_upload):
            queue.discard(lambda item: item.job is job)
        self._to_dispatch.discard(lambda item: getattr(item, "job", None) is job)
        self._to_dispatch.wake()

    def gauges(self) -> dict[str, dict[str, float]]:
        """What the stages hold now; read without their locks."""
        used = self.dispatcher.slots.num_used()
        return {
            "queue_depth": {queue.name: len(queue) for queue in self.queues},
            "slots_used": {str(bucket): num_slots for bucket, num_slots in used.items()},
            "ticks_in_flight": {"": self.flight.num_ticks},
            "device_pace": {"": self.dispatcher.pace.value},
            "compilations": {"": self.dispatcher.num_compilations},
            "heartbeat_age_seconds": {"": self.supervisor.heartbeat_age_s},
        }

    @property
    def is_stopped(self) -> bool:
        """No thread runs: none was started, or all were joined."""
        return not any(thread.is_alive for thread in self._threads)

    def stop(self) -> list[str]:
        """The one stop path: close the queues, join every thread; names of those that hang.

        Blocks up to `stop_timeout_s`; call it off the event loop.
        """
        for thread in self._threads:
            thread.stop.set()
        self.supervisor.wake()
        for queue in self.queues:
            queue.close()
        deadline_s = time.monotonic() + self._settings.stop_timeout_s
        hung = [
            thread.name
            for thread in self._threads
            if not thread.join(max(0.0, deadline_s - time.monotonic()))
        ]
        if hung:
            _log.error("threads that did not stop: %s", ", ".join(hung))
        return hung
