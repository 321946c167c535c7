"""Host threads that turn requests into segment plans, no further ahead than listeners need."""

from __future__ import annotations

import itertools
import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass

from inference_types import (
    EngineError,
    EngineSpec,
    Frontend,
    SegmentPlan,
    StreamEstimate,
    TextSegment,
    TTSError,
)
from orchestrator.admission import Admission
from orchestrator.costs import CostTable
from orchestrator.dispatch import DispatchMessage
from orchestrator.job import RequestJob
from orchestrator.metrics import Metrics
from orchestrator.settings import OrchestratorSettings
from orchestrator.stage_queue import StageQueue
from orchestrator.stream import Clock

_log = logging.getLogger(__name__)
POLL_S = 0.5


@dataclass(frozen=True, eq=False)
class PreprocessItem:
    """Prepare a request (`segment` None), or plan one of its segments."""

    job: RequestJob
    segment: TextSegment | None = None

    @property
    def rank(self) -> int:
        """New requests first: their listeners have heard nothing yet."""
        return 2 * self.job.request.priority + (self.segment is not None)

    @property
    def is_upload(self) -> bool:
        """Starts with decoding an uploaded voice: seconds at worst, where the rest takes
        milliseconds."""
        return self.segment is None and self.job.request.reference is not None


class Preprocessor:
    """load_voice, split and the first plan before a request is accepted; then plan by plan.

    Uploaded voices have a queue and a thread of their own: behind two files that took 3 s to
    decode, a listener's next segment was planned 3 s late.
    """

    def __init__(
        self,
        frontend: Frontend,
        spec: EngineSpec,
        settings: OrchestratorSettings,
        *,
        to_preprocess: StageQueue[PreprocessItem],
        to_upload: StageQueue[PreprocessItem],
        to_dispatch: StageQueue[DispatchMessage],
        admission: Admission,
        costs: Callable[[], CostTable | None],
        metrics: Metrics,
        clock: Clock,
    ) -> None:
        self._frontend = frontend
        self._spec = spec
        self._settings = settings
        self._to_preprocess = to_preprocess
        self._to_upload = to_upload
        self._to_dispatch = to_dispatch
        self._admission = admission
        self._costs = costs
        self._metrics = metrics
        self._clock = clock
        self._task_ids = itertools.count()

    def run(self, queue: StageQueue[PreprocessItem], stop: threading.Event) -> None:
        """Body of a thread that serves one of the two queues."""
        while not stop.is_set():
            self._run_one(queue)

    def _run_one(self, queue: StageQueue[PreprocessItem]) -> None:
        """In a frame of its own, so that waiting for the next item keeps no request alive."""
        item = queue.get(POLL_S)
        if item is not None and not item.job.is_ended:
            self._handle(item)

    def enqueue(self, item: PreprocessItem) -> None:
        """Put an item; an end that came in between takes it out again."""
        queue = self._to_upload if item.is_upload else self._to_preprocess
        queue.put(item, item.rank)
        if item.job.is_ended:
            queue.discard(lambda other: other.job is item.job)

    def pump(self, job: RequestJob) -> None:
        """Have the next segment planned if the request may run further ahead (any thread)."""
        segment = job.claim_segment(self._settings, self._spec.sample_rate)
        if segment is not None:
            self.enqueue(PreprocessItem(job, segment))

    def _handle(self, item: PreprocessItem) -> None:
        job = item.job
        try:
            if item.segment is None:
                self._prepare(job)
            else:
                self._plan(job, item.segment)
        except TTSError as error:
            job.stream.fail(error)
        except Exception:  # noqa: BLE001 - a broken request must not take its peers along
            _log.exception("preparing request %s failed", job.request.request_id)
            job.stream.fail(TTSError("The request could not be prepared."))
        except BaseException:
            job.stream.fail(EngineError("The server is recovering; try again."))
            raise
        self.pump(job)

    def _prepare(self, job: RequestJob) -> None:
        """Everything that can refuse a request, the first plan included; then event 0."""
        request = job.request
        voice = self._frontend.load_voice(request)
        segments = self._frontend.split(request, voice)
        duration_s = self._frontend.estimate_duration_s(request, voice, segments)
        plan = self._frontend.plan(request, voice, segments[0])
        self._reserve(job, plan, len(segments), duration_s)
        job.accept(voice, segments, duration_s)
        estimate = StreamEstimate(
            request_id=request.request_id,
            sample_rate=self._spec.sample_rate,
            duration_s=duration_s,
            num_segments=len(segments),
            seed=request.seed,
            num_steps=plan.schedule.num_steps,
        )
        if job.stream.append(estimate):
            self._metrics.observe("prepare_seconds", self._clock() - job.arrival_s)
            self._open_task(job, plan)
            job.settle(None)

    def _reserve(
        self, job: RequestJob, plan: SegmentPlan, num_segments: int, duration_s: float
    ) -> None:
        costs = self._costs()
        if costs is None:
            raise EngineError("The engine is starting; try again.")
        work_s = costs.request_work_s(
            duration_s, num_segments, plan.num_ref_frames, plan.schedule.num_steps
        )
        job.segment_work_s = work_s / num_segments
        self._admission.set_work(job.request.request_id, work_s, duration_s)

    def _plan(self, job: RequestJob, segment: TextSegment) -> None:
        assert job.voice is not None
        self._open_task(job, self._frontend.plan(job.request, job.voice, segment))

    def _open_task(self, job: RequestJob, plan: SegmentPlan) -> None:
        num_samples = plan.num_new_frames * self._spec.hop_samples
        task = job.open_task(plan, num_samples, next(self._task_ids))
        self._to_dispatch.put(task)
        if job.is_ended:
            self._to_dispatch.discard(lambda other: other is task)
