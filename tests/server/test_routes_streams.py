"""Streams with an address: tickets, positions, late readers, downloads, and the end."""

import asyncio
import json

import httpx
import numpy as np
import pytest
from httpx_sse import aconnect_sse

from server import ServerSettings
from server.event_ids import make_stream_id
from server.resumable import ResumableStreams
from tests.fakes import EngineCall
from tests.orchestrator.harness import until
from tests.server.harness import Stack, audio_of, read_wav
from tests.server.test_routes_generate import BODY, TEXT, expected

FOREIGN = "ab" * 16


async def make(client: httpx.AsyncClient, **fields: object) -> dict:
    response = await client.post("/v1/streams", json=BODY | fields)
    assert response.status_code == 201, response.text
    return response.json()


async def hear(client: httpx.AsyncClient, url: str, **options: object) -> list:
    async with aconnect_sse(client, "GET", url, **options) as source:
        assert source.response.status_code == 200
        return [event async for event in source.aiter_sse()]


def pcm_of(events: list) -> np.ndarray:
    chunks = [json.loads(event.data) for event in events if event.event == "message"]
    return np.concatenate([audio_of(chunk) for chunk in chunks])


def test_a_stream_is_made_then_heard(stack: Stack) -> None:
    async def run() -> tuple[dict, list]:
        async with stack.client() as client:
            made = await make(client)
            return made, await hear(client, made["stream_url"])

    made, events = asyncio.run(run())
    assert made["expires_in"] == 60
    assert made["stream_id"] in made["stream_url"] and "ticket=" in made["stream_url"]
    estimate = json.loads(events[0].data)
    assert events[0].event == "estimate" and estimate == made["estimate"]
    assert {"duration", "num_segments", "sample_rate", "format"} <= estimate.keys()
    np.testing.assert_array_equal(pcm_of(events), expected(stack))


def test_a_second_reader_hears_the_same_bytes(stack: Stack) -> None:
    stack.engine.delays = {"step": 0.02}

    async def run() -> list[str]:
        async with stack.client() as client:
            url = (await make(client))["stream_url"]
            answers = await asyncio.gather(*(client.get(url) for _ in range(3)))
            return [answer.text for answer in (*answers, await client.get(url))]

    texts = asyncio.run(run())
    assert len(set(texts)) == 1 and texts[0].count("data: ") > 3
    assert len(stack.engine.calls_of("prefill")) == 3  # three segments, once


def test_header_query_and_sample_all_resume_exactly(stack: Stack) -> None:
    async def run() -> None:
        async with stack.client() as client:
            url = (await make(client))["stream_url"]
            events = await hear(client, url)
            middle = events[2].id
            rest = [(event.id, event.data) for event in events[3:]]
            by_header = await hear(client, url, headers={"Last-Event-ID": middle})
            by_query = await hear(client, f"{url}&last_event_id={middle}")
            stale_query = f"{url}&last_event_id={events[0].id}&from_sample=5"
            both = await hear(client, stale_query, headers={"Last-Event-ID": middle})
            for resumed in (by_header, by_query, both):
                assert [(event.id, event.data) for event in resumed] == rest
            for sample in (0, 1, 2400, 2401, 5000):
                part = await hear(client, f"{url}&from_sample={sample}")
                np.testing.assert_array_equal(pcm_of(part), expected(stack)[sample:])
            total = len(expected(stack))
            assert (await client.get(f"{url}&from_sample={total}")).status_code == 204
            done = await client.get(url, headers={"Last-Event-ID": events[-1].id})
            assert done.status_code == 204 and not done.content

    asyncio.run(run())


def test_who_has_all_the_sound_of_a_failed_stream_still_hears_that_it_failed(stack: Stack) -> None:
    stack.engine.on_call = fail_last_segment

    async def run() -> None:
        async with stack.client() as client:
            url = (await make(client))["stream_url"]
            end = len(pcm_of(await hear(client, url)))
            assert 0 < end < len(expected(stack))
            (error,) = await hear(client, f"{url}&from_sample={end}")
            assert error.event == "error" and f'"samples_sent":{end}' in error.data

    asyncio.run(run())


def fail_last_segment(call: EngineCall) -> None:
    if call.verb == "step" and any(segment == 2 for _, segment in call.rows):
        raise RuntimeError("broken")


def test_ids_that_cannot_be_are_400(stack: Stack) -> None:
    async def run() -> None:
        async with stack.client() as client:
            made, other = await make(client), await make(client, seed=8)
            url, stream_id = made["stream_url"], made["stream_id"]
            last = (await hear(client, url))[-1].id
            chunks, samples = (int(part) for part in last.split("-")[1:])
            for bad in (
                "zzz",
                f"{stream_id}--1-0",
                f"{stream_id}-{chunks + 1}-{samples}",
                f"{stream_id}-{chunks}-{samples + 1}",
                f"{stream_id}-999999999-0",
                f"{other['stream_id']}-1-2400",
                "9" * 150,
            ):
                answer = await client.get(url, headers={"Last-Event-ID": bad})
                assert answer.status_code == 400, bad
                assert bad not in answer.text
            beyond = await client.get(f"{url}&from_sample={samples + 1}")
            assert beyond.status_code == 400
            assert (await client.get(f"{url}&from_sample=-1")).status_code == 422

    asyncio.run(run())


def test_foreign_unknown_and_missing_tickets_get_the_same_404(stack: Stack) -> None:
    async def run() -> set[tuple[int, bytes]]:
        async with stack.client() as client:
            mine, yours = await make(client), await make(client, seed=8)
            foreign = yours["stream_url"].partition("?")[2]
            paths = [
                f"/v1/streams/{mine['stream_id']}?{foreign}",
                f"/v1/streams/{mine['stream_id']}",
                f"/v1/streams/{mine['stream_id']}?ticket=0-{'0' * 64}",
                f"/v1/streams/{make_stream_id()}?{foreign}",
                "/v1/streams/nonsense",
            ]
            answers = [await client.get(path) for path in paths]
            return {(answer.status_code, answer.content) for answer in answers}

    answers = asyncio.run(run())
    assert len(answers) == 1 and answers.pop()[0] == 404


def test_a_ticket_must_be_used_in_time_and_then_lasts() -> None:
    stack = Stack(settings=ServerSettings(resume_s=1))

    async def run() -> None:
        async with stack.client() as client:
            used, unused = (await make(client))["stream_url"], (await make(client))["stream_url"]
            await hear(client, used)
            await asyncio.sleep(1.1)
            assert (await client.get(unused)).status_code == 404
            assert (await client.get(used)).status_code == 200

    asyncio.run(run())


def test_delete_ends_the_stream_and_tells_what_was_sent(stack: Stack) -> None:
    stack.engine.delays = {"step": 0.05}

    async def run() -> tuple[dict, list, dict, httpx.Response]:
        async with stack.client() as client:
            made = await make(client, gen_text="One two three four. " * 20)
            path = f"/v1/streams/{made['stream_id']}"
            listener = asyncio.create_task(hear(client, made["stream_url"]))
            await asyncio.sleep(0.6)
            answer = (await client.delete(path)).json()
            heard = await listener
            await until(lambda: stack.engine.num_resident == 0, "the rows are free")
            return (
                answer,
                heard,
                (await client.delete(path)).json(),
                await client.delete(f"/v1/streams/{make_stream_id()}"),
            )

    answer, events, again, unknown = asyncio.run(run())
    assert answer["status"] == "cancelled"
    assert events[-1].event == "cancelled"
    failure = json.loads(events[-1].data)
    assert answer["samples_sent"] == failure["samples_sent"] == len(pcm_of(events)) > 0
    assert again == answer | {"status": "finished"}
    assert unknown.status_code == 404


def test_a_cancelled_stream_is_204_for_those_who_heard_so(stack: Stack) -> None:
    stack.engine.delays = {"step": 0.2}

    async def run() -> None:
        async with stack.client() as client:
            made = await make(client)
            await client.delete(f"/v1/streams/{made['stream_id']}")
            events = await hear(client, made["stream_url"])
            assert events[-1].event == "cancelled"
            headers = {"Last-Event-ID": events[-1].id}
            assert (await client.get(made["stream_url"], headers=headers)).status_code == 204
            wav = await client.get(f"/v1/streams/{made['stream_id']}/audio.wav")
            assert wav.status_code == 409

    asyncio.run(run())


RANGES = {
    "bytes=0-0": (206, slice(0, 1)),
    "bytes=44-1043": (206, slice(44, 1044)),
    "bytes=1000-": (206, slice(1000, None)),
    "bytes=-100": (206, slice(-100, None)),
    "bytes=0-99999999": (206, slice(0, None)),
    "bytes=99999999-": (416, None),
    "bytes=-0": (416, None),
    "bytes=5-2": (200, slice(0, None)),
    "bytes=0-1,5-6": (200, slice(0, None)),
    "lines=0-1": (200, slice(0, None)),
    "bytes=-": (200, slice(0, None)),
}


def test_the_wav_file_has_ranges(stack: Stack) -> None:
    async def run() -> None:
        async with stack.client() as client:
            path = f"/v1/streams/{(await make(client))['stream_id']}/audio.wav"
            whole = await client.get(path)
            assert whole.headers["content-type"] == "audio/wav"
            np.testing.assert_array_equal(read_wav(whole.content), expected(stack))
            for header, (status, part) in RANGES.items():
                answer = await client.get(path, headers={"Range": header})
                assert answer.status_code == status, header
                if part is None:
                    assert answer.headers["content-range"] == f"bytes */{len(whole.content)}"
                else:
                    assert answer.content == whole.content[part], header
            etag = whole.headers["etag"]
            same = {"Range": "bytes=0-9", "If-Range": etag}
            assert (await client.get(path, headers=same)).status_code == 206
            stale = {"Range": "bytes=0-9", "If-Range": '"other"'}
            assert (await client.get(path, headers=stale)).status_code == 200

    asyncio.run(run())


@pytest.mark.parametrize("form", ["srt", "vtt"])
def test_subtitles_hold_every_word(stack: Stack, form: str) -> None:
    async def run() -> str:
        async with stack.client() as client:
            made = await make(client)
            return (await client.get(f"/v1/streams/{made['stream_id']}/audio.{form}")).text

    text = asyncio.run(run())
    assert " --> " in text
    words = " ".join(line for line in text.split("\n") if line and "-->" not in line)
    assert all(word in words for word in TEXT.replace(".", "").split())


def test_ended_streams_leave_nothing_behind(stack: Stack) -> None:
    async def run() -> None:
        async with stack.client() as client:
            for index in range(40):
                made = await make(client, gen_text="Hi.", seed=index % 30)
                await client.delete(f"/v1/streams/{made['stream_id']}")
        assert not stack.orchestrator.streams.live_jobs()

    asyncio.run(run())
    assert stack.engine.num_resident == 0


def test_the_record_of_streams_shrinks_with_the_streams() -> None:
    held: set[str] = set()
    resumable = ResumableStreams(held.__contains__)
    for index in range(10_000):
        held.add(str(index))
        held.discard(str(index - 100))
        resumable.add(str(index), "same")
        assert len(resumable) <= 512
    assert resumable.is_from("9999", "same") and not resumable.is_from("9999", "other")
    assert not resumable.was_opened("9999")
    resumable.mark_opened("9999")
    resumable.mark_opened("unknown")
    assert resumable.was_opened("9999") and not resumable.was_opened("unknown")
