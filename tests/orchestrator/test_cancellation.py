"""Cancelling in every stage: gone from the queues at once, the slot free within one step."""

import asyncio

import pytest

from inference_types import (
    AudioChunk,
    DeadlineExceededError,
    RequestCancelledError,
    StreamFailure,
)
from orchestrator import OrchestratorSettings
from tests.orchestrator.harness import (
    Bench,
    Gate,
    collect,
    first_events,
    make_request,
    offline,
    run,
    until,
)

LONG = "A text of several pieces. And one more. And another. The end."


def cancelled_stages(bench: Bench) -> dict[str, float]:
    return dict(bench.orchestrator.metrics_snapshot().counters["requests_cancelled_total"])


def failure_code(events: list) -> str:
    assert isinstance(events[-1], StreamFailure)
    return events[-1].code


@pytest.mark.parametrize("verb", ["load_voice", "split", "plan"])
def test_leaving_during_preparation(verb: str) -> None:
    async def body() -> None:
        bench = Bench()
        gate = Gate(verb)
        bench.frontend.on_call = gate
        async with bench.running() as orchestrator:
            submitting = asyncio.create_task(orchestrator.submit(make_request("r", LONG)))
            await until(lambda: gate.num_held == 1, "the frontend is held")
            submitting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await submitting
            assert orchestrator.health().num_live_requests == 0
            gate.open()
            await bench.speak(make_request("next"))
            await bench.settled()
        assert cancelled_stages(bench) == {"preparing": 1}
        assert {call.rows for call in bench.engine.calls_of("prefill")} == {((0, 0),)}

    run(body())


def test_leaving_while_waiting_for_a_preprocess_thread_empties_the_queue_at_once() -> None:
    async def body() -> None:
        bench = Bench(OrchestratorSettings(num_preprocess_threads=1))
        gate = Gate("load_voice")
        bench.frontend.on_call = gate
        async with bench.running() as orchestrator:
            held = asyncio.create_task(orchestrator.submit(make_request("held")))
            await until(lambda: gate.num_held == 1, "the only thread is busy")
            queued = asyncio.create_task(orchestrator.submit(make_request("queued")))
            to_preprocess = orchestrator._pipeline.queues[0]
            await until(lambda: len(to_preprocess) == 1, "the second waits")
            orchestrator.streams.get("queued").cancel()
            assert len(to_preprocess) == 0
            with pytest.raises(RequestCancelledError):
                await queued
            gate.open()
            await collect(await held)

    run(body())


@pytest.mark.parametrize("verb", ["prefill", "insert", "step", "vocode"])
def test_cancel_on_the_device_frees_the_slot_within_one_step(verb: str) -> None:
    async def body() -> None:
        bench = Bench()
        gate = Gate(verb)
        async with bench.running() as orchestrator:
            bench.engine.on_call = gate
            stream = await orchestrator.submit(make_request("r", LONG, seed=3, num_steps=8))
            await until(lambda: gate.num_held == 1, f"{verb} is held")
            steps_before = len(bench.engine.calls_of("step"))
            stream.cancel("disconnected")
            gate.open()
            await bench.settled()
            assert len(bench.engine.calls_of("step")) <= steps_before + 1
            assert len(bench.engine.calls_of("vocode")) <= (verb == "vocode")
            events = await collect(stream)
            assert failure_code(events) == "disconnected" and len(events) == 2
            bench.engine.on_call = None
            await bench.speak(make_request("next", LONG, seed=4))
        assert sum(cancelled_stages(bench).values()) == 1

    run(body())


def test_cancel_between_chunks_stops_everything_behind() -> None:
    async def body() -> None:
        bench = Bench()
        bench.engine.delays["step"] = 0.005
        async with bench.running() as orchestrator:
            stream = await orchestrator.submit(make_request("r", LONG * 5, seed=3))
            events = await first_events(stream, 2)
            assert isinstance(events[1], AudioChunk)
            sent = stream.cancel()
            assert sent == events[1].end_sample
            await bench.settled()
            num_calls = len(bench.engine.calls)
            await asyncio.sleep(0.05)
            assert len(bench.engine.calls) == num_calls
            assert failure_code(await collect(stream)) == "cancelled"
        assert cancelled_stages(bench) == {"running": 1}

    run(body())


def test_cancel_after_the_end_changes_nothing() -> None:
    async def body() -> None:
        bench = Bench()
        request = make_request("r", LONG)
        async with bench.running() as orchestrator:
            events = await bench.speak(request)
            stream = orchestrator.streams.get("r")
            stream.cancel()
            bench.check(request, await collect(stream))
            assert len(await collect(stream)) == len(events)
        assert cancelled_stages(bench) == {}

    run(body())


def test_neighbours_of_a_cancelled_request_are_untouched() -> None:
    async def body() -> None:
        bench = Bench()
        bench.engine.delays["step"] = 0.002
        async with bench.running() as orchestrator:
            victim = await orchestrator.submit(make_request("v", LONG, seed=1))
            others = [bench.speak(make_request(f"o{i}", LONG, seed=2 + i)) for i in range(3)]
            tasks = [asyncio.create_task(other) for other in others]
            await first_events(victim, 2)
            victim.cancel()
            await asyncio.gather(*tasks)
            await bench.settled()

    run(body())


def test_a_deadline_in_the_queue_ends_the_request_before_it_starts() -> None:
    async def body() -> None:
        bench = Bench()
        gate = Gate("prefill")
        async with bench.running() as orchestrator:
            bench.engine.on_call = gate
            first = await orchestrator.submit(make_request("first"))
            late = await orchestrator.submit(make_request("late", seed=1), queue_deadline_s=0.05)
            events = await collect(late)
            assert failure_code(events) == "deadline_exceeded"
            gate.open()
            await collect(first)
            await bench.settled()
        assert {call.rows for call in bench.engine.calls_of("prefill")} == {((0, 0),)}

    run(body())


def test_offline_work_waits_behind_listeners_as_long_as_it_takes() -> None:
    async def body() -> None:
        bench = Bench(OrchestratorSettings(queue_deadline_s=0.05))
        gate = Gate("prefill")
        async with bench.running() as orchestrator:
            bench.engine.on_call = gate
            patient = await orchestrator.submit(offline("patient", "Hello."))
            listener = await orchestrator.submit(make_request("listener", seed=1))
            assert failure_code(await collect(listener)) == "deadline_exceeded"
            gate.open()
            bench.check(offline("patient", "Hello."), await collect(patient))

    run(body())


def test_a_deadline_during_preparation_is_raised_by_submit() -> None:
    async def body() -> None:
        bench = Bench(OrchestratorSettings(queue_deadline_s=0.05))
        gate = Gate("split")
        bench.frontend.on_call = gate
        async with bench.running() as orchestrator:
            with pytest.raises(DeadlineExceededError):
                await orchestrator.submit(make_request())
            gate.open()

    run(body())
