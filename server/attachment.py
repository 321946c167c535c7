"""Joining a stream that exists: at its start, after an event id, or at a sample.

Statuses follow the failure table (specs: reliability 2): an id this server cannot have
written, or one of another stream or of the future, is 400; a stream that is unknown, expired
or not yours is the same 404; a listener who already owns the end gets 204, which tells a
browser to stop. These are the cases where giving up for good is right, so they are statuses
and not events. Overload and drain are not: there EventSource gets 200, a long `retry:` and a
`status` event, and comes back by itself (specs: wire 2.4).
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Literal

from starlette.requests import Request
from starlette.responses import Response

from inference_types import InvalidRequestError, NotFoundError, StreamEvent
from orchestrator import RequestStream
from server.errors import RefusedError
from server.event_ids import EventId, parse_event_id
from server.services import Services
from server.sse import EventEncoder, SpeechResponse, encode_events

START = -1


def last_event_id(request: Request, query_value: str | None) -> EventId | None:
    """Where the listener stands. The header wins: a reconnect repeats the old query."""
    text = request.headers.get("last-event-id") or query_value
    return parse_event_id(text) if text else None


def find_stream(services: Services, stream_id: str) -> RequestStream:
    """Raises NotFoundError, the same for every stream that cannot be had."""
    stream = services.orchestrator.streams.get(stream_id)
    if stream.estimate is None:
        raise NotFoundError("There is no such stream, or it is no longer kept.")
    return stream


def check_position(stream: RequestStream, event_id: EventId) -> None:
    """Raises RefusedError 400 for an id of another stream or of an event not yet made."""
    if event_id.stream_id != stream.request_id:
        raise RefusedError(
            400,
            "event_id_foreign",
            "this event id belongs to another stream",
            field="last_event_id",
            fix="send the id of the last event of this stream, or none",
        )
    is_sent = event_id.num_chunks <= stream.last_position
    if not is_sent or event_id.num_samples > stream.log.num_samples:
        raise RefusedError(
            400,
            "event_id_future",
            "this event has not been sent yet",
            field="last_event_id",
            fix="send the id of the last event exactly as it was received",
        )


def attach(
    stream: RequestStream,
    form: Literal["wav", "pcm"],
    *,
    event_id: EventId | None = None,
    from_sample: int | None = None,
) -> Response:
    """The rest of a stream as events, or 204 when the listener already owns its end."""
    if event_id is not None:
        check_position(stream, event_id)
        if stream.is_ended and event_id.num_chunks == stream.last_position:
            return Response(status_code=204)
        events = stream.events(after=event_id.num_chunks)
    elif from_sample is not None:
        events = _from_sample(stream, from_sample)
        is_whole = stream.is_ended and not stream.log.is_failed
        if is_whole and from_sample == stream.log.num_samples:
            return Response(status_code=204)
    else:
        events = stream.events(after=START)
    assert stream.estimate is not None
    encoder = EventEncoder(stream.estimate, form, has_estimate_event=True)
    return SpeechResponse(
        encode_events(events, encoder), on_leave=_stay, headers={"X-Stream-Id": stream.request_id}
    )


def _from_sample(stream: RequestStream, from_sample: int) -> AsyncGenerator[StreamEvent, None]:
    try:
        return stream.events(from_sample=from_sample)
    except InvalidRequestError:
        raise RefusedError(
            400,
            "from_sample_future",
            "from_sample lies beyond what has been made",
            field="from_sample",
        ) from None


def _stay(reason: str) -> None:
    """A listener that may come back ends nothing; the orchestrator ends what nobody hears."""
