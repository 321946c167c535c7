"""Slow and absent listeners: production pauses, memory stays bounded, nothing is left behind."""

import asyncio
import gc
import weakref
from contextlib import aclosing

import pytest

from inference_types import AudioChunk, NotFoundError, StreamFailure
from orchestrator import OrchestratorSettings, RequestStream
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

# "Sentence" is 8 letters: 16 frames, 4096 samples, 8192 bytes, 0.17 s.
LONG = "Sentence. " * 40
SEGMENT_SAMPLES = 4096


async def at_rest(bench: Bench) -> None:
    """The device has had nothing to do for a while."""
    quiet = 0
    num_calls = -1
    while quiet < 10:
        await asyncio.sleep(0.01)
        quiet = quiet + 1 if len(bench.engine.calls) == num_calls else 0
        num_calls = len(bench.engine.calls)


async def read_one_chunk(stream: RequestStream, after: int) -> AudioChunk:
    async with aclosing(stream.events(after)) as events:  # type: ignore[type-var]
        async for event in events:
            assert isinstance(event, AudioChunk)
            return event
    raise AssertionError("the stream has ended")


@pytest.mark.parametrize(
    "settings",
    [
        OrchestratorSettings(pause_ahead_s=10 * SEGMENT_SAMPLES / 24_000),
        OrchestratorSettings(pause_ahead_bytes=10 * SEGMENT_SAMPLES * 2),
    ],
)
def test_production_pauses_when_enough_lies_unread(settings: OrchestratorSettings) -> None:
    """Ten segments fit; each one read lets exactly one more be made."""

    async def body() -> None:
        bench = Bench(settings)
        request = make_request("r", LONG, seed=1)
        async with bench.running() as orchestrator:
            stream = await orchestrator.submit(request)
            await at_rest(bench)
            assert stream.log.num_samples == 10 * SEGMENT_SAMPLES
            assert bench.engine.num_resident == 0, "a paused request holds no slot"
            for num_read in range(1, 4):
                await read_one_chunk(stream, after=num_read - 1)
                await at_rest(bench)
                assert stream.log.num_samples == (10 + num_read) * SEGMENT_SAMPLES
            bench.check(request, await collect(stream))

    run(body())


def test_a_paused_request_does_not_hold_up_others() -> None:
    async def body() -> None:
        bench = Bench(OrchestratorSettings(pause_ahead_s=0.5))
        async with bench.running() as orchestrator:
            stuck = [
                await orchestrator.submit(make_request(f"stuck{i}", LONG, seed=i))
                for i in range(20)
            ]
            await at_rest(bench)
            await asyncio.gather(
                *(bench.speak(make_request(f"r{i}", LONG, seed=i)) for i in range(3))
            )
            assert all(not stream.is_ended for stream in stuck)

    run(body())


def test_a_segment_longer_than_the_limit_is_still_made() -> None:
    async def body() -> None:
        bench = Bench(OrchestratorSettings(pause_ahead_s=0.01))
        async with bench.running():
            await bench.speak(make_request("r", "Sentence one. Sentence two."))

    run(body())


def test_offline_work_runs_past_the_listeners_limit_but_not_without_bound() -> None:
    async def body() -> None:
        settings = OrchestratorSettings(
            pause_ahead_s=0.2, offline_ahead_bytes=20 * 2 * SEGMENT_SAMPLES
        )
        bench = Bench(settings)
        request = offline("book", LONG, seed=2)
        async with bench.running() as orchestrator:
            stream = await orchestrator.submit(request)
            await at_rest(bench)
            assert stream.log.num_samples == 20 * SEGMENT_SAMPLES
            bench.check(request, await collect(stream))
            steps = bench.engine.calls_of("step")
            assert max(len(call.rows) for call in steps) > 1, "its segments run side by side"

    run(body())


def test_the_log_of_a_long_stream_stays_small() -> None:
    async def body() -> None:
        limit = 10 * 2 * SEGMENT_SAMPLES
        bench = Bench(OrchestratorSettings(pause_ahead_s=1.0, log_bytes_per_stream=limit))
        request = make_request("r", LONG * 5, seed=1)
        peak = 0
        async with bench.running() as orchestrator:
            stream = await orchestrator.submit(request)
            events = []
            async for event in stream.events():
                events.append(event)
                peak = max(peak, stream.log.num_bytes)
            bench.check(request, events)
            assert len(events) == 201
            assert peak <= limit + 2 * SEGMENT_SAMPLES
            with pytest.raises(NotFoundError):
                stream.events()

    run(body())


class FakeClock:
    """Seconds that pass when told to."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


def test_streams_nobody_listens_to_are_cancelled_and_later_forgotten() -> None:
    async def body() -> None:
        clock = FakeClock()
        settings = OrchestratorSettings(
            pause_ahead_s=0.2, abandon_after_s=60.0, log_retention_s=30.0, hang_after_s=1000.0
        )
        bench = Bench(settings, clock=clock)
        async with bench.running() as orchestrator:
            abandoned = await orchestrator.submit(make_request("abandoned", LONG))
            listened = await orchestrator.submit(make_request("listened", LONG, seed=1))
            reader = listened.events()
            await anext(reader)
            clock.now_s += 59.0
            await at_rest(bench)
            assert not abandoned.is_ended
            clock.now_s += 2.0
            await until(lambda: abandoned.is_ended, "the abandoned stream is cancelled")
            last = (await collect(abandoned))[-1]
            assert isinstance(last, StreamFailure) and last.code == "abandoned"
            assert not listened.is_ended
            clock.now_s += 29.0
            await at_rest(bench)
            assert orchestrator.streams.get("abandoned") is abandoned
            clock.now_s += 2.0
            await until(lambda: len(orchestrator.streams) == 1, "it is forgotten")
            with pytest.raises(NotFoundError):
                orchestrator.streams.get("abandoned")
            await reader.aclose()  # type: ignore[attr-defined]

    run(body())


def test_time_in_preparation_is_nobodys_absence() -> None:
    """There is nothing to listen to before the estimate, and a whole while to come after it."""

    async def body() -> None:
        clock, gate = FakeClock(), Gate("load_voice")
        settings = OrchestratorSettings(
            pause_ahead_s=0.2, queue_deadline_s=None, abandon_after_s=60.0, hang_after_s=1000.0
        )
        bench = Bench(settings, clock=clock)
        bench.frontend.on_call = gate
        async with bench.running() as orchestrator:
            submitting = asyncio.create_task(orchestrator.submit(make_request("slow", LONG)))
            await until(lambda: gate.num_held == 1, "the frontend is held")
            clock.now_s += 100.0
            gate.open()
            stream = await submitting
            clock.now_s += 59.0
            await at_rest(bench)
            assert not stream.is_ended
            clock.now_s += 2.0
            await until(lambda: stream.is_ended, "nobody came")

    run(body())


def test_ended_streams_make_room_when_all_logs_together_are_too_big() -> None:
    async def body() -> None:
        total = 10 * 2 * SEGMENT_SAMPLES
        bench = Bench(OrchestratorSettings(log_bytes_total=total))
        async with bench.running() as orchestrator:
            for i in range(8):
                await bench.speak(make_request(f"r{i}", "Sentence. " * 3, seed=i))
            await until(lambda: orchestrator.streams.num_bytes <= total, "old logs are gone")
            assert orchestrator.streams.get("r7").is_ended
            with pytest.raises(NotFoundError):
                orchestrator.streams.get("r0")

    run(body())


def test_a_thousand_abandoned_streams_leave_nothing_behind() -> None:
    async def body() -> None:
        settings = OrchestratorSettings(
            max_concurrent_requests=50,
            max_queued_work_s=1e6,
            abandon_after_s=0.1,
            log_retention_s=0.1,
        )
        bench = Bench(settings)
        async with bench.running() as orchestrator:
            for batch in range(20):
                streams = [
                    await orchestrator.submit(make_request(f"r{batch}-{i}", "A. B."))
                    for i in range(50)
                ]
                del streams
                await until(lambda: not orchestrator.streams.live_jobs(), "all have ended")
            await until(lambda: len(orchestrator.streams) == 0, "all are forgotten")
            await bench.settled()
            assert orchestrator.streams.num_bytes == 0
            assert orchestrator.health().num_live_requests == 0
            assert bench.engine.max_resident <= 12

    run(body())


def test_an_ended_request_is_garbage_at_once_and_its_log_when_forgotten() -> None:
    async def body() -> None:
        bench = Bench(OrchestratorSettings(log_retention_s=0.0))
        async with bench.running() as orchestrator:
            stream = await orchestrator.submit(make_request("r", "One. Two.", seed=1))
            job = weakref.ref(orchestrator.streams.live_jobs()[0])
            await collect(stream)
            await bench.settled()
            log = weakref.ref(stream)
            del stream

            def is_dead(ref: weakref.ref) -> bool:
                gc.collect()
                return ref() is None

            await until(lambda: is_dead(job), "the job is garbage")
            await until(lambda: is_dead(log), "the log is garbage")

    run(body())


def test_a_slow_consumer_is_cut_by_the_server_with_its_reason() -> None:
    async def body() -> None:
        bench = Bench(OrchestratorSettings(pause_ahead_s=0.5))
        async with bench.running() as orchestrator:
            stream = await orchestrator.submit(make_request("r", LONG, seed=1))
            got = await first_events(stream, 2)
            assert isinstance(got[1], AudioChunk)
            assert stream.cancel("slow_consumer") == SEGMENT_SAMPLES
            await bench.settled()
            last = (await collect(stream, after=1))[-1]
            assert isinstance(last, StreamFailure) and last.code == "slow_consumer"

    run(body())
