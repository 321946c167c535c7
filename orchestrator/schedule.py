"""Which rows the device works on next. Pure policy: no threads, no clock, no device.

Order of service, for steps and for everything else:
  suspects   segments that were in a failed step: alone, so that the guilty one is found
  FIRST      first segments, earliest arrival first: nobody waits for sound behind run-ahead
  PLAYING    later segments, least slack first: slack is the time until the listener's
             playback reaches the segment, less the work still to do
  OFFLINE    nobody listens; earliest arrival first
"""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from orchestrator.costs import CostTable

# A row may use a larger bucket than its own while at least this share of it is real.
MIN_LIFT_FILL = 0.75


class Rank(enum.IntEnum):
    FIRST = 0
    PLAYING = 1
    OFFLINE = 2


# Not frozen: hundreds are made per tick, and a frozen one takes three times as long to make.
@dataclass(kw_only=True, slots=True)
class Row:
    """A segment as the policy sees it. `urgency_s` compares within a rank, smaller is sooner."""

    task_id: int
    bucket: int
    num_frames: int
    rank: Rank
    urgency_s: float
    num_left: int = 0
    is_alone: bool = False

    @property
    def order(self) -> tuple[bool, int, float, int, int]:
        return (not self.is_alone, self.rank, self.urgency_s, self.num_left, self.task_id)


@dataclass(frozen=True, kw_only=True)
class StepLimits:
    """What a tick may cost; see OrchestratorSettings."""

    min_batch_rows: int
    batch_efficiency: float
    max_tick_s: float
    max_fused_s: float


@dataclass(frozen=True, kw_only=True)
class StepChoice:
    """Rows of one bucket to advance by `num_fused` steps, run as `batch_size` places."""

    bucket: int
    task_ids: tuple[int, ...]
    batch_size: int
    num_fused: int
    padding: float


@dataclass(frozen=True, kw_only=True)
class SideJob:
    """A prefill into `bucket`, or the vocoding of a finished row."""

    task_id: int
    is_vocode: bool
    bucket: int


def playback_slack_s(
    *, start_sample: int, played_s: float, read_samples: int, sample_rate: int, work_left_s: float
) -> float:
    """Seconds to spare until the listener needs the segment's first sample.

    The listener is modelled as playing since the first chunk was made (`played_s` ago), but
    never beyond what was read: who reads slowly, or not at all, loses urgency.
    """
    position_s = min(played_s, read_samples / sample_rate)
    return start_sample / sample_rate - position_s - work_left_s


def choose_step(
    rows: Sequence[Row], costs: CostTable, limits: StepLimits, *, is_anything_waiting: bool
) -> StepChoice | None:
    """The next step, led by the most urgent row; None without rows.

    Rows as urgent as the leader share its step as far as batching pays (`CostTable.batch_size`).
    Less urgent rows of the bucket only take places that would be padding: behind a first
    segment nobody else may make the step longer.
    """
    if not rows:
        return None
    ordered = sorted(rows, key=lambda row: row.order)
    lead = ordered[0]
    mates = [row for row in ordered if row.bucket == lead.bucket and not row.is_alone]
    if lead.is_alone:
        chosen, size = [lead], costs.padded(1)
    else:
        num_peers = sum(_shares_budget(row, lead) for row in mates)
        size = costs.batch_size(
            lead.bucket,
            num_peers,
            min_rows=limits.min_batch_rows,
            efficiency=limits.batch_efficiency,
            max_step_s=limits.max_tick_s,
        )
        chosen = mates[:size]
    is_idle_otherwise = not is_anything_waiting and len(chosen) == len(rows)
    num_fused = _fused_steps(chosen, size, costs, limits) if is_idle_otherwise else 1
    return StepChoice(
        bucket=lead.bucket,
        task_ids=tuple(row.task_id for row in chosen),
        batch_size=size,
        num_fused=num_fused,
        padding=1 - sum(row.num_frames for row in chosen) / (size * lead.bucket),
    )


def _shares_budget(row: Row, lead: Row) -> bool:
    return row.rank == lead.rank or lead.rank != Rank.FIRST


def _fused_steps(chosen: Sequence[Row], size: int, costs: CostTable, limits: StepLimits) -> int:
    """The most steps in one dispatch that no row outruns and that fit the tick."""
    step_s = costs.step_s[chosen[0].bucket, size]
    num_left = min(row.num_left for row in chosen)
    fitting = [
        k for k in costs.spec.fused_steps if k <= num_left and k * step_s <= limits.max_fused_s
    ]
    return max(fitting, default=1)


def choose_side_jobs(
    waiting: Sequence[Row],
    finished: Sequence[Row],
    num_free: Mapping[int, int],
    costs: CostTable,
    *,
    max_jobs: int,
    max_vocodes: int,
) -> list[SideJob]:
    """Prefills and vocodes of this tick, most urgent first; a vocode before its like.

    Later and offline segments leave the last free slot of a bucket to a first segment (where
    the bucket has more than one), so that run-ahead never locks a newcomer out.
    """
    free = dict(num_free)
    jobs: list[SideJob] = []
    ordered = sorted(
        [(row, False) for row in waiting] + [(row, True) for row in finished],
        key=lambda entry: (entry[0].order[:2], not entry[1], entry[0].order),
    )
    for row, is_vocode in ordered:
        if len(jobs) == max_jobs:
            break
        if is_vocode:
            if max_vocodes > 0:
                max_vocodes -= 1
                jobs.append(SideJob(task_id=row.task_id, is_vocode=True, bucket=row.bucket))
        elif (bucket := _bucket_with_room(row, free, costs)) is not None:
            free[bucket] -= 1
            jobs.append(SideJob(task_id=row.task_id, is_vocode=False, bucket=bucket))
    return jobs


def choose_eviction(
    waiting: Sequence[Row], running: Sequence[Row], num_free: Mapping[int, int], costs: CostTable
) -> int | None:
    """Task of an offline row that must give its slot to somebody's listener; usually None.

    Offline rows pause behind listeners, so a slot they hold would stay taken. The one with the
    most steps left loses least; it starts again from its plan.
    """
    for row in sorted(waiting, key=lambda row: row.order):
        if row.rank is Rank.OFFLINE or _bucket_with_room(row, num_free, costs) is not None:
            continue
        rivals = [r for r in running if r.rank is Rank.OFFLINE and r.bucket == row.bucket]
        if rivals:
            return max(rivals, key=lambda rival: (rival.num_left, rival.task_id)).task_id
    return None


def _bucket_with_room(row: Row, free: Mapping[int, int], costs: CostTable) -> int | None:
    for bucket in sorted(costs.spec.buckets, key=lambda bucket: bucket.max_frames):
        size = bucket.max_frames
        is_own = size == row.bucket
        if size < row.bucket or not (is_own or row.num_frames >= MIN_LIFT_FILL * size):
            continue
        is_reserved = row.rank != Rank.FIRST and not row.is_alone and bucket.num_slots > 1
        if free.get(size, 0) > (1 if is_reserved else 0):
            return size
    return None
