"""The device thread's book: which segments it has, and who holds which slot."""

from __future__ import annotations

import heapq
from collections.abc import Iterable
from dataclasses import dataclass, field

from inference_types import EngineSpec, Slot
from orchestrator.costs import CostTable
from orchestrator.job import SegmentTask
from orchestrator.schedule import Rank, Row, playback_slack_s


@dataclass
class RowViews:
    """All segments as the policy sees them: to prefill, to step, to vocode."""

    waiting: list[Row] = field(default_factory=list)
    running: list[Row] = field(default_factory=list)
    finished: list[Row] = field(default_factory=list)


class SlotTable:
    """Segments by id and free slots by bucket. Lowest free index first; a slot is freed once."""

    def __init__(self, spec: EngineSpec) -> None:
        self._spec = spec
        self._tasks: dict[int, SegmentTask] = {}
        self._free: dict[int, list[int]] = {}
        self.free_all()

    def __contains__(self, task: SegmentTask) -> bool:
        return task.task_id in self._tasks

    def __getitem__(self, task_id: int) -> SegmentTask:
        return self._tasks[task_id]

    def add(self, task: SegmentTask) -> None:
        self._tasks[task.task_id] = task

    def remove(self, task: SegmentTask) -> None:
        del self._tasks[task.task_id]

    def clear(self) -> None:
        self._tasks.clear()

    def gone(self) -> list[SegmentTask]:
        """Segments nobody wants any more: their stream ended, or their sound is out."""
        return [task for task in self._tasks.values() if task.is_gone]

    def num_free(self) -> dict[int, int]:
        return {bucket: len(indices) for bucket, indices in self._free.items()}

    def num_used(self) -> dict[int, int]:
        return {
            b.max_frames: b.num_slots - len(self._free[b.max_frames]) for b in self._spec.buckets
        }

    def take_slot(self, task: SegmentTask, bucket: int) -> Slot:
        task.slot = Slot(bucket, heapq.heappop(self._free[bucket]))
        return task.slot

    def give_slot(self, task: SegmentTask) -> None:
        assert task.slot is not None, "a slot is freed once"
        heapq.heappush(self._free[task.slot.bucket], task.slot.index)
        task.slot = None

    def free_all(self) -> None:
        self._free = {b.max_frames: list(range(b.num_slots)) for b in self._spec.buckets}

    def evict(self, also: Iterable[SegmentTask]) -> list[SegmentTask]:
        """The device state is lost: every resident, and `also`, starts again from its plan."""
        residents = {t.task_id: t for t in self._tasks.values() if t.slot is not None}
        residents |= {t.task_id: t for t in also if not t.is_gone}
        self._tasks |= residents
        for task in residents.values():
            task.forget_device()
        self.free_all()
        return list(residents.values())

    def views(self, costs: CostTable, now_s: float) -> RowViews:
        views = RowViews()
        for task in self._tasks.values():
            row = self._row(task, costs, now_s)
            if task.slot is None:
                views.waiting.append(row)
            elif task.is_stepped:
                views.finished.append(row)
            else:
                views.running.append(row)
        return views

    def _row(self, task: SegmentTask, costs: CostTable, now_s: float) -> Row:
        job, num_left = task.job, task.num_steps - task.num_done
        bucket = task.bucket if task.slot is None else task.slot.bucket
        if job.is_offline:
            rank, urgency_s = Rank.OFFLINE, job.arrival_s
        elif task.is_first:
            rank, urgency_s = Rank.FIRST, job.arrival_s
        else:
            rank = Rank.PLAYING
            since_s = now_s if job.first_audio_s is None else job.first_audio_s
            urgency_s = playback_slack_s(
                start_sample=task.start_sample,
                played_s=now_s - since_s,
                read_samples=job.stream.log.read_samples,
                sample_rate=self._spec.sample_rate,
                work_left_s=num_left * costs.step_s[bucket, costs.sizes[0]],
            )
        return Row(
            task_id=task.task_id,
            bucket=bucket,
            num_frames=task.plan.num_frames,
            rank=rank,
            urgency_s=urgency_s,
            num_left=num_left,
            is_alone=task.is_alone,
        )
