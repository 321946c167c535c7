"""Streams on the wire: framing of events and the response that owns their whole life.

Every event is one block, one write:

    : ok                                  at t=0, so proxies and browsers see bytes at once
    id, event: estimate, data             what is coming (streams made for EventSource only)
    id, data                              a chunk; the last one has is_final true
    id, event: error|cancelled|shutdown   the terminal event of a stream without a final chunk
    : ping                                after each `PING_S` of silence, never with an id

POST streams keep the wire of existing clients, where every `data:` holds an `audio_chunk`, so
there the estimate rides in the first chunk's metadata (specs: wire 2.4, 2.5; reliability 2).
"""

from __future__ import annotations

import base64
import json
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import aclosing
from typing import Any, Literal

from sse_starlette.event import ServerSentEvent
from sse_starlette.sse import EventSourceResponse, SendTimeoutError
from starlette.types import Receive, Scope, Send

from audio.encode import wav_bytes
from audio.pcm import pcm_bytes
from inference_types import (
    AudioChunk,
    NotFoundError,
    StreamEstimate,
    StreamEvent,
    StreamFailure,
    StreamSummary,
)
from server.event_ids import EventId

PING_S = 10
SEND_TIMEOUT_S = 10.0
RETRY_MS = 1000
OPENING = b": ok\n\n"
HEADERS = {
    "Cache-Control": "no-store, no-transform",
    "X-Accel-Buffering": "no",
}
_EVENT_BY_CODE = {"cancelled": "cancelled", "shutting_down": "shutdown"}
_log = logging.getLogger(__name__)


def frame(
    data: Mapping[str, Any] | str,
    *,
    event_id: EventId | None = None,
    event: str | None = None,
    retry_ms: int | None = None,
) -> bytes:
    """One SSE block. JSON has no line breaks of its own, so one `data:` line is enough."""
    lines = [] if retry_ms is None else [f"retry: {retry_ms}"]
    if event_id is not None:
        lines.append(f"id: {event_id}")
    if event is not None:
        lines.append(f"event: {event}")
    lines.append(f"data: {data if isinstance(data, str) else to_json(data)}")
    return ("\n".join(lines) + "\n\n").encode()


def to_json(value: Mapping[str, Any]) -> str:
    """Compact JSON that never holds NaN."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def estimate_fields(estimate: StreamEstimate, form: str) -> dict[str, Any]:
    """Event 0: what is coming, before any sound."""
    return {
        "stream_id": estimate.request_id,
        "duration": round(estimate.duration_s, 3),
        "total_samples": round(estimate.duration_s * estimate.sample_rate),
        "num_segments": estimate.num_segments,
        "sample_rate": estimate.sample_rate,
        "format": form,
        "seed": estimate.seed,
        "num_inference_steps": estimate.num_steps,
    }


def summary_fields(summary: StreamSummary) -> dict[str, Any]:
    """What the final event tells beyond its own chunk."""
    return {
        "generation_time": round(summary.generation_time_s, 4),
        "total_chunks": summary.total_chunks,
        "total_samples": summary.total_samples,
        "duration": summary.duration_s,
        "seed": summary.seed,
        "time_to_first_audio": round(summary.first_audio_s, 4),
        "queue_time": round(summary.queue_s, 4),
        "num_segments": summary.num_segments,
        "num_inference_steps": summary.num_steps,
        "device_steps": summary.device_steps,
        "pcm_sha256": summary.pcm_sha256,
    }


def chunk_fields(chunk: AudioChunk) -> dict[str, Any]:
    """Metadata of one chunk; a final one carries the summary as well."""
    words = [
        {"text": w.text, "start_sample": w.start_sample, "end_sample": w.end_sample}
        for w in chunk.words
    ]
    fields = {
        "chunk_index": chunk.chunk_index,
        "start_sample": chunk.start_sample,
        "end_sample": chunk.end_sample,
        "segment_index": chunk.segment_index,
        "words": words,
        "words_exact": chunk.are_words_exact,
    }
    return fields | (summary_fields(chunk.summary) if chunk.summary else {})


class EventEncoder:
    """Turns one listener's stream events into SSE blocks."""

    def __init__(
        self, estimate: StreamEstimate, form: Literal["wav", "pcm"], *, has_estimate_event: bool
    ) -> None:
        self._estimate = estimate
        self._form: Literal["wav", "pcm"] = form
        self._has_estimate_event = has_estimate_event

    def encode(self, event: StreamEvent) -> bytes:
        """The block for an event; nothing for an estimate this listener does not get."""
        if isinstance(event, AudioChunk):
            return self._encode_chunk(event)
        if isinstance(event, StreamFailure):
            return self._encode_failure(event)
        if not self._has_estimate_event:
            return b""
        fields = estimate_fields(event, self._form)
        return frame(fields, event_id=self._id(0, 0), event="estimate", retry_ms=RETRY_MS)

    def _id(self, num_chunks: int, num_samples: int) -> EventId:
        return EventId(
            stream_id=self._estimate.request_id, num_chunks=num_chunks, num_samples=num_samples
        )

    def _encode_chunk(self, chunk: AudioChunk) -> bytes:
        rate = self._estimate.sample_rate
        data = pcm_bytes(chunk.pcm) if self._form == "pcm" else wav_bytes(chunk.pcm, rate)
        audio = base64.b64encode(data).decode()
        metadata = chunk_fields(chunk)
        if chunk.chunk_index == 0:
            metadata["estimate"] = estimate_fields(self._estimate, self._form)
        rest = {
            "chunk_index": chunk.chunk_index,
            "is_final": chunk.is_final,
            "sample_rate": rate,
            "metadata": metadata,
        }
        # json.dumps would scan the base64 for characters to escape; there are none.
        text = f'{{"audio_chunk":"{audio}",{to_json(rest)[1:]}'
        return frame(text, event_id=self._id(chunk.chunk_index + 1, chunk.end_sample))

    def _encode_failure(self, failure: StreamFailure) -> bytes:
        # One past the last chunk: a listener who owns this id has heard the end.
        event_id = self._id(failure.chunks_sent + 1, failure.samples_sent)
        name = _EVENT_BY_CODE.get(failure.code, "error")
        return frame(failure_fields(failure), event_id=event_id, event=name)


def failure_fields(failure: StreamFailure) -> dict[str, Any]:
    """Data of the terminal event of a stream that did not end with its final chunk."""
    return {
        "code": failure.code,
        "message": failure.message,
        "retriable": failure.is_retriable,
        "seq": failure.chunks_sent,
        "chunks_sent": failure.chunks_sent,
        "samples_sent": failure.samples_sent,
    }


async def encode_events(
    events: AsyncGenerator[StreamEvent, None], encoder: EventEncoder
) -> AsyncIterator[bytes]:
    """The body of a stream, opening comment first; it always ends with a terminal event."""
    yield OPENING
    try:
        async with aclosing(events) as reader:
            async for event in reader:
                if block := encoder.encode(event):
                    yield block
    except NotFoundError as error:
        # This listener fell behind what is kept. No id: coming back will be answered with 404.
        fields = {"code": "gone", "message": error.message, "retriable": False}
        yield frame(fields, event="error")


def _make_ping() -> ServerSentEvent:
    return ServerSentEvent(comment="ping", sep="\n")


class SpeechResponse(EventSourceResponse):
    """An event stream that tells `on_leave(reason)` once, however the listener goes.

    `reason` is "slow_consumer" when one send took longer than `SEND_TIMEOUT_S`, otherwise
    "disconnected" (also after the final event, when leaving means nothing any more).
    """

    def __init__(
        self,
        body: AsyncIterator[bytes],
        *,
        on_leave: Callable[[str], None],
        headers: Mapping[str, str],
    ) -> None:
        super().__init__(
            body,
            headers={**HEADERS, **headers},
            ping=PING_S,
            ping_message_factory=_make_ping,
            send_timeout=SEND_TIMEOUT_S,
            sep="\n",
        )
        self._on_leave = on_leave

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        reason = "disconnected"
        try:
            await super().__call__(scope, receive, send)
        except SendTimeoutError:
            # Not raised further: the response is over and uvicorn closes the socket.
            reason = "slow_consumer"
            _log.warning("a listener read nothing for %.0f s and was dropped", SEND_TIMEOUT_S)
        finally:
            self._on_leave(reason)
