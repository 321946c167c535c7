"""Whole audio from a stream of events: what the batch routes and downloads are made of."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

import numpy as np

from audio.encode import encode_clip, wav_header
from inference_types import (
    AudioChunk,
    DeadlineExceededError,
    EngineError,
    InvalidReferenceError,
    InvalidRequestError,
    InvalidTextError,
    NotFoundError,
    NumericError,
    RequestCancelledError,
    RequestTooLargeError,
    ShuttingDownError,
    StreamEvent,
    StreamFailure,
    StreamSummary,
    TTSError,
    WordSpan,
)
from server.schemas import FileFormat
from server.sse import summary_fields

_ERROR_BY_CODE: dict[str, type[TTSError]] = {
    kind.code: kind
    for kind in (
        InvalidRequestError,
        InvalidTextError,
        InvalidReferenceError,
        RequestTooLargeError,
        NotFoundError,
        ShuttingDownError,
        DeadlineExceededError,
        RequestCancelledError,
        EngineError,
        NumericError,
    )
}
_CANCEL_CODES = ("disconnected", "slow_consumer", "abandoned")


def error_of(failure: StreamFailure) -> TTSError:
    """The error a stream ended with, for those who get one answer instead of events."""
    if failure.code in _CANCEL_CODES:
        return RequestCancelledError(failure.message, code=failure.code)
    unknown = EngineError if failure.is_retriable else TTSError
    kind = _ERROR_BY_CODE.get(failure.code, unknown)
    return kind(failure.message, code=failure.code)


@dataclass(frozen=True, kw_only=True, eq=False)
class Speech:
    """A finished stream: the very chunks of its log, so that holding one costs nothing."""

    chunks: tuple[AudioChunk, ...]
    summary: StreamSummary
    sample_rate: int

    @property
    def pcm(self) -> np.ndarray:
        """A copy of all samples, int16 (nw,)."""
        return np.concatenate([chunk.pcm for chunk in self.chunks])

    @property
    def words(self) -> tuple[WordSpan, ...]:
        return tuple(word for chunk in self.chunks for word in chunk.words)

    def wav_parts(self) -> list[bytes | memoryview]:
        """A WAV file in parts: its header, then the samples of each chunk where they lie."""
        samples = [chunk.pcm.astype("<i2", copy=False) for chunk in self.chunks]
        header = wav_header(self.sample_rate, self.summary.total_samples)
        return [header, *(each.view(np.uint8).data for each in samples)]


async def collect(events: AsyncGenerator[StreamEvent, None], sample_rate: int) -> Speech:
    """Read a stream from its first event to its end. Raises the failure as its TTSError."""
    chunks: list[AudioChunk] = []
    async with aclosing(events) as reader:
        async for event in reader:
            if isinstance(event, StreamFailure):
                raise error_of(event)
            if isinstance(event, AudioChunk):
                chunks.append(event)
    summary = chunks[-1].summary if chunks else None
    if summary is None:
        raise TTSError("the speech ended without its final part")
    return Speech(chunks=tuple(chunks), summary=summary, sample_rate=sample_rate)


async def encode_base64(speech: Speech, form: FileFormat) -> str:
    """The audio as a file in base64, made off the event loop."""

    def encode() -> str:
        return base64.b64encode(encode_clip(speech.pcm, speech.sample_rate, form)).decode()

    return await asyncio.to_thread(encode)


def speech_fields(speech: Speech) -> dict[str, Any]:
    """Metadata of a whole answer: the summary and every word."""
    words = [
        {"text": w.text, "start_sample": w.start_sample, "end_sample": w.end_sample}
        for w in speech.words
    ]
    return summary_fields(speech.summary) | {
        "words": words,
        "words_exact": all(chunk.are_words_exact for chunk in speech.chunks),
    }
