"""The policy by itself: who goes next, in which batch, with how many fused steps."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inference_types import BucketSpec, EngineSpec
from orchestrator.costs import CostTable
from orchestrator.schedule import (
    Rank,
    Row,
    SideJob,
    StepChoice,
    StepLimits,
    choose_eviction,
    choose_side_jobs,
    choose_step,
    playback_slack_s,
)

SPEC = EngineSpec(
    sample_rate=24_000,
    hop_samples=256,
    mel_dim=4,
    buckets=(BucketSpec(max_frames=100, num_slots=4), BucketSpec(max_frames=200, num_slots=2)),
    batch_sizes=(1, 2, 4, 8),
    fused_steps=(1, 2, 4),
)
LIMITS = StepLimits(min_batch_rows=2, batch_efficiency=0.9, max_tick_s=0.25, max_fused_s=0.05)


def table(*times_s: float) -> CostTable:
    """Step times of 1, 2, 4 and 8 rows, the same in both buckets."""
    measured = {
        (bucket.max_frames, size): time_s
        for bucket in SPEC.buckets
        for size, time_s in zip(SPEC.batch_sizes, times_s, strict=True)
    }
    return CostTable.from_calibration(SPEC, measured)


PARALLEL = table(0.010, 0.011, 0.012, 0.014)  # batching is nearly free
SERIAL = table(0.010, 0.020, 0.040, 0.080)  # batching gains nothing


def row(task_id: int, rank: Rank = Rank.FIRST, urgency_s: float = 0.0, **fields: object) -> Row:
    values = {"bucket": 100, "num_frames": 80, "num_left": 8} | fields
    return Row(task_id=task_id, rank=rank, urgency_s=urgency_s, **values)  # type: ignore[arg-type]


def step(rows: list[Row], costs: CostTable = PARALLEL, is_waiting: bool = True) -> StepChoice:
    choice = choose_step(rows, costs, LIMITS, is_anything_waiting=is_waiting)
    assert choice is not None
    return choice


def test_nothing_to_step() -> None:
    assert choose_step([], PARALLEL, LIMITS, is_anything_waiting=False) is None


def test_first_segments_come_before_anything_however_late() -> None:
    rows = [
        row(1, Rank.PLAYING, -5.0, bucket=200),
        row(2, Rank.OFFLINE, 0.0, bucket=200),
        row(3, Rank.FIRST, 99.0),
    ]
    assert step(rows).task_ids == (3,)


def test_first_segments_are_served_in_order_of_arrival() -> None:
    rows = [row(i, urgency_s=10.0 - i) for i in range(6)]
    assert step(rows, SERIAL).task_ids == (5, 4)  # two always share, more do not pay


def test_later_segments_are_served_by_least_slack() -> None:
    rows = [row(1, Rank.PLAYING, 3.0), row(2, Rank.PLAYING, -1.0), row(3, Rank.PLAYING, 1.0)]
    assert step(rows, SERIAL).task_ids == (2, 3)


def test_offline_work_fills_what_listeners_leave() -> None:
    rows = [row(1, Rank.OFFLINE), row(2, Rank.PLAYING, 3.0)]
    assert step(rows).task_ids == (2, 1)


def test_equally_urgent_rows_share_a_step_while_that_pays() -> None:
    assert len(step([row(i) for i in range(8)], PARALLEL).task_ids) == 8
    assert len(step([row(i) for i in range(8)], SERIAL).task_ids) == 2


def test_behind_a_first_segment_others_only_take_places_that_were_padding() -> None:
    firsts = [row(i, urgency_s=i) for i in range(3)]
    later = [row(10 + i, Rank.PLAYING, i) for i in range(5)]
    choice = step(firsts + later)
    assert (choice.task_ids, choice.batch_size) == ((0, 1, 2, 10), 4)
    assert step([firsts[0], *later]).task_ids == (0,)


def test_a_suspect_runs_alone_and_before_all() -> None:
    rows = [row(1), row(2, Rank.OFFLINE, 9.0, is_alone=True), row(3)]
    assert step(rows).task_ids == (2,)
    assert step(rows[::2]).task_ids == (1, 3)


def test_steps_are_fused_only_when_nothing_waits_and_nobody_is_overrun() -> None:
    assert step([row(1)], is_waiting=False).num_fused == 4
    assert step([row(1)], is_waiting=True).num_fused == 1
    assert step([row(1, num_left=3)], is_waiting=False).num_fused == 2
    assert step([row(1), row(2, bucket=200)], is_waiting=False).num_fused == 1
    slow = table(0.02, 0.04, 0.08, 0.16)
    assert step([row(1)], slow, is_waiting=False).num_fused == 2  # 0.05 s a dispatch


def test_batches_too_slow_for_a_tick_are_not_taken() -> None:
    steep = table(0.1, 0.15, 0.2, 0.3)
    assert step([row(i) for i in range(8)], steep).batch_size == 4
    assert step([row(i) for i in range(8)], table(1.0, 2.0, 4.0, 8.0)).batch_size == 2


def test_padding_counts_empty_places_and_short_rows() -> None:
    choice = step([row(i, num_frames=75) for i in range(3)])
    assert choice.batch_size == 4
    assert choice.padding == pytest.approx(1 - 3 * 75 / 400)


@pytest.mark.parametrize(
    ("played_s", "read_samples", "slack_s"),
    [
        (0.0, 0, 1.5),  # nothing played: 2 s of sound before it, 0.5 s of work
        (1.0, 48_000, 0.5),  # a second was played
        (3.0, 48_000, -0.5),  # everything was played: the listener waits
        (3.0, 12_000, 1.0),  # only half a second was ever read
    ],
)
def test_slack_is_time_to_playback_less_work(
    played_s: float, read_samples: int, slack_s: float
) -> None:
    assert slack_s == playback_slack_s(
        start_sample=48_000,
        played_s=played_s,
        read_samples=read_samples,
        sample_rate=24_000,
        work_left_s=0.5,
    )


def side(
    waiting: list[Row], finished: list[Row], free: dict[int, int], **limits: int
) -> list[SideJob]:
    limits = {"max_jobs": 2, "max_vocodes": 4} | limits
    return choose_side_jobs(waiting, finished, free, PARALLEL, **limits)


def vocode(task_id: int) -> SideJob:
    return SideJob(task_id=task_id, is_vocode=True, bucket=100)


def prefill(task_id: int, bucket: int = 100) -> SideJob:
    return SideJob(task_id=task_id, is_vocode=False, bucket=bucket)


def test_side_jobs_in_order_vocode_of_first_segments_first() -> None:
    waiting = [row(1), row(2, Rank.PLAYING, -9.0)]
    finished = [row(3, Rank.PLAYING), row(4)]
    free = {100: 4, 200: 2}
    jobs = side(waiting, finished, free, max_jobs=9)
    assert jobs == [vocode(4), prefill(1), vocode(3), prefill(2)]
    assert side(waiting, finished, free) == jobs[:2]


def test_vocodes_wait_when_too_many_are_under_way() -> None:
    assert side([], [row(1), row(2)], {}, max_vocodes=1) == [vocode(1)]
    assert side([row(3)], [row(1)], {100: 1}, max_vocodes=0) == [prefill(3)]


def test_the_last_slot_is_kept_for_a_first_segment() -> None:
    assert side([row(1, Rank.PLAYING)], [], {100: 1}) == []
    assert side([row(1, Rank.OFFLINE)], [], {100: 2}) == [prefill(1)]
    assert side([row(1)], [], {100: 1}) == [prefill(1)]
    assert side([row(1)], [], {100: 0}) == []


def test_a_row_is_lifted_only_into_a_bucket_it_nearly_fills() -> None:
    own_full = {100: 0, 200: 2}
    assert side([row(1, num_frames=80)], [], own_full) == []
    wide = EngineSpec(
        sample_rate=24_000,
        hop_samples=256,
        mel_dim=4,
        buckets=(BucketSpec(max_frames=100, num_slots=1), BucketSpec(max_frames=120, num_slots=1)),
        batch_sizes=(1,),
    )
    costs = CostTable.from_calibration(wide, {(100, 1): 0.1, (120, 1): 0.1})
    jobs = choose_side_jobs(
        [row(1, num_frames=95)], [], {100: 0, 120: 1}, costs, max_jobs=2, max_vocodes=1
    )
    assert jobs == [prefill(1, bucket=120)]


def test_offline_rows_give_their_slot_to_a_listener() -> None:
    running = [row(1, Rank.OFFLINE, num_left=2), row(2, Rank.OFFLINE, num_left=7), row(3)]
    newcomer = [row(9, Rank.FIRST)]

    def evicted(waiting: list[Row], num_free: int, rows: list[Row] = running) -> int | None:
        return choose_eviction(waiting, rows, {100: num_free, 200: 0}, PARALLEL)

    assert evicted(newcomer, num_free=0) == 2
    assert evicted(newcomer, num_free=1) is None
    assert evicted([row(9, Rank.PLAYING)], num_free=1) == 2, "the last slot is not for these"
    assert evicted([row(9, Rank.OFFLINE)], num_free=0) is None
    assert evicted(newcomer, num_free=0, rows=running[2:]) is None
    assert evicted([row(9, bucket=200, num_frames=150)], num_free=4) is None


def test_a_row_that_cannot_be_placed_does_not_block_the_next() -> None:
    waiting = [row(1), row(2, bucket=200, num_frames=150, urgency_s=5.0)]
    assert side(waiting, [], {100: 0, 200: 1}) == [prefill(2, bucket=200)]


rows_strategy = st.lists(
    st.builds(
        Row,
        task_id=st.integers(0, 10_000),
        bucket=st.sampled_from([100, 200]),
        num_frames=st.integers(10, 100),
        rank=st.sampled_from(list(Rank)),
        urgency_s=st.floats(-10, 10),
        num_left=st.integers(1, 32),
        is_alone=st.booleans(),
    ),
    min_size=1,
    max_size=20,
    unique_by=lambda row: row.task_id,
)
costs_strategy = st.lists(st.floats(0.001, 0.5), min_size=4, max_size=4).map(
    lambda times: table(*sorted(times))
)


@settings(max_examples=100, deadline=None)
@given(rows=rows_strategy, costs=costs_strategy, is_waiting=st.booleans())
def test_every_choice_can_be_carried_out(
    rows: list[Row], costs: CostTable, is_waiting: bool
) -> None:
    choice = step(rows, costs, is_waiting)
    by_id = {row.task_id: row for row in rows}
    chosen = [by_id[task_id] for task_id in choice.task_ids]
    assert len(set(choice.task_ids)) == len(choice.task_ids) > 0
    assert {row.bucket for row in chosen} == {choice.bucket}
    assert len(chosen) <= choice.batch_size in SPEC.batch_sizes
    assert choice.num_fused in SPEC.fused_steps
    assert all(row.num_left >= choice.num_fused for row in chosen)
    assert chosen[0] == min(rows, key=lambda row: row.order), "the most urgent row leads"
    assert len(chosen) == 1 or not any(row.is_alone for row in chosen)
    assert 0 <= choice.padding < 1
