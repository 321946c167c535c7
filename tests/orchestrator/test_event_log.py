"""The event log: positions, several readers, late joins, resuming, giving memory back."""

import asyncio

import numpy as np
import pytest

from inference_types import (
    AudioChunk,
    InvalidRequestError,
    NotFoundError,
    StreamEstimate,
    StreamEvent,
    StreamFailure,
    WordSpan,
)
from orchestrator import OrchestratorSettings, RequestStream, event_position
from orchestrator.stream import CANCEL_MESSAGES
from tests.orchestrator.harness import Bench, Gate, collect, first_events, make_request, pcm_of, run


class Ends:
    """Notes every end that a stream reports."""

    def __init__(self) -> None:
        self.errors: list[object] = []

    def __call__(self, stream: RequestStream, error: object) -> None:
        self.errors.append(error)


def make_stream(max_log_bytes: int = 1_000_000, on_end: Ends | None = None) -> RequestStream:
    return RequestStream(
        "r",
        max_log_bytes=max_log_bytes,
        clock=lambda: 7.0,
        post=lambda callback: callback(),
        on_end=on_end or Ends(),
    )


def chunk(index: int, num_samples: int = 10, is_final: bool = False) -> AudioChunk:
    """Chunk k holds samples counting up from 10 k, so any cut is visible."""
    start = 10 * index
    return AudioChunk(
        chunk_index=index,
        start_sample=start,
        pcm=np.arange(start, start + num_samples, dtype=np.int16),
        segment_index=0,
        words=(WordSpan(text=f"w{index}", start_sample=start + 3, end_sample=start + 6),),
        is_final=is_final,
    )


def estimate() -> StreamEstimate:
    return StreamEstimate(
        request_id="r", sample_rate=24_000, duration_s=1.0, num_segments=1, seed=0, num_steps=4
    )


def filled(num_chunks: int = 5, **options: object) -> RequestStream:
    """Estimate, chunks 0..n-1, the last one final."""
    stream = make_stream(**options)  # type: ignore[arg-type]
    stream.append(estimate())
    for index in range(num_chunks):
        stream.append(chunk(index, is_final=index == num_chunks - 1))
    return stream


def test_positions_count_the_estimate_chunks_and_failure() -> None:
    async def body() -> None:
        stream = make_stream()
        stream.append(estimate())
        stream.append(chunk(0))
        stream.cancel()
        events = await collect(stream)
        assert [event_position(event) for event in events] == [0, 1, 2]
        assert events[-1] == StreamFailure(
            code="cancelled",
            message=CANCEL_MESSAGES["cancelled"],
            is_retriable=False,
            chunks_sent=1,
            samples_sent=10,
        )

    run(body())


def test_resuming_after_each_event_gives_exactly_the_rest() -> None:
    async def body() -> None:
        stream = filled()
        whole = await collect(stream)
        for position in range(-1, 6):
            assert await collect(stream, after=position) == whole[position + 1 :]

    run(body())


def test_resuming_at_each_sample_gives_exactly_the_rest() -> None:
    async def body() -> None:
        stream = filled()
        for sample in range(51):
            rest = await collect(stream, from_sample=sample)
            assert pcm_of(rest).tolist() == list(range(sample, 50))
            starts = [event.start_sample for event in rest if isinstance(event, AudioChunk)]
            assert starts[:1] == [sample][: len(starts)]
            words = [w for event in rest if isinstance(event, AudioChunk) for w in event.words]
            assert all(word.start_sample >= sample for word in words)

    run(body())


def test_at_the_end_of_the_sound_the_end_of_the_stream_is_still_told() -> None:
    async def body() -> None:
        stream = make_stream()
        stream.append(estimate())
        stream.append(chunk(0))
        stream.cancel()
        (failure,) = await collect(stream, from_sample=10)
        assert isinstance(failure, StreamFailure)
        (last,) = await collect(filled(), from_sample=50)
        assert isinstance(last, AudioChunk) and last.is_final and len(last.pcm) == 0

    run(body())


def test_positions_that_do_not_exist_are_refused_at_once() -> None:
    stream = filled()
    for position in (6, 99, -2):
        with pytest.raises(InvalidRequestError):
            stream.events(after=position)
    for sample in (-1, 51):
        with pytest.raises(InvalidRequestError):
            stream.events(from_sample=sample)


def test_a_reader_waits_for_what_is_not_made_yet() -> None:
    async def body() -> None:
        stream = make_stream()
        reader = asyncio.create_task(collect(stream))
        await asyncio.sleep(0.01)
        stream.append(estimate())
        await asyncio.sleep(0.01)
        assert not reader.done() and stream.num_readers == 1
        stream.append(chunk(0, is_final=True))
        assert len(await reader) == 2
        assert stream.num_readers == 0

    run(body())


def test_readers_see_the_same_events_whenever_they_join() -> None:
    async def body() -> None:
        stream = make_stream()
        stream.append(estimate())
        early = asyncio.create_task(collect(stream))
        await asyncio.sleep(0.01)
        stream.append(chunk(0))
        late = asyncio.create_task(collect(stream))
        await asyncio.sleep(0.01)
        stream.append(chunk(1, is_final=True))
        assert await early == await late == await collect(stream)

    run(body())


def test_a_stream_ends_once() -> None:
    ends = Ends()
    stream = filled(2, on_end=ends)
    assert stream.is_ended and ends.errors == [None]
    assert not stream.append(chunk(2))
    assert stream.cancel() == 0  # nobody has read a sample
    assert stream.log.num_chunks == 2 and ends.errors == [None]


def test_cancel_reports_what_a_reader_was_handed() -> None:
    async def body() -> None:
        stream = make_stream()
        for event in (estimate(), chunk(0), chunk(1)):
            stream.append(event)
        await first_events(stream, 2)
        assert stream.cancel("slow_consumer") == 10
        assert [type(event) for event in await collect(stream)][-1] is StreamFailure

    run(body())


def test_only_read_events_are_given_back() -> None:
    """Each chunk is 20 bytes; the log keeps 40 of what was read, and all that was not."""

    async def body() -> None:
        stream = make_stream(max_log_bytes=40)
        stream.append(estimate())
        for index in range(4):
            stream.append(chunk(index))
        assert stream.log.num_bytes == 80
        await first_events(stream, 4)  # the estimate and chunks 0, 1, 2
        stream.append(chunk(4))
        assert stream.log.num_bytes == 40  # chunks 3 and 4
        for position in (-1, 0, 2):
            with pytest.raises(NotFoundError):
                stream.events(after=position)
        with pytest.raises(NotFoundError):
            stream.events(from_sample=29)
        stream.append(chunk(5, is_final=True))
        assert pcm_of(await collect(stream, from_sample=30)).tolist() == list(range(30, 60))

    run(body())


def test_a_reader_left_behind_is_told_so() -> None:
    async def body() -> None:
        stream = make_stream(max_log_bytes=20)
        stream.append(estimate())
        slow = stream.events()
        assert isinstance(await anext(slow), StreamEstimate)
        for index in range(3):
            stream.append(chunk(index))
            await first_events_from(stream, index)
        stream.append(chunk(3))
        with pytest.raises(NotFoundError):
            await anext(slow)

    async def first_events_from(stream: RequestStream, position: int) -> None:
        async for _ in stream.events(after=position):
            return

    run(body())


@pytest.mark.parametrize("chunk_samples", [100, 997])
def test_a_stream_cut_anywhere_resumes_to_the_same_bytes_without_new_work(
    chunk_samples: int,
) -> None:
    """Leave after every event in turn, come back by position and by sample."""

    async def body() -> None:
        bench = Bench(OrchestratorSettings(chunk_samples=chunk_samples))
        request = make_request("r", "Ab cd. Ef. Ghi jk.", seed=5)
        async with bench.running() as orchestrator:
            stream = await orchestrator.submit(request)
            events: list[StreamEvent] = []
            while not events or not getattr(events[-1], "is_final", False):
                after = event_position(events[-1]) if events else -1
                async for event in stream.events(after):
                    events.append(event)
                    break
            bench.check(request, events)
            whole = pcm_of(events)
            held = orchestrator.streams.get("r")
            for sample in range(0, len(whole) + 1, 61):
                rest = pcm_of(await collect(held, from_sample=sample))
                assert np.array_equal(rest, whole[sample:])
        assert len(bench.engine.calls_of("prefill")) == 3

    run(body())


def test_a_listener_that_leaves_does_not_stop_the_work() -> None:
    async def body() -> None:
        bench = Bench()
        gate = Gate("vocode")
        bench.engine.on_call = gate
        request = make_request("r", "Ab cd. Ef.", seed=5)
        async with bench.running() as orchestrator:
            stream = await orchestrator.submit(request)
            before = await first_events(stream, 1)
            assert stream.num_readers == 0
            gate.open()
            bench.check(request, before + await collect(stream, after=0))

    run(body())
