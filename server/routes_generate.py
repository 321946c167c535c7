"""Speech by one request: streamed (POST, or GET for EventSource) or as one answer."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from inference_types import (
    Priority,
    RequestTooLargeError,
    StreamEstimate,
    TTSError,
)
from orchestrator import RequestStream
from server.attachment import attach, find_stream, last_event_id
from server.body import StrictRoute
from server.collection import Speech, collect, encode_base64, speech_fields
from server.errors import RefusedError, body_of, retry_after_s
from server.event_ids import EventId, make_stream_id
from server.intake import make_request
from server.resumable import fingerprint_of
from server.schemas import (
    ERROR_ANSWERS,
    DirectStreamQuery,
    GenerateAnswer,
    GenerateBody,
    SpeechFields,
    StreamBody,
)
from server.services import Services, Serving, while_connected
from server.sse import OPENING, EventEncoder, SpeechResponse, encode_events, frame

# Each text of a list is its own request; more than a few at once only lengthen each.
MAX_TEXTS_AT_ONCE = 4
_EVENT_STREAM: dict[int | str, dict[str, Any]] = {
    200: {"content": {"text/event-stream": {}}, "description": "Chunks as they are made."},
    **ERROR_ANSWERS,
}
router = APIRouter(route_class=StrictRoute, tags=["speech"])


async def start_stream(
    services: Services,
    fields: SpeechFields,
    text: str,
    priority: Priority = Priority.INTERACTIVE,
) -> tuple[RequestStream, StreamEstimate]:
    """Submit a text; returns when text and voice were accepted."""
    request = await make_request(
        fields, text, request_id=make_stream_id(), rules=services.rules, priority=priority
    )
    stream = await services.orchestrator.submit(request)
    if stream.estimate is None:
        raise TTSError("the stream was accepted without an estimate")
    return stream, stream.estimate


@router.post(
    "/v1/generate/stream",
    responses=_EVENT_STREAM,
    response_class=Response,
    summary="Speak a text, chunk by chunk",
)
async def stream_posted(request: Request, body: StreamBody, services: Serving) -> Response:
    """Server-sent events, each with a chunk that decodes on its own; the last has is_final."""
    stream, estimate = await while_connected(request, start_stream(services, body, body.gen_text))
    encoder = EventEncoder(estimate, body.response_format, has_estimate_event=False)

    def leave(reason: str) -> None:
        stream.cancel(reason)

    headers = {
        "X-Stream-Id": stream.request_id,
        "X-Estimated-Duration": f"{estimate.duration_s:.3f}",
    }
    body_events = encode_events(stream.events(), encoder)
    return SpeechResponse(body_events, on_leave=leave, headers=headers)


@router.get(
    "/v1/generate/stream",
    responses={**_EVENT_STREAM, 204: {"description": "You already have all of it."}},
    response_class=Response,
    summary="Speak a short text to a browser's EventSource",
)
async def stream_direct(
    request: Request, query: Annotated[DirectStreamQuery, Query()], services: Serving
) -> Response:
    """As POST, from the query alone. A reconnect with Last-Event-ID resumes, never restarts."""
    asked = query.model_dump(exclude={"last_event_id", "response_format"})
    fingerprint = fingerprint_of(asked)
    event_id = last_event_id(request, query.last_event_id)
    if event_id is not None:
        stream = _find_own(services, event_id, fingerprint)
        return attach(stream, query.response_format, event_id=event_id)
    try:
        stream, _ = await while_connected(request, start_stream(services, query, query.gen_text))
    except TTSError as error:
        if not (error.is_retriable and _is_event_source(request)):
            raise
        return _ask_to_return(error)
    services.resumable.add(stream.request_id, fingerprint)
    return attach(stream, query.response_format)


def _find_own(services: Services, event_id: EventId, fingerprint: str) -> RequestStream:
    stream = find_stream(services, event_id.stream_id)
    if not services.resumable.is_from(event_id.stream_id, fingerprint):
        raise RefusedError(
            400,
            "event_id_foreign",
            "this event id belongs to a stream that was asked for differently",
            field="last_event_id",
            fix="repeat the address exactly as it was, or send no id to start anew",
        )
    return stream


def _is_event_source(request: Request) -> bool:
    return "text/event-stream" in request.headers.get("accept", "")


def _ask_to_return(error: TTSError) -> Response:
    """200 and a `status` event: at 429 or 503 a browser would give up for good."""
    wait_ms = 1000 * (retry_after_s(error) or 1)

    async def events() -> AsyncIterator[bytes]:
        yield OPENING
        yield frame(body_of(error)["error"], event="status", retry_ms=wait_ms)

    headers = {"Retry-After": str(math.ceil(wait_ms / 1000))}
    return SpeechResponse(events(), on_leave=lambda reason: None, headers=headers)


async def _speak(services: Services, fields: SpeechFields, text: str, priority: Priority) -> Speech:
    stream, estimate = await start_stream(services, fields, text, priority)
    try:
        return await collect(stream.events(), estimate.sample_rate)
    finally:
        stream.cancel("disconnected")  # a no-op unless this was interrupted


async def _answer(speech: Speech, body: GenerateBody) -> dict[str, Any]:
    return {
        "audio_base64": await encode_base64(speech, body.response_format),
        "response_format": body.response_format,
        "generation_time": round(speech.summary.generation_time_s, 4),
        "duration": speech.summary.duration_s,
        "sample_rate": speech.sample_rate,
        "metadata": speech_fields(speech),
    }


async def _speak_list(services: Services, body: GenerateBody, texts: list[str]) -> dict[str, Any]:
    if sum(map(len, texts)) > services.rules.max_text_chars:
        raise RequestTooLargeError(
            f"all texts together may have at most {services.rules.max_text_chars} characters",
            field="gen_text",
            code="text_too_long",
        )
    places = asyncio.Semaphore(MAX_TEXTS_AT_ONCE)

    async def speak_one(index: int, text: str) -> dict[str, Any]:
        async with places:
            try:
                speech = await _speak(services, body, text, Priority.OFFLINE)
            except TTSError as error:
                return {"index": index, "status": "error"} | body_of(error)
        return {"index": index, "status": "ok"} | await _answer(speech, body)

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(speak_one(*item)) for item in enumerate(texts)]
    results = [task.result() for task in tasks]
    num_ok = sum(result["status"] == "ok" for result in results)
    return {
        "results": results,
        "total": len(results),
        "succeeded": num_ok,
        "failed": len(results) - num_ok,
    }


async def _speak_body(services: Services, body: GenerateBody) -> dict[str, Any]:
    if isinstance(body.gen_text, list):
        return await _speak_list(services, body, body.gen_text)
    return await _answer(await _speak(services, body, body.gen_text, Priority.INTERACTIVE), body)


@router.post(
    "/v1/generate",
    response_model=None,
    responses={200: {"model": GenerateAnswer}, **ERROR_ANSWERS},
    summary="Speak a text, or a list of texts, and answer with whole files",
)
async def generate(request: Request, body: GenerateBody, services: Serving) -> Response:
    """The same PCM as the stream with the same seed. Lists answer per text, errors included."""
    answer = await while_connected(request, _speak_body(services, body))
    # An hour of speech is 230 MB of base64: not on the event loop.
    return await asyncio.to_thread(JSONResponse, answer)
