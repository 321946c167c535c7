"""Requests through all threads on the fake engine; sums by hand."""

import asyncio

import numpy as np
import pytest

from inference_types import (
    AudioChunk,
    ConflictError,
    EngineError,
    InvalidReferenceError,
    InvalidTextError,
    NotFoundError,
    ReferenceAudio,
    StreamEstimate,
    SynthesisRequest,
    WordSpan,
)
from orchestrator import OrchestratorSettings
from tests.fakes import FakeEngine
from tests.orchestrator.harness import (
    Bench,
    Gate,
    collect,
    make_request,
    offline,
    pcm_of,
    run,
    until,
)


def test_two_interleaved_requests_by_hand() -> None:
    """A = "Ab. Cde." (seed 1), B = "F." (seed 2), two Euler steps, 2 frames a letter.

    An offline plug P = "P." (seed 9, one step) is held in its prefill until A0, A1 and B0 wait
    in the device's queue. The bucket has four slots. Then, tick by tick:

      1  P is inserted
      2  A0 and B0 (first segments) are inserted; P steps, the only row when the tick looked
      3  three slots are taken and the last is kept for a first segment, so A1 must wait;
         P is vocoded and freed; A0 and B0 are equally urgent and share a step
      4  A1 is inserted; A0 and B0 make their last step, two rows being the best batch
      5  A0 and B0 are vocoded and freed; A1 steps
      6  A1's last step
      7  A1 is vocoded and freed

    Rows count 1000 seed + 10 segment + steps: A is 2*2*256 = 1024 samples of 1002 and
    3*2*256 = 1536 of 1012, B is 512 samples of 2002.
    """

    async def body() -> None:
        bench = Bench()
        gate = Gate("prefill")
        bench.engine.on_call = gate
        async with bench.running() as orchestrator:
            await orchestrator.submit(offline("p", "P.", seed=9, num_steps=1))
            await until(lambda: gate.num_held == 1, "P is in prefill")
            a = await orchestrator.submit(make_request("a", "Ab. Cde.", seed=1, num_steps=2))
            b = await orchestrator.submit(make_request("b", "F.", seed=2, num_steps=2))
            await until(lambda: len(orchestrator._pipeline._to_dispatch) == 3, "A0, A1, B0 wait")
            gate.open()
            events_a, events_b = await asyncio.gather(collect(a), collect(b))
            await bench.settled()
        p, a0, a1, b0 = (9, 0), (1, 0), (1, 1), (2, 0)
        assert [(call.verb, call.rows) for call in bench.engine.calls[2:]] == [
            *[("prefill", (p,)), ("insert", (p,))],
            *[("prefill", (a0,)), ("insert", (a0,)), ("prefill", (b0,)), ("insert", (b0,))],
            ("step", (p,)),
            *[("vocode", (p,)), ("free", (p,)), ("step", (a0, b0))],
            *[("prefill", (a1,)), ("insert", (a1,)), ("step", (a0, b0))],
            *[("vocode", (a0,)), ("free", (a0,)), ("vocode", (b0,)), ("free", (b0,))],
            *[("step", (a1,)), ("step", (a1,))],
            *[("vocode", (a1,)), ("free", (a1,))],
        ]
        assert pcm_of(events_a).tolist() == [1002] * 1024 + [1012] * 1536
        assert pcm_of(events_b).tolist() == [2002] * 512

    run(body())


def test_estimate_chunks_words_and_summary() -> None:
    async def body() -> None:
        bench = Bench(OrchestratorSettings(chunk_samples=1000))
        async with bench.running():
            events = await bench.speak(make_request("r", "Ab cd. Ef.", seed=3))
        estimate, chunks = events[0], events[1:]
        # 5 + 2 letters and spaces, 2 frames each, 256 samples a frame, 24 kHz.
        assert estimate == StreamEstimate(
            request_id="r",
            sample_rate=24_000,
            duration_s=7 * 2 * 256 / 24_000,
            num_segments=2,
            seed=3,
            num_steps=4,
        )
        lengths = [len(chunk.pcm) for chunk in chunks if isinstance(chunk, AudioChunk)]
        assert lengths == [1000, 1000, 560, 1000, 24]  # 2560 and 1024 samples
        words = [chunk.words for chunk in chunks if isinstance(chunk, AudioChunk)]
        assert words == [
            (WordSpan(text="Ab", start_sample=0, end_sample=1024),),
            (WordSpan(text="cd", start_sample=1536, end_sample=2560),),
            (),
            (WordSpan(text="Ef", start_sample=2560, end_sample=3584),),
            (),
        ]
        last = chunks[-1]
        assert isinstance(last, AudioChunk) and last.summary is not None
        assert (last.summary.num_segments, last.summary.num_steps) == (2, 4)
        assert last.summary.device_steps == 8
        assert 0 < last.summary.queue_s <= last.summary.first_audio_s
        assert last.summary.first_audio_s <= last.summary.generation_time_s

    run(body())


def test_many_requests_share_steps_and_each_gets_its_own_sound() -> None:
    async def body() -> None:
        bench = Bench()
        bench.engine.delays["step"] = 0.002
        requests = [
            make_request(f"r{i}", "One two. Three. Four five six. Seven." * (1 + i % 2), seed=i)
            for i in range(8)
        ]
        async with bench.running() as orchestrator:
            await asyncio.gather(*(bench.speak(request) for request in requests))
            await bench.settled()
            snapshot = orchestrator.metrics_snapshot()
        counters = snapshot.counters
        assert counters["step_rows_total"][""] > 1.5 * len(bench.engine.calls_of("step"))
        assert counters["requests_finished_total"][""] == 8
        assert snapshot.gauges["compilations"][""] == 9
        assert snapshot.histograms["ttfa_seconds"].num_values == 8

    run(body())


def test_the_first_chunk_comes_before_the_last_segments_first_step() -> None:
    async def body() -> None:
        bench = Bench()
        bench.engine.delays["step"] = 0.002
        text = "Sentence. " * 12
        async with bench.running() as orchestrator:
            stream = await orchestrator.submit(make_request("r", text, seed=1))
            async for event in stream.events():
                if isinstance(event, AudioChunk):
                    assert bench.engine.num_steps_of((1, 11)) == 0
                    break
            await collect(stream)

    run(body())


def test_a_listener_does_not_wait_for_a_book() -> None:
    """Three of four slots are offline rows of 40 slow steps; the listener is served first."""

    async def body() -> None:
        bench = Bench()
        bench.engine.delays["step"] = 0.005
        book = offline("book", "One. Two. Six. Ten.", seed=1, num_steps=40)
        async with bench.running() as orchestrator:
            stream = await orchestrator.submit(book)
            await until(lambda: bench.engine.num_resident == 3, "the book has its slots")
            await bench.speak(make_request("r", "One. Two. Three. Four.", seed=2))
            assert stream.log.num_chunks == 0
            bench.check(book, await collect(stream))
            await bench.settled()

    run(body())


def test_voices_being_decoded_keep_nobody_waiting() -> None:
    """Uploads have a thread of their own; everyone else is prepared and planned beside it."""

    async def body() -> None:
        bench, gate = Bench(), Gate("load_voice")
        upload = ReferenceAudio(data=b"RIFF", text="")

        def hold_uploads(verb: str, request: SynthesisRequest) -> None:
            if request.reference is not None:
                gate(verb)

        bench.frontend.on_call = hold_uploads
        async with bench.running() as orchestrator:
            uploads = [
                asyncio.create_task(orchestrator.submit(make_request(f"u{i}", reference=upload)))
                for i in range(3)
            ]
            await until(lambda: gate.num_held == 1, "one is being decoded")
            await bench.speak(make_request("quick", "One. Two. Three. Four. Five."))
            assert gate.num_held == 1 and not any(task.done() for task in uploads)
            gate.open()
            for task in uploads:
                await collect(await task)
            await bench.settled()

    run(body())


@pytest.mark.parametrize("num_sentences", [1, 3, 40])
def test_work_before_the_first_sound_does_not_depend_on_the_length(num_sentences: int) -> None:
    """Until the first segment is vocoded no other row is stepped, and two are prefilled."""

    async def body() -> None:
        bench = Bench()
        async with bench.running():
            await bench.speak(make_request("r", "Sentence. " * num_sentences, seed=1))
        verbs = [call.verb for call in bench.engine.calls]
        before = bench.engine.calls[: verbs.index("vocode")]
        assert {call.rows for call in before if call.verb == "step"} == {((1, 0),)}
        assert sum(call.num_fused for call in before) == 4
        assert sum(call.verb == "prefill" for call in before) <= 2

    run(body())


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"text": " . . "}, InvalidTextError),
        ({"voice": "nobody"}, NotFoundError),
        ({"reference": ReferenceAudio(data=b"bad")}, InvalidReferenceError),
    ],
)
def test_a_bad_request_is_refused_by_submit(fields: dict, error: type[Exception]) -> None:
    async def body() -> None:
        bench = Bench()
        async with bench.running() as orchestrator:
            with pytest.raises(error):
                await orchestrator.submit(make_request("bad", **fields))
            with pytest.raises(NotFoundError):
                orchestrator.streams.get("bad")
            await bench.speak(make_request("good"))
            await bench.settled()
        assert len(bench.engine.calls_of("prefill")) == 1

    run(body())


def test_an_unexpected_fault_in_preparation_fails_that_request_only() -> None:
    async def body() -> None:
        bench = Bench()

        def break_plan(verb: str, request: object) -> None:
            if verb == "plan" and getattr(request, "request_id", "") == "bad":
                raise ZeroDivisionError("secret detail")

        bench.frontend.on_call = break_plan
        async with bench.running() as orchestrator:
            with pytest.raises(Exception, match="could not be prepared") as caught:
                await orchestrator.submit(make_request("bad"))
            assert "secret" not in str(caught.value)
            await bench.speak(make_request("good"))

    run(body())


def test_ids_are_unique_while_held() -> None:
    async def body() -> None:
        bench = Bench()
        async with bench.running() as orchestrator:
            await bench.speak(make_request("same"))
            with pytest.raises(ConflictError):
                await orchestrator.submit(make_request("same"))
            assert orchestrator.streams.get("same").is_ended

    run(body())


def test_nothing_is_taken_before_the_engine_is_warm() -> None:
    async def body() -> None:
        bench = Bench(engine=FakeEngine())
        gate = Gate("warm_up")
        bench.engine.on_call = gate
        await bench.orchestrator.start()
        with pytest.raises(EngineError):
            await bench.orchestrator.submit(make_request())
        health = bench.orchestrator.health()
        assert health.is_live and not health.is_ready and health.status == "starting"
        gate.open()
        await bench.orchestrator.wait_until_ready(10)
        await bench.speak(make_request())
        await bench.orchestrator.stop()

    run(body())


def test_the_voices_gain_is_undone() -> None:
    """`output_gain` scales the waveform: 0.5 makes of 14 * 1 (seed 0, step 4) samples of 2."""

    async def body() -> None:
        bench = Bench()
        load_voice = bench.frontend.load_voice

        def quiet(request: object) -> object:
            voice = load_voice(request)  # type: ignore[arg-type]
            return type(voice)(key="q", mel=voice.mel, output_gain=0.5)

        bench.frontend.load_voice = quiet  # type: ignore[method-assign]
        async with bench.running() as orchestrator:
            events = await collect(await orchestrator.submit(make_request("r", "A.", seed=2)))
        assert np.unique(pcm_of(events)).tolist() == [1002]  # 2004 / 2

    run(body())
