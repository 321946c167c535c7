"""Drain and stop: everybody gets an end, every thread is joined."""

import asyncio

import pytest

from inference_types import ShuttingDownError, StreamFailure
from orchestrator import OrchestratorSettings
from tests.orchestrator.harness import (
    Bench,
    Gate,
    collect,
    make_request,
    run,
    stage_threads,
    until,
)

TEXT = "One. Two. Three."


def test_drain_lets_accepted_streams_finish_and_refuses_new_ones() -> None:
    async def body() -> None:
        bench = Bench()
        bench.engine.delays["step"] = 0.01
        requests = [make_request(f"r{i}", TEXT, seed=i) for i in range(4)]
        async with bench.running() as orchestrator:
            streams = [await orchestrator.submit(request) for request in requests]
            draining = asyncio.create_task(orchestrator.drain(grace_s=20.0))
            await asyncio.sleep(0)
            health = orchestrator.health()
            assert health.is_live and not health.is_ready and health.status == "draining"
            with pytest.raises(ShuttingDownError):
                await orchestrator.submit(make_request("late"))
            for request, stream in zip(requests, streams, strict=True):
                bench.check(request, await collect(stream))
            await draining

    run(body())


def test_drain_ends_what_does_not_finish_in_time_and_what_has_not_begun() -> None:
    async def body() -> None:
        bench = Bench()
        gate = Gate("step")
        preparing = Gate("split")
        async with bench.running() as orchestrator:
            bench.engine.on_call = gate
            running = await orchestrator.submit(make_request("running", TEXT))
            await until(lambda: gate.num_held == 1, "a step is held")
            bench.frontend.on_call = preparing
            unprepared = asyncio.create_task(orchestrator.submit(make_request("unprepared")))
            await until(lambda: preparing.num_held == 1, "preparation is held")
            await orchestrator.drain(grace_s=0.05)
            with pytest.raises(ShuttingDownError):
                await unprepared
            last = (await collect(running))[-1]
            assert isinstance(last, StreamFailure) and last.code == "shutting_down"
            gate.open()
            preparing.open()

    run(body())


def test_stop_ends_live_streams_with_an_event_and_joins_every_thread() -> None:
    async def body() -> None:
        bench = Bench()
        bench.engine.delays["step"] = 0.01
        async with bench.running() as orchestrator:
            assert len(stage_threads()) == 6
            streams = [
                await orchestrator.submit(make_request(f"r{i}", TEXT * 9, seed=i)) for i in range(5)
            ]
            readers = [asyncio.create_task(collect(stream)) for stream in streams]
            await asyncio.sleep(0.03)
            assert await orchestrator.stop() == []
            assert stage_threads() == []
            for reader in readers:
                last = (await reader)[-1]
                assert isinstance(last, StreamFailure) and last.code == "shutting_down"
            assert not orchestrator.health().is_live
            with pytest.raises(ShuttingDownError):
                await orchestrator.submit(make_request("late"))

    run(body())


def test_stop_names_a_thread_that_hangs_and_does_not_wait_for_it() -> None:
    async def body() -> None:
        bench = Bench(OrchestratorSettings(stop_timeout_s=0.2))
        gate = Gate("step")
        async with bench.running(may_hang=True) as orchestrator:
            bench.engine.on_call = gate
            await orchestrator.submit(make_request("r", TEXT))
            await until(lambda: gate.num_held == 1, "a step is held")
            assert await orchestrator.stop() == ["dispatch-0"]
        gate.open()
        await until(lambda: stage_threads() == [], "the thread ends by itself")

    run(body())


def test_stop_during_warm_up() -> None:
    async def body() -> None:
        bench = Bench()
        gate = Gate("warm_up")
        bench.engine.on_call = gate
        await bench.orchestrator.start()
        await until(lambda: gate.num_held == 1, "warm-up is held")
        stopping = asyncio.create_task(bench.orchestrator.stop())
        await asyncio.sleep(0.02)
        gate.open()
        assert await stopping == []
        assert bench.orchestrator.health().status == "stopped"

    run(body())


def test_an_orchestrator_starts_once() -> None:
    async def body() -> None:
        bench = Bench()
        async with bench.running() as orchestrator:
            with pytest.raises(RuntimeError, match="once"):
                await orchestrator.start()

    run(body())
