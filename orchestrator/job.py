"""What the stages know about a request and its segments while it is being made."""

from __future__ import annotations

import enum
import threading
from collections.abc import Callable
from dataclasses import dataclass

from inference_types import (
    Priority,
    SegmentPlan,
    Slot,
    SynthesisRequest,
    TextSegment,
    TTSError,
    VoicePrompt,
)
from orchestrator.assembly import Assembler
from orchestrator.settings import OrchestratorSettings
from orchestrator.stream import RequestStream

PCM_SAMPLE_BYTES = 2


class Stage(enum.StrEnum):
    """Where a request is; labels of the cancellation counter."""

    PREPARING = "preparing"
    QUEUED = "queued"
    RUNNING = "running"


@dataclass(eq=False)
class SegmentTask:
    """A planned segment on its way through the device; changed by the device thread only.

    `bucket` is the smallest that holds it. `start_sample` is where the segment will stand in
    the stream, as far as planning knows.
    `is_alone` marks a suspect: it was in a step that failed and now runs at batch 1.
    `is_delivered` is set by the emit thread when the sound has been handed on.
    """

    job: RequestJob
    plan: SegmentPlan
    is_last: bool
    num_samples: int
    start_sample: int
    task_id: int
    num_steps: int
    bucket: int = 0
    slot: Slot | None = None
    num_done: int = 0
    num_failures: int = 0
    is_alone: bool = False
    is_delivered: bool = False

    @property
    def is_first(self) -> bool:
        return self.plan.segment_index == 0

    @property
    def is_gone(self) -> bool:
        """Nobody needs the device's work any more."""
        return self.is_delivered or self.job.is_ended

    @property
    def is_stepped(self) -> bool:
        return self.num_done >= self.num_steps

    def forget_device(self) -> None:
        """Back to the plan: the device state is lost and the segment starts again."""
        self.slot, self.num_done = None, 0


class RequestJob:
    """A live request. Planning counters are under `_lock`; the rest has one writer each.

    `settle(error or None)` tells the submitter how preparation went (repeats are ignored).
    """

    def __init__(
        self,
        request: SynthesisRequest,
        stream: RequestStream,
        *,
        arrival_s: float,
        deadline_s: float | None,
        settle: Callable[[TTSError | None], None],
    ) -> None:
        self.request = request
        self.stream = stream
        self.arrival_s = arrival_s
        self.deadline_s = deadline_s
        self.voice: VoicePrompt | None = None
        self.segments: list[TextSegment] = []
        self.duration_s = 0.0
        self.segment_work_s = 0.0
        self.is_accepted = False
        self.settle = settle
        self.assembler: Assembler | None = None
        self.started_s: float | None = None
        self.first_audio_s: float | None = None
        self.device_steps = 0
        self._lock = threading.Lock()
        self._is_planning = False
        self._next_segment = 0
        self._open_samples: dict[int, int] = {}
        self._planned_samples = 0

    @property
    def is_ended(self) -> bool:
        return self.stream.is_ended

    @property
    def is_offline(self) -> bool:
        return self.request.priority is Priority.OFFLINE

    @property
    def stage(self) -> Stage:
        if not self.is_accepted:
            return Stage.PREPARING
        return Stage.QUEUED if self.started_s is None else Stage.RUNNING

    def accept(self, voice: VoicePrompt, segments: list[TextSegment], duration_s: float) -> None:
        """Preparation succeeded; the first segment is claimed by whoever prepared it."""
        self.voice, self.segments, self.duration_s = voice, segments, duration_s
        self._is_planning = True
        self.is_accepted = True

    def claim_segment(self, settings: OrchestratorSettings, sample_rate: int) -> TextSegment | None:
        """The next segment to plan, now the caller's to plan; None while none is wanted."""
        with self._lock:
            if self._is_planning or self._next_segment >= len(self.segments) or self.is_ended:
                return None
            if not self._may_run_ahead(settings, sample_rate):
                return None
            self._is_planning = True
            return self.segments[self._next_segment]

    def _may_run_ahead(self, settings: OrchestratorSettings, sample_rate: int) -> bool:
        """Never more than max(limit, limit/2 + one segment) of unread sound.

        A segment is let in while it fits the limit, and also while half of the limit is free:
        otherwise a segment as long as the limit would wait until the listener ran dry.
        """
        log = self.stream.log
        unread = log.num_samples - log.read_samples + sum(self._open_samples.values())
        if self.is_offline:
            max_open, limit = settings.offline_segments_ahead, settings.offline_ahead_bytes
            max_unread = limit // PCM_SAMPLE_BYTES
        else:
            max_open = settings.max_segments_ahead
            max_unread = min(
                settings.pause_ahead_bytes // PCM_SAMPLE_BYTES,
                int(settings.pause_ahead_s * sample_rate),
            )
        if len(self._open_samples) >= max_open:
            return False
        next_samples = self.duration_s * sample_rate / max(1, len(self.segments))
        return unread + next_samples <= max_unread or 2 * unread <= max_unread

    def open_task(self, plan: SegmentPlan, num_samples: int, task_id: int) -> SegmentTask:
        """The claimed segment was planned: its task, counted as open until `close_segment`."""
        with self._lock:
            task = SegmentTask(
                job=self,
                plan=plan,
                is_last=self.segments[plan.segment_index].is_last,
                num_samples=num_samples,
                start_sample=self._planned_samples,
                task_id=task_id,
                num_steps=plan.schedule.num_steps,
            )
            self._is_planning = False
            self._next_segment += 1
            self._open_samples[plan.segment_index] = num_samples
            self._planned_samples += num_samples
            return task

    def close_segment(self, segment_index: int) -> None:
        """The segment's sound is in the log."""
        with self._lock:
            del self._open_samples[segment_index]
