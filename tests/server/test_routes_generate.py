"""Speech by one request: the wire of the source document, and equal sound on every way out."""

import asyncio
import base64
import hashlib
import io
import json

import httpx
import numpy as np
import pytest
import soundfile
from httpx_sse import aconnect_sse

from inference_types import SynthesisRequest
from orchestrator import OrchestratorSettings
from tests.fakes import expected_pcm
from tests.server.harness import RATE, Stack, audio_of, read_wav

TEXT = "Hello there. General text. And more words."
BODY = {"gen_text": TEXT, "seed": 7}


def expected(stack: Stack, text: str = TEXT, seed: int = 7, num_steps: int = 4) -> np.ndarray:
    request = SynthesisRequest(request_id="x", text=text, seed=seed, num_steps=num_steps)
    return expected_pcm(stack.frontend, stack.engine, request)


async def post_stream(client: httpx.AsyncClient, body: dict) -> list[dict]:
    async with aconnect_sse(client, "POST", "/v1/generate/stream", json=body) as source:
        source.response.raise_for_status()
        return [json.loads(event.data) async for event in source.aiter_sse()]


def test_stream_holds_the_documented_fields(stack: Stack) -> None:
    async def run() -> list[dict]:
        async with stack.client() as client:
            return await post_stream(client, BODY)

    events = asyncio.run(run())
    assert [event["chunk_index"] for event in events] == list(range(len(events)))
    assert [event["is_final"] for event in events] == [False] * (len(events) - 1) + [True]
    assert all(event["sample_rate"] == RATE for event in events)
    final = events[-1]["metadata"]
    assert final["total_chunks"] == len(events)
    assert (final["seed"], final["num_inference_steps"]) == (7, 4)
    assert final["generation_time"] >= final["time_to_first_audio"] > 0
    pcm = np.concatenate([audio_of(event) for event in events])
    assert final["duration"] == len(pcm) / RATE
    assert final["pcm_sha256"] == hashlib.sha256(pcm.astype("<i2").tobytes()).hexdigest()
    np.testing.assert_array_equal(pcm, expected(stack))


def test_chunks_tile_the_stream_and_carry_its_words(stack: Stack) -> None:
    async def run() -> list[dict]:
        async with stack.client() as client:
            return await post_stream(client, BODY)

    metadata = [event["metadata"] for event in asyncio.run(run())]
    assert metadata[0]["start_sample"] == 0
    assert metadata[0]["estimate"]["num_segments"] == 3
    for before, after in zip(metadata, metadata[1:], strict=False):
        assert after["start_sample"] == before["end_sample"]
    words = [word for fields in metadata for word in fields["words"]]
    assert [word["text"] for word in words] == TEXT.replace(".", "").split()
    assert all(word["start_sample"] < word["end_sample"] for word in words)


def test_framing_is_sse_with_positional_ids(stack: Stack) -> None:
    async def run() -> httpx.Response:
        async with stack.client() as client:
            return await client.post("/v1/generate/stream", json=BODY)

    response = asyncio.run(run())
    assert response.headers["content-type"].startswith("text/event-stream")
    assert response.headers["cache-control"] == "no-store, no-transform"
    assert response.headers["x-accel-buffering"] == "no"
    assert "content-encoding" not in response.headers
    blocks = response.text.split("\n\n")
    assert blocks[0] == ": ok" and blocks[-1] == ""
    stream_id = response.headers["x-stream-id"]
    for index, block in enumerate(blocks[1:-1]):
        id_line, data_line = block.split("\n")
        end_sample = json.loads(data_line[len("data: ") :])["metadata"]["end_sample"]
        assert id_line == f"id: {stream_id}-{index + 1}-{end_sample}"


def test_every_route_gives_the_same_sound(stack: Stack) -> None:
    async def run() -> tuple[np.ndarray, dict, bytes]:
        async with stack.client() as client:
            events = await post_stream(client, BODY | {"response_format": "pcm"})
            pcm = b"".join(base64.b64decode(event["audio_chunk"]) for event in events)
            whole = (await client.post("/v1/generate", json=BODY)).json()
            made = (await client.post("/v1/streams", json=BODY)).json()
            wav = await client.get(f"/v1/streams/{made['stream_id']}/audio.wav")
            return np.frombuffer(pcm, "<i2"), whole, wav.content

    streamed, whole, wav = asyncio.run(run())
    batch = read_wav(base64.b64decode(whole["audio_base64"]))
    np.testing.assert_array_equal(batch, streamed)
    np.testing.assert_array_equal(read_wav(wav), streamed)
    assert whole["duration"] == len(batch) / RATE and whole["sample_rate"] == RATE
    assert whole["generation_time"] > 0
    assert whole["metadata"]["pcm_sha256"] == hashlib.sha256(streamed.tobytes()).hexdigest()


@pytest.mark.parametrize("form", ["wav", "flac", "opus", "mp3", "pcm"])
def test_whole_answers_come_in_every_format(stack: Stack, form: str) -> None:
    async def run() -> dict:
        async with stack.client() as client:
            return (await client.post("/v1/generate", json=BODY | {"response_format": form})).json()

    data = base64.b64decode(asyncio.run(run())["audio_base64"])
    if form == "pcm":
        assert np.array_equal(np.frombuffer(data, "<i2"), expected(stack))
        return
    samples, rate = soundfile.read(io.BytesIO(data))
    assert abs(len(samples) / rate - len(expected(stack)) / RATE) < 0.1


@pytest.mark.parametrize("num_steps", [1, 32, 50])
def test_explicit_steps_are_honoured(stack: Stack, num_steps: int) -> None:
    async def run() -> dict:
        async with stack.client() as client:
            body = BODY | {"num_inference_steps": num_steps}
            return (await client.post("/v1/generate", json=body)).json()

    answer = asyncio.run(run())
    assert answer["metadata"]["num_inference_steps"] == num_steps
    assert stack.engine.num_steps_of((7, 0)) == num_steps


def test_a_list_of_texts_gives_results_and_errors_in_order(stack: Stack) -> None:
    async def run() -> dict:
        async with stack.client() as client:
            body = {"gen_text": ["One.", "...", "Two words."], "seed": 3}
            return (await client.post("/v1/generate", json=body)).json()

    answer = asyncio.run(run())
    assert (answer["total"], answer["succeeded"], answer["failed"]) == (3, 2, 1)
    assert [result["status"] for result in answer["results"]] == ["ok", "error", "ok"]
    assert answer["results"][1]["error"]["code"] == "text_empty"
    for index, text in ((0, "One."), (2, "Two words.")):
        pcm = read_wav(base64.b64decode(answer["results"][index]["audio_base64"]))
        np.testing.assert_array_equal(pcm, expected(stack, text, seed=3))


WRONG_TEXTS = {
    "33 texts": ["Hi."] * 33,
    "no text": [],
    "a number among texts": ["Hi.", 3],
    "a list in a list": [["Hi."]],
    "a number": 3,
    "nothing": None,
    "an object": {"text": "Hi."},
}


@pytest.mark.parametrize("name", WRONG_TEXTS)
def test_what_is_no_text_or_list_of_texts_is_told_both(stack: Stack, name: str) -> None:
    async def run() -> httpx.Response:
        async with stack.client() as client:
            return await client.post("/v1/generate", json={"gen_text": WRONG_TEXTS[name]})

    answer = asyncio.run(run())
    assert answer.status_code == 422
    error = answer.json()["error"]
    assert error["field"] == "gen_text"
    assert error["message"] == "gen_text must be a string or a list of 1 to 32 strings"


def test_a_bad_text_in_a_list_is_named_by_its_place(stack: Stack) -> None:
    async def run() -> httpx.Response:
        async with stack.client() as client:
            headers, content = (
                {"Content-Type": "application/json"},
                b'{"gen_text": ["a", "\\ud800"]}',
            )
            return await client.post("/v1/generate", content=content, headers=headers)

    error = asyncio.run(run()).json()["error"]
    assert error["field"] == "gen_text.1" and "Unicode" in error["message"]


def test_a_failed_row_is_an_error_event_and_a_status(stack: Stack) -> None:
    stack.engine.nan_rows = {(7, 1)}

    async def run() -> tuple[list, httpx.Response]:
        async with stack.client() as client:
            async with aconnect_sse(client, "POST", "/v1/generate/stream", json=BODY) as source:
                events = [event async for event in source.aiter_sse()]
            return events, await client.post("/v1/generate", json=BODY)

    events, answer = asyncio.run(run())
    assert [event.event for event in events[-2:]] == ["message", "error"]
    failure = json.loads(events[-1].data)
    assert failure["code"] == "numeric" and failure["seq"] == len(events) - 1
    assert failure["retriable"] is True
    assert answer.status_code == 503 and answer.json()["error"]["code"] == "numeric"


def busy_stack() -> Stack:
    stack = Stack(orchestration=OrchestratorSettings(max_concurrent_requests=1))
    stack.engine.delays = {"step": 0.3}
    return stack


def test_overload_is_429_with_retry_after() -> None:
    stack = busy_stack()

    async def run() -> httpx.Response:
        async with stack.client() as client:
            await client.post("/v1/streams", json=BODY)
            return await client.post("/v1/generate", json=BODY)

    response = asyncio.run(run())
    assert response.status_code == 429
    assert int(response.headers["retry-after"]) >= 1
    assert response.json()["error"]["code"] == "overloaded"


def test_overload_asks_an_event_source_to_return() -> None:
    stack = busy_stack()

    async def run() -> list:
        async with stack.client() as client:
            await client.post("/v1/streams", json=BODY)
            url = "/v1/generate/stream?gen_text=Hello"
            async with aconnect_sse(client, "GET", url) as source:
                assert source.response.status_code == 200
                return [event async for event in source.aiter_sse()]

    (event,) = asyncio.run(run())
    assert event.event == "status" and event.id == ""
    assert event.retry is not None and event.retry >= 1000
    assert json.loads(event.data)["code"] == "overloaded"


def test_before_the_engine_is_warm_requests_get_503() -> None:
    stack = Stack()

    async def run() -> list[int]:
        transport = httpx.ASGITransport(app=stack.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            answers = [await client.post("/v1/generate", json=BODY)]
            answers += [await client.get(path) for path in ("/readyz", "/livez", "/v1/health")]
            assert answers[3].json()["is_live"] == "False"
            assert "retry-after" in answers[0].headers
            return [answer.status_code for answer in answers]

    assert asyncio.run(run()) == [503, 503, 200, 200]


def test_direct_get_speaks_and_resumes_by_its_own_id(stack: Stack) -> None:
    url = "/v1/generate/stream?gen_text=Hello+there.+More.&seed=5"

    async def run() -> None:
        async with stack.client() as client:
            async with aconnect_sse(client, "GET", url) as source:
                events = [event async for event in source.aiter_sse()]
            assert events[0].event == "estimate"
            assert json.loads(events[0].data)["num_segments"] == 2
            chunks = [json.loads(event.data) for event in events[1:]]
            pcm = np.concatenate([audio_of(chunk) for chunk in chunks])
            np.testing.assert_array_equal(pcm, expected(stack, "Hello there. More.", seed=5))
            for index, event in enumerate(events):
                again = await client.get(url, headers={"Last-Event-ID": event.id})
                if index == len(events) - 1:
                    assert again.status_code == 204
                else:
                    assert again.text.count("data: ") == len(events) - 1 - index
            other = url.replace("Hello", "Goodbye")
            foreign = await client.get(other, headers={"Last-Event-ID": events[0].id})
            assert foreign.status_code == 400
            unknown = "0" * 32 + "-1-0"
            lost = await client.get(url, headers={"Last-Event-ID": unknown})
            assert lost.status_code == 404
        assert len(stack.engine.calls_of("prefill")) == 2  # one synthesis, two segments

    asyncio.run(run())
