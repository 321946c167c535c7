"""Admission by count and by predicted work, and the time it tells others to come back."""

import asyncio

import pytest

from inference_types import BucketSpec, EngineSpec, QueueFullError
from orchestrator import OrchestratorSettings
from orchestrator.admission import Admission
from orchestrator.costs import CostTable
from tests.orchestrator.harness import Bench, Gate, collect, make_request, offline, run, until


def admission(**fields: float) -> Admission:
    return Admission(OrchestratorSettings(**fields))  # type: ignore[arg-type]


def admit(
    door: Admission, name: str, work_s: float, audio_s: float = 1.0, is_offline: bool = False
) -> None:
    door.admit(name, is_offline)
    try:
        door.set_work(name, work_s, audio_s)
    except QueueFullError:
        door.release(name)
        raise


def test_the_count_is_bounded_and_a_release_makes_room() -> None:
    door = admission(max_concurrent_requests=2)
    admit(door, "a", 4.0)
    admit(door, "b", 3.0)
    with pytest.raises(QueueFullError) as caught:
        door.admit("c", False)
    assert caught.value.retry_after_s == 6  # b needs 3 s of a device that two share
    door.release("a")
    door.release("a")
    door.admit("c", False)
    assert door.num_admitted == 2


def test_work_is_bounded_and_retry_after_is_when_it_will_fit() -> None:
    door = admission(max_queued_work_s=10.0)
    admit(door, "a", 8.0)
    with pytest.raises(QueueFullError) as caught:
        admit(door, "b", 7.0)
    assert caught.value.retry_after_s == 5
    door.progress("a", 5.0)
    admit(door, "b", 7.0)
    assert door.queued_work_s == 10.0


def test_refusal_needs_no_preparation_when_the_queue_is_full_already() -> None:
    door = admission(max_queued_work_s=10.0)
    admit(door, "a", 10.0)
    with pytest.raises(QueueFullError) as caught:
        door.admit("b", False)
    assert caught.value.retry_after_s == 1


def test_an_idle_server_takes_any_request() -> None:
    door = admission(max_queued_work_s=1.0)
    admit(door, "book", 500.0, audio_s=10.0)
    assert door.num_admitted == 1


def test_a_long_text_counts_only_with_its_run_ahead() -> None:
    """100 s of audio at 50 s of work, 20 s may be made ahead: 10 s of work at hand."""
    door = admission(max_queued_work_s=12.0, pause_ahead_s=20.0)
    admit(door, "long", 50.0, audio_s=100.0)
    assert door.queued_work_s == 10.0
    admit(door, "short", 2.0)
    door.progress("long", 45.0)
    assert door.queued_work_s == 7.0


def test_offline_work_never_refuses_a_listener() -> None:
    door = admission(max_queued_work_s=5.0)
    admit(door, "book", 5.0, is_offline=True)
    admit(door, "listener", 5.0)
    with pytest.raises(QueueFullError):
        door.admit("another book", True)


def test_unknown_requests_are_ignored() -> None:
    door = admission()
    door.set_work("gone", 1.0, 1.0)
    door.progress("gone", 1.0)
    door.release("gone")
    assert door.num_admitted == 0


COST_SPEC = EngineSpec(
    sample_rate=1000,
    hop_samples=10,  # 100 frames a second
    mel_dim=4,
    buckets=(BucketSpec(max_frames=100, num_slots=2), BucketSpec(max_frames=200, num_slots=2)),
    batch_sizes=(1, 2, 4),
)
MEASURED = {(b, n): b / 100 * s for b in (100, 200) for n, s in ((1, 0.1), (2, 0.16), (4, 0.24))}


def test_work_is_steps_at_the_best_batch() -> None:
    costs = CostTable.from_calibration(COST_SPEC, MEASURED)
    assert costs.segment_work_s(80, 10) == pytest.approx(10 * 0.24 / 4)
    assert costs.segment_work_s(150, 10) == pytest.approx(10 * 0.48 / 4)
    # 3 s in 2 segments: 50 reference + 151 new frames each, beyond the largest bucket's 200.
    assert costs.request_work_s(3.0, 2, 50, 10) == pytest.approx(2 * 10 * 0.48 / 4)
    assert costs.without_sizes_from(2).segment_work_s(80, 10) == pytest.approx(1.0)
    assert costs.without_sizes_from(1).sizes == (1,)


def test_calibration_must_be_complete() -> None:
    with pytest.raises(ValueError, match=r"\(200, 4\)"):
        CostTable.from_calibration(COST_SPEC, MEASURED | {(200, 4): 0.0})


@pytest.mark.parametrize(
    ("num_rows", "efficiency", "size"),
    [(1, 0.9, 1), (2, 0.9, 2), (3, 0.9, 2), (4, 0.9, 4), (4, 0.5, 2), (9, 0.9, 4)],
)
def test_batch_size_by_hand(num_rows: int, efficiency: float, size: int) -> None:
    """Rows per second: 1 of 1 10, 2 of 2 12.5, 3 of 4 12.5 (no gain, later), 4 of 4 16.7."""
    costs = CostTable.from_calibration(COST_SPEC, MEASURED)
    chosen = costs.batch_size(100, num_rows, min_rows=2, efficiency=efficiency, max_step_s=1.0)
    assert chosen == size


def test_a_full_house_refuses_early_and_recovers() -> None:
    async def body() -> None:
        bench = Bench(OrchestratorSettings(max_concurrent_requests=2))
        gate = Gate("step")
        async with bench.running() as orchestrator:
            bench.engine.on_call = gate
            streams = [await orchestrator.submit(make_request(f"r{i}", seed=i)) for i in range(2)]
            for _ in range(3):
                with pytest.raises(QueueFullError) as caught:
                    await orchestrator.submit(make_request("extra"))
                assert caught.value.retry_after_s >= 1
            assert orchestrator.health().num_live_requests == 2
            gate.open()
            await asyncio.gather(*(collect(stream) for stream in streams))
            await bench.speak(make_request("extra"))
            counters = orchestrator.metrics_snapshot().counters
            assert counters["requests_rejected_total"] == {"overloaded": 3}

    run(body())


def test_predicted_work_refuses_before_the_stream_opens() -> None:
    """1 ms a row and step: "Hello" is 4 ms of work, the bound 6 ms."""

    async def body() -> None:
        bench = Bench(OrchestratorSettings(max_queued_work_s=0.006))
        gate = Gate("step")
        async with bench.running() as orchestrator:
            bench.engine.on_call = gate
            stream = await orchestrator.submit(make_request("a"))
            with pytest.raises(QueueFullError):
                await orchestrator.submit(make_request("b"))
            book = await orchestrator.submit(offline("book", "A.", num_steps=1))
            gate.open()
            await collect(stream)
            await collect(book)
            await until(lambda: orchestrator.health().queued_work_s == 0, "no work is left")
            await bench.speak(make_request("b"))

    run(body())
