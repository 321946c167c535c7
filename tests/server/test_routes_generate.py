"""Speech by one request: the wire of the source document, and equal sound on every way out."""

import asyncio
import base64
import hashlib
import json

import httpx
import numpy as np
import pytest
from httpx_sse import aconnect_sse

from inference_types import SynthesisRequest
from tests.fakes import expected_pcm
from tests.server.harness import RATE, Stack, audio_of, read_wav

TEXT = "Hello there. General text. And more words."
BODY = {"gen_text": TEXT, "seed": 7}


def expected(stack: Stack, text: str = TEXT, seed: int = 7, num_steps: int = 4) -> np.ndarray:
    request = SynthesisRequest(request_id="x", text=text, seed=seed, num_steps=num_steps)
    return expected_pcm(stack.frontend, stack.engine, request)


async def stream_events(client: httpx.AsyncClient, body: dict) -> list[dict]:
    async with aconnect_sse(client, "POST", "/v1/generate/stream", json=body) as source:
        source.response.raise_for_status()
        return [json.loads(event.data) async for event in source.aiter_sse()]


def test_stream_holds_the_documented_fields(stack: Stack) -> None:
    async def run() -> None:
        async with stack.client() as client:
            events = await stream_events(client, BODY)
        assert [event["chunk_index"] for event in events] == list(range(len(events)))
        assert [event["is_final"] for event in events] == [False] * (len(events) - 1) + [True]
        assert all(event["sample_rate"] == RATE for event in events)
        final = events[-1]["metadata"]
        assert final["total_chunks"] == len(events)
        assert final["seed"] == 7 and final["num_inference_steps"] == 4
        assert final["generation_time"] >= final["time_to_first_audio"] > 0
        pcm = np.concatenate([audio_of(event) for event in events])
        assert final["duration"] == len(pcm) / RATE
        assert final["pcm_sha256"] == hashlib.sha256(pcm.astype("<i2").tobytes()).hexdigest()
        np.testing.assert_array_equal(pcm, expected(stack))

    asyncio.run(run())
