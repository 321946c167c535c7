"""Predictions follow what steps really take, whatever the calibration at start-up saw."""

import pytest

from inference_types import BucketSpec, EngineSpec
from orchestrator.costs import MAX_PACE, CostTable, Pace
from tests.orchestrator.harness import Bench, make_request, run

SPEC = EngineSpec(
    sample_rate=1000,
    hop_samples=10,
    mel_dim=4,
    buckets=(BucketSpec(max_frames=100, num_slots=2),),
    batch_sizes=(1, 2),
)
COSTS = CostTable.from_calibration(SPEC, {(100, 1): 0.1, (100, 2): 0.16})


def pace_after(num_steps: int, step_s: float, gap_s: float = 0.0) -> float:
    """Steps calibrated at 0.1 s, one after the other, `gap_s` of silence between them."""
    pace, now_s = Pace(), 50.0
    for _ in range(num_steps):
        pace.note(now_s, now_s + step_s, 0.1)
        now_s += step_s + gap_s
    return pace.value


def test_pace_is_time_taken_over_time_calibrated() -> None:
    assert Pace().value == 1
    assert pace_after(200, 0.1) == pytest.approx(1)
    assert pace_after(200, 0.3) == pytest.approx(3, rel=0.01)
    assert pace_after(200, 0.02) == pytest.approx(0.2, rel=0.05)
    assert pace_after(200, 0.3, gap_s=5.0) == pytest.approx(3, rel=0.01)  # idleness is no work
    assert pace_after(1, 0.2) == pytest.approx((4 * 0.95 + 2) / (4 * 0.95 + 1))
    assert pace_after(500, 1000.0) <= MAX_PACE  # one stop of the machine is no forecast


def test_ticks_that_overlap_count_once() -> None:
    """Two in flight on an asynchronous device: each result comes 0.1 s after the last."""
    pace = Pace()
    for tick in range(100):
        pace.note(begun_s=tick * 0.1 - 0.1, done_s=tick * 0.1 + 0.1, calibrated_s=0.1)
    assert pace.value == pytest.approx(1, rel=0.01)


def test_a_table_at_another_pace_predicts_in_proportion() -> None:
    slow = COSTS.at_pace(3.0)
    assert slow.segment_work_s(80, 10) == pytest.approx(3 * COSTS.segment_work_s(80, 10))
    assert slow.calibrated_s(100, 2) == pytest.approx(0.16)
    assert slow.at_pace(3.1) is slow
    assert slow.without_sizes_from(2).at_pace(1.0).step_s[100, 1] == pytest.approx(0.1)


def test_a_machine_that_was_busy_at_start_up_is_believed_in_service() -> None:
    """Calibrated at 20 ms a row, real steps take 2 ms or little more."""

    async def body() -> None:
        bench = Bench()
        sizes, buckets = bench.engine.spec.batch_sizes, bench.engine.spec.buckets
        bench.engine.step_costs = {(b.max_frames, n): 0.02 * n for b in buckets for n in sizes}
        bench.engine.delays = {"step": 0.002}
        async with bench.running() as orchestrator:
            await bench.speak(make_request(text="A b c d e f. " * 20))
            gauges = orchestrator.metrics_snapshot().gauges
            assert gauges["device_pace"][""] < 0.5

    run(body())
