"""Downloads: blocks cut from where the sound lies, and readers that stop reading."""

import asyncio
from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import pytest
from starlette.types import Message

import server.ranges
from inference_types import AudioChunk, StreamSummary
from server.collection import Speech
from server.ranges import BLOCK_BYTES, DownloadResponse, blocks_of
from tests.server.harness import RATE, read_wav

SCOPE = {"type": "http", "method": "GET", "asgi": {"spec_version": "2.3"}}


def test_blocks_are_exact_and_bounded() -> None:
    whole = np.random.default_rng(0).bytes(3 * BLOCK_BYTES)
    cuts = [0, 44, 44, 100, 100 + BLOCK_BYTES, 3 * BLOCK_BYTES]
    parts = [memoryview(whole)[low:high] for low, high in pairwise(cuts)]
    edges = sorted({edge + nudge for edge in cuts for nudge in (-1, 0, 1)} & set(range(len(whole))))
    for start, end in [(a, b) for a in edges for b in edges if a < b]:
        blocks = list(blocks_of(parts, start, end))
        assert b"".join(blocks) == whole[start:end]
        assert max(map(len, blocks)) <= BLOCK_BYTES


def make_speech(chunks: list[np.ndarray]) -> Speech:
    starts = np.cumsum([0, *map(len, chunks)])
    summary = StreamSummary(
        total_chunks=len(chunks),
        total_samples=int(starts[-1]),
        duration_s=1.0,
        generation_time_s=1.0,
        first_audio_s=1.0,
        queue_s=0.0,
        num_segments=1,
        num_steps=1,
        device_steps=1,
        seed=0,
        pcm_sha256="",
    )
    events = [
        AudioChunk(chunk_index=i, start_sample=int(start), pcm=pcm, segment_index=0)
        for i, (start, pcm) in enumerate(zip(starts[:-1], chunks, strict=True))
    ]
    return Speech(chunks=tuple(events), summary=summary, sample_rate=RATE)


def test_a_wav_file_is_the_chunks_where_they_lie() -> None:
    chunks = [np.arange(n, dtype=np.int16) for n in (1000, 0, 1, 2400)]
    parts = make_speech(chunks).wav_parts()
    np.testing.assert_array_equal(read_wav(b"".join(parts)), np.concatenate(chunks))
    for chunk, part in zip(chunks, parts[1:], strict=True):
        assert len(chunk) == 0 or np.shares_memory(chunk, np.frombuffer(part, np.int16))


def test_a_reader_that_stops_is_dropped(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(server.ranges, "SEND_TIMEOUT_S", 0.01)
    num_taken = 0

    def endless() -> Iterator[bytes]:
        nonlocal num_taken
        while True:
            num_taken += 1
            yield b"x"

    async def never() -> Message:
        return await asyncio.Future()

    async def stall_at_second_block(message: Message) -> None:
        if num_taken == 2:
            await asyncio.Future()

    response = DownloadResponse(endless(), 200, {})
    asyncio.run(response(SCOPE, never, stall_at_second_block))
    assert num_taken == 2
    assert "was dropped" in caplog.text
