"""Failure isolation: who fails, who goes on, and with what sound (specs: reliability 2)."""

import asyncio
import faulthandler

import numpy as np
import pytest

from inference_types import EngineError, InvalidTextError, SegmentPlan, StreamFailure
from orchestrator import OrchestratorSettings
from tests.fakes import EngineCall, KillThread
from tests.orchestrator.harness import (
    Bench,
    Gate,
    collect,
    make_request,
    run,
    stage_threads,
    until,
)

TEXT = "One two. Three. Four five."
QUICK_RESTART = OrchestratorSettings(restart_backoff_s=0.01)


def raise_at(verb: str, error: BaseException, *, rows: set | None = None, times: int = 1):
    """A hook raising at the first `times` calls of a verb (that touch `rows`)."""
    left = [times]

    def hook(call: EngineCall) -> None:
        if call.verb == verb and left[0] > 0 and (rows is None or rows & set(call.rows)):
            left[0] -= 1
            raise error

    return hook


async def speak_all(bench: Bench, num_requests: int = 4) -> list[list]:
    """Requests with seeds 1.. at once; every stream is checked against its own arithmetic."""

    async def one(seed: int) -> list:
        request = make_request(f"r{seed}", TEXT, seed=seed)
        events = await collect(await bench.orchestrator.submit(request))
        bench.check(request, events)
        return events

    return await asyncio.gather(*(one(seed) for seed in range(1, num_requests + 1)))


def codes(results: list[list]) -> list[str]:
    return [e[-1].code if isinstance(e[-1], StreamFailure) else "ok" for e in results]


def test_a_poisoned_plan_fails_only_its_own_request() -> None:
    async def body() -> None:
        bench = Bench()
        bench.engine.poison_rows = {(2, 1)}
        async with bench.running():
            assert codes(await speak_all(bench)) == ["ok", "internal", "ok", "ok"]
            await bench.settled()
        assert bench.engine.num_resets == 0
        prefills = [call.rows[0] for call in bench.engine.calls_of("prefill")]
        assert prefills.count((2, 1)) == 1, "never queued again"

    run(body())


def test_a_typed_error_in_prefill_reaches_the_listener() -> None:
    async def body() -> None:
        bench = Bench()
        error = InvalidTextError("That cannot be spoken.", field="text")
        bench.engine.on_call = raise_at("prefill", error, rows={(1, 0)})
        async with bench.running():
            events = (await speak_all(bench, 1))[0]
            assert events[-1].message == "That cannot be spoken."
            assert (events[-1].code, events[-1].is_retriable) == ("text_invalid", False)

    run(body())


@pytest.mark.parametrize("where", ["nan_rows", "nan_waves"])
def test_a_row_that_is_not_finite_fails_only_its_own_request(where: str) -> None:
    async def body() -> None:
        bench = Bench()
        getattr(bench.engine, where).add((2, 1))
        async with bench.running():
            results = await speak_all(bench)
            assert codes(results) == ["ok", "numeric", "ok", "ok"]
            assert results[1][-1].is_retriable
            await bench.settled()
        assert bench.engine.num_resets == 0
        assert bench.orchestrator.metrics_snapshot().counters["requests_failed_total"] == {
            "numeric": 1
        }

    run(body())


@pytest.mark.parametrize("verb", ["insert", "step", "vocode", "free"])
def test_one_failed_call_costs_time_but_no_request(verb: str) -> None:
    """The state is rebuilt, every resident starts again and sounds the same."""

    async def body() -> None:
        bench = Bench()
        bench.engine.delays["step"] = 0.001
        bench.engine.on_call = raise_at(verb, RuntimeError("device trouble"))
        async with bench.running() as orchestrator:
            assert codes(await speak_all(bench)) == ["ok"] * 4
            await bench.settled()
            assert orchestrator.metrics_snapshot().counters["engine_resets_total"][""] == 1
        assert bench.engine.num_resets == 1

    run(body())


@pytest.mark.parametrize("verb", ["step", "vocode"])
def test_a_failure_that_shows_late_is_handled_alike(verb: str) -> None:
    async def body() -> None:
        bench = Bench()
        bench.engine.delays["step"] = 0.001
        bench.engine.late_errors = {verb: RuntimeError("asynchronous trouble")}
        async with bench.running():
            assert codes(await speak_all(bench)) == ["ok"] * 4
            await bench.settled()
        assert bench.engine.num_resets == 1

    run(body())


def test_the_guilty_segment_is_found_alone_and_its_request_fails_the_second_time() -> None:
    async def body() -> None:
        bench = Bench()
        bench.engine.on_call = raise_at("step", RuntimeError("bad row"), rows={(3, 1)}, times=99)
        async with bench.running():
            results = await speak_all(bench)
            assert codes(results) == ["ok", "ok", "engine_restarting", "ok"]
            await bench.settled()
        guilty = [call for call in bench.engine.calls_of("step") if (3, 1) in call.rows]
        assert len(guilty) == 2 and guilty[1].rows == ((3, 1),)

    run(body())


def wrapped(cause: Exception) -> EngineError:
    """As TTSEngine raises what a device reports late."""
    error = EngineError("the device failed while computing this result")
    error.__cause__ = cause
    return error


NO_MEMORY = RuntimeError("RESOURCE_EXHAUSTED: 3 GiB")


@pytest.mark.parametrize("error", [MemoryError(), NO_MEMORY, wrapped(NO_MEMORY)])
def test_out_of_memory_lowers_the_largest_batch_and_blames_nobody(error: Exception) -> None:
    async def body() -> None:
        bench = Bench(OrchestratorSettings(min_batch_rows=4))

        def full(call: EngineCall) -> None:
            if call.verb == "step" and len(call.rows) > 2:
                raise error

        bench.engine.on_call = full
        bench.engine.delays["step"] = 0.002
        async with bench.running() as orchestrator:
            assert codes(await speak_all(bench, 6)) == ["ok"] * 6
            costs = orchestrator._pipeline.dispatcher.costs
            assert costs is not None and costs.sizes == (1, 2)
        assert bench.engine.num_resets == 1

    run(body())


def test_out_of_memory_in_prefill_fails_that_request_and_lowers_the_batch() -> None:
    async def body() -> None:
        bench = Bench()
        bench.engine.on_call = raise_at("prefill", MemoryError(), rows={(1, 0)})
        async with bench.running() as orchestrator:
            assert codes(await speak_all(bench, 2)) == ["internal", "ok"]
            costs = orchestrator._pipeline.dispatcher.costs
            assert costs is not None and costs.sizes == (1, 2)

    run(body())


def test_a_segment_no_bucket_holds_is_refused() -> None:
    async def body() -> None:
        bench = Bench()
        bench.frontend.max_segment_chars = 1000
        async with bench.running() as orchestrator:
            stream = await orchestrator.submit(make_request("r", "x" * 500))
            assert codes([await collect(stream)]) == ["too_large"]
            await bench.speak(make_request("next"))

    run(body())


def test_a_joiner_that_breaks_fails_only_its_request() -> None:
    class Broken:
        def push(self, wave: np.ndarray, is_last: bool) -> tuple[np.ndarray, int]:
            raise ZeroDivisionError

    async def body() -> None:
        bench = Bench()
        bench.orchestrator._pipeline._emitter._make_joiner = Broken
        async with bench.running() as orchestrator:
            assert codes(await speak_all(bench, 1)) == ["internal"]
            assert orchestrator.health().num_restarts == 0
            await bench.settled()

    run(body())


def test_a_dead_device_thread_ends_residents_within_a_second_and_comes_back() -> None:
    async def body() -> None:
        bench = Bench(QUICK_RESTART)
        gate = Gate("step")
        async with bench.running() as orchestrator:
            bench.engine.on_call = gate
            streams = [
                await orchestrator.submit(make_request(f"old{i}", TEXT, seed=i)) for i in range(3)
            ]
            await until(lambda: gate.num_held == 1, "a step is held")

            bench.engine.on_call = raise_at("step", KillThread())
            started_s = asyncio.get_running_loop().time()
            gate.open()
            results = await asyncio.gather(*(collect(stream) for stream in streams))
            assert asyncio.get_running_loop().time() - started_s < 1.0
            assert codes(results) == ["engine_restarting"] * 3
            assert all(events[-1].is_retriable for events in results)
            await until(lambda: orchestrator.health().is_ready, "ready again", wait_s=5.0)
            assert orchestrator.health().num_restarts == 1
            assert codes(await speak_all(bench)) == ["ok"] * 4
            await bench.settled()
        assert bench.engine.num_resets == 1

    run(body())


def test_readiness_falls_and_liveness_stays_while_restarting() -> None:
    async def body() -> None:
        bench = Bench(QUICK_RESTART)
        async with bench.running() as orchestrator:
            gate = Gate("reset")
            kill = raise_at("step", KillThread())

            def hook(call: EngineCall) -> None:
                gate(call)
                kill(call)

            bench.engine.on_call = hook
            stream = await orchestrator.submit(make_request("r", TEXT))
            await collect(stream)
            await until(lambda: gate.num_held == 1, "the engine is being rebuilt")
            health = orchestrator.health()
            assert health.is_live and not health.is_ready and health.status == "restarting"
            with pytest.raises(EngineError):
                await orchestrator.submit(make_request("refused"))
            gate.open()
            await until(lambda: orchestrator.health().is_ready, "ready again")

    run(body())


def test_the_fourth_death_within_a_minute_is_fatal() -> None:
    async def body() -> None:
        bench = Bench(QUICK_RESTART)
        async with bench.running() as orchestrator:
            bench.engine.on_call = raise_at("step", KillThread(), times=99)
            for attempt in range(4):
                await until(lambda: orchestrator.health().is_ready, "ready")
                stream = await orchestrator.submit(make_request(f"r{attempt}", TEXT))
                assert codes([await collect(stream)]) == ["engine_restarting"]
            await until(lambda: bench.fatal == ["dispatch-0 died too often"], "the fatal call")
            health = orchestrator.health()
            assert not health.is_live and not health.is_ready and health.status == "failed"
            assert health.num_restarts == 3

    run(body())


@pytest.mark.parametrize("verb", ["prefill", "step"])
def test_a_device_that_always_fails_is_given_up(verb: str) -> None:
    """Every call fails: requests fail, the thread gives itself up, the supervisor gives up."""

    async def body() -> None:
        bench = Bench(QUICK_RESTART)
        async with bench.running() as orchestrator:
            bench.engine.on_call = raise_at(verb, RuntimeError("dead device"), times=10_000)
            for attempt in range(200):
                if bench.fatal:
                    break
                try:
                    stream = await orchestrator.submit(make_request(f"r{attempt}", "A."))
                    assert codes([await collect(stream)])[0] in ("internal", "engine_restarting")
                except EngineError:
                    await asyncio.sleep(0.02)
            await until(lambda: bool(bench.fatal), "the fatal call")

    run(body())


@pytest.mark.parametrize("verb", ["plan", "load_voice"])
def test_a_dead_preprocess_thread_costs_one_request_and_is_replaced(verb: str) -> None:
    async def body() -> None:
        bench = Bench(QUICK_RESTART)

        def kill(called: str, request: object) -> None:
            if called == verb and getattr(request, "request_id", "") == "victim":
                raise KillThread

        bench.frontend.on_call = kill
        async with bench.running() as orchestrator:
            with pytest.raises(EngineError):
                await orchestrator.submit(make_request("victim", TEXT))
            await until(lambda: orchestrator.health().num_restarts == 1, "a restart")
            assert len([name for name in stage_threads() if "preprocess" in name]) == 2
            assert codes(await speak_all(bench)) == ["ok"] * 4

    run(body())


def test_a_dead_emit_thread_costs_one_step_and_is_replaced() -> None:
    class Killing:
        def push(self, wave: np.ndarray, is_last: bool) -> tuple[np.ndarray, int]:
            raise KillThread

    async def body() -> None:
        bench = Bench(QUICK_RESTART)
        async with bench.running() as orchestrator:
            emitter = orchestrator._pipeline._emitter
            make_joiner, emitter._make_joiner = emitter._make_joiner, Killing
            stream = await orchestrator.submit(make_request("victim", TEXT))
            assert codes([await collect(stream)]) == ["engine_restarting"]
            emitter._make_joiner = make_joiner
            await until(lambda: orchestrator.health().num_restarts == 1, "a restart")
            assert codes(await speak_all(bench)) == ["ok"] * 4
            await bench.settled()

    run(body())


@pytest.mark.parametrize("verb", ["step", "insert", "reset", "late"])
def test_a_hung_device_is_reported_and_every_stream_ended(
    verb: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also when the call returned and only its result never comes."""

    dumps: list[bool] = []
    monkeypatch.setattr(faulthandler, "dump_traceback", lambda **_: dumps.append(True))

    async def body() -> None:
        bench = Bench(OrchestratorSettings(hang_after_s=0.5, stop_timeout_s=0.2))
        gate = Gate("late" if verb == "late" else verb)
        async with bench.running(may_hang=True) as orchestrator:
            if verb == "late":
                vocode = bench.engine.vocode

                def never(slot: object) -> object:
                    pending = vocode(slot)  # type: ignore[arg-type]
                    pending.gate = gate._open
                    return pending

                bench.engine.vocode = never  # type: ignore[method-assign]
            else:
                fail = raise_at("step" if verb == "reset" else "none", RuntimeError("trouble"))
                bench.engine.on_call = lambda call: (gate(call), fail(call))
            stream = await orchestrator.submit(make_request("r", TEXT))
            await until(lambda: not orchestrator.health().is_ready, "readiness falls")
            events = await collect(stream)
            assert codes([events]) == ["engine_restarting"]
            assert bench.fatal == ["hung"] and dumps == [True]
            health = orchestrator.health()
            assert not health.is_live and health.status == "hung"
            with pytest.raises(EngineError):
                await orchestrator.submit(make_request("refused"))
        gate.open()
        await until(lambda: stage_threads() == [], "the hung thread ends")

    run(body())


def test_a_slow_device_is_not_a_hung_one() -> None:
    """0.1 s a step by calibration: silence of 2 s is a hang there, 0.6 s is not."""

    async def body() -> None:
        bench = Bench(OrchestratorSettings(hang_after_s=0.3))
        spec = bench.engine.spec
        bench.engine.step_costs = {
            (bucket.max_frames, size): 0.1 for bucket in spec.buckets for size in spec.batch_sizes
        }
        bench.engine.delays["step"] = 0.6
        async with bench.running():
            await bench.speak(make_request("r", "A.", num_steps=1))
            assert bench.fatal == []

    run(body())


def test_a_slow_warm_up_is_not_a_hang() -> None:
    async def body() -> None:
        bench = Bench(OrchestratorSettings(hang_after_s=0.3))
        bench.engine.delays["warm_up"] = 0.8
        async with bench.running() as orchestrator:
            assert orchestrator.health().is_live and bench.fatal == []

    run(body())


def test_an_engine_that_cannot_warm_up_is_fatal() -> None:
    async def body() -> None:
        bench = Bench(QUICK_RESTART)
        bench.engine.on_call = raise_at("warm_up", RuntimeError("no device"), times=99)
        await bench.orchestrator.start()
        with pytest.raises(EngineError):
            await bench.orchestrator.wait_until_ready(10)
        await bench.orchestrator.stop()
        assert bench.fatal == ["dispatch-0 died too often"]

    run(body())


def test_replayed_segments_keep_plan_and_seed() -> None:
    async def body() -> None:
        bench = Bench()
        plans: list[SegmentPlan] = []
        prefill = bench.engine.prefill

        def note(plan: SegmentPlan) -> SegmentPlan:
            plans.append(plan)
            return prefill(plan)

        bench.engine.prefill = note  # type: ignore[method-assign]
        bench.engine.on_call = raise_at("step", RuntimeError("once"))
        async with bench.running():
            await speak_all(bench, 1)
        first = [plan for plan in plans if plan.segment_index == 0]
        assert len(first) == 2 and first[0] is first[1]

    run(body())
