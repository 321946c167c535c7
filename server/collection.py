"""Whole audio from a stream of events: what the batch routes and downloads are made of."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

import numpy as np

from audio.encode import encode_clip
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
    kind = _ERROR_BY_CODE.get(failure.code, EngineError)
    return kind(failure.message, code=failure.code)


@dataclass(frozen=True, kw_only=True, eq=False)
class Speech:
    """A finished stream. `pcm` is int16 (nw,)."""

    pcm: np.ndarray
    words: tuple[WordSpan, ...]
    are_words_exact: bool
    summary: StreamSummary
    sample_rate: int


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
    return Speech(
        pcm=np.concatenate([chunk.pcm for chunk in chunks]),
        words=tuple(word for chunk in chunks for word in chunk.words),
        are_words_exact=all(chunk.are_words_exact for chunk in chunks),
        summary=summary,
        sample_rate=sample_rate,
    )


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
        "words_exact": speech.are_words_exact,
    }
