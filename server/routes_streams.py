"""Streams with an address: made by POST, heard by EventSource, resumed, downloaded, ended."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from inference_types import NotFoundError
from server.attachment import attach, find_stream, last_event_id
from server.body import StrictRoute
from server.collection import Speech, collect
from server.ranges import ranged_response
from server.routes_generate import start_stream
from server.schemas import ERROR_ANSWERS, AttachQuery, StreamAnswer, StreamBody
from server.services import Services, Serving, while_connected
from server.sse import estimate_fields
from server.subtitles import to_srt, to_vtt

router = APIRouter(route_class=StrictRoute, tags=["streams"], responses=ERROR_ANSWERS)


@router.post("/v1/streams", status_code=201, response_model=StreamAnswer)
async def make_stream(request: Request, body: StreamBody, services: Serving) -> Response:
    """Start speaking and get an address that `new EventSource(stream_url)` can open."""
    stream, estimate = await while_connected(request, start_stream(services, body, body.gen_text))
    stream_id = stream.request_id
    # All that a listener's request cannot say again is the form of the chunks.
    services.resumable.add(stream_id, fingerprint=body.response_format)
    url = f"/v1/streams/{stream_id}?ticket={services.tickets.issue(stream_id)}"
    answer = {
        "stream_id": stream_id,
        "stream_url": url,
        "expires_in": int(services.tickets.lifetime_s),
        "estimate": estimate_fields(estimate, body.response_format),
    }
    return JSONResponse(answer, 201, {"Location": url, "Cache-Control": "no-store"})


@router.get(
    "/v1/streams/{stream_id}",
    response_class=Response,
    responses={
        200: {"content": {"text/event-stream": {}}, "description": "Events from your position."},
        204: {"description": "You already have all of it; stop reconnecting."},
    },
)
async def listen(
    stream_id: str, request: Request, query: Annotated[AttachQuery, Query()], services: Serving
) -> Response:
    """Attach, late or again: exactly what follows Last-Event-ID, or from_sample."""
    event_id = last_event_id(request, query.last_event_id)
    _check_ticket(services, stream_id, query.ticket)
    stream = find_stream(services, stream_id)
    form = "pcm" if services.resumable.is_from(stream_id, "pcm") else "wav"
    response = attach(stream, form, event_id=event_id, from_sample=query.from_sample)
    services.resumable.mark_opened(stream_id)
    return response


def _check_ticket(services: Services, stream_id: str, ticket: str) -> None:
    """One answer for a wrong, foreign or expired ticket and for an unknown stream."""
    is_genuine = services.tickets.is_genuine(stream_id, ticket)
    if is_genuine and services.resumable.was_opened(stream_id):
        return  # the ticket is good for reconnects as long as the stream is kept
    if not (is_genuine and services.tickets.is_fresh(ticket)):
        raise NotFoundError("There is no such stream, or it is no longer kept.")


@router.delete("/v1/streams/{stream_id}")
async def cancel(stream_id: str, services: Serving) -> dict[str, Any]:
    """End a stream now. Reports what its listeners were sent, for whoever interrupted it."""
    stream = find_stream(services, stream_id)
    was_ended = stream.is_ended
    samples_sent = stream.cancel("cancelled")
    assert stream.estimate is not None
    return {
        "stream_id": stream_id,
        "status": "finished" if was_ended else "cancelled",
        "samples_sent": samples_sent,
        "duration_sent": samples_sent / stream.estimate.sample_rate,
    }


async def _finished(request: Request, services: Services, stream_id: str) -> Speech:
    """The whole speech, waiting for its end where it is still being made."""
    stream = find_stream(services, stream_id)
    assert stream.estimate is not None
    work = collect(stream.events(), stream.estimate.sample_rate)
    return await while_connected(request, work)


@router.get(
    "/v1/streams/{stream_id}/audio.wav",
    response_class=Response,
    responses={200: {"content": {"audio/wav": {}}}, 206: {"content": {"audio/wav": {}}}},
)
async def download_audio(stream_id: str, request: Request, services: Serving) -> Response:
    """The finished audio as a WAV file; `Range` is supported."""
    speech = await _finished(request, services, stream_id)
    return ranged_response(
        request,
        speech.wav_parts(),
        media_type="audio/wav",
        etag=speech.summary.pcm_sha256,
        caching="no-store",
    )


@router.get("/v1/streams/{stream_id}/audio.srt", response_class=PlainTextResponse)
async def download_srt(stream_id: str, request: Request, services: Serving) -> Response:
    """The words as SubRip subtitles."""
    speech = await _finished(request, services, stream_id)
    text = to_srt(speech.words, speech.sample_rate, speech.summary.total_samples)
    return PlainTextResponse(text, media_type="application/x-subrip; charset=utf-8")


@router.get("/v1/streams/{stream_id}/audio.vtt", response_class=PlainTextResponse)
async def download_vtt(stream_id: str, request: Request, services: Serving) -> Response:
    """The words as WebVTT subtitles."""
    speech = await _finished(request, services, stream_id)
    text = to_vtt(speech.words, speech.sample_rate, speech.summary.total_samples)
    return PlainTextResponse(text, media_type="text/vtt")
