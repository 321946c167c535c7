"""Where a listener stands in a stream, as an SSE event id, and the ticket that lets it in.

An id is `<stream: 32 hex>-<num_chunks>-<num_samples>`: what the listener owns after the event
that carries it. Digits and hex only, so nothing can break the frame (specs: reliability M17).
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import time
from dataclasses import dataclass

from server.errors import RefusedError

_ID = re.compile(r"([0-9a-f]{32})-(0|[1-9][0-9]{0,8})-(0|[1-9][0-9]{0,12})\Z", re.ASCII)
_TICKET = re.compile(r"([0-9]{1,15})-([0-9a-f]{64})\Z", re.ASCII)


def make_stream_id() -> str:
    """A stream id nobody can guess: 128 random bits."""
    return secrets.token_hex(16)


@dataclass(frozen=True, kw_only=True)
class EventId:
    """The position right after an event."""

    stream_id: str
    num_chunks: int = 0
    num_samples: int = 0

    def __str__(self) -> str:
        return f"{self.stream_id}-{self.num_chunks}-{self.num_samples}"


def parse_event_id(text: str) -> EventId:
    """Raises RefusedError 400 for anything this server cannot have written."""
    match = _ID.match(text)
    if match is None:
        raise RefusedError(
            400,
            "event_id_invalid",
            "this is not an event id of this server",
            field="last_event_id",
            fix="send the id of the last event exactly as it was received, or none",
        )
    return EventId(stream_id=match[1], num_chunks=int(match[2]), num_samples=int(match[3]))


class Tickets:
    """Signs `stream_url`s. A ticket opens one stream and must be used within `lifetime_s`.

    The key lives as long as the process, as the streams do, so a monotonic clock suffices and
    no clock change can expire or revive a ticket.
    """

    def __init__(self, lifetime_s: float = 60.0) -> None:
        self.lifetime_s = lifetime_s
        self._key = secrets.token_bytes(32)

    def issue(self, stream_id: str) -> str:
        """A ticket for this stream, valid from now."""
        expiry_ms = int((time.monotonic() + self.lifetime_s) * 1000)
        return f"{expiry_ms}-{self._sign(stream_id, expiry_ms)}"

    def is_genuine(self, stream_id: str, ticket: str) -> bool:
        """Whether this process issued the ticket for this very stream."""
        match = _TICKET.match(ticket)
        if match is None:
            return False
        return hmac.compare_digest(self._sign(stream_id, int(match[1])), match[2])

    def is_fresh(self, ticket: str) -> bool:
        """Whether a genuine ticket is still within its time to open."""
        return time.monotonic() * 1000 <= int(ticket.partition("-")[0])

    def _sign(self, stream_id: str, expiry_ms: int) -> str:
        message = f"{stream_id}:{expiry_ms}".encode()
        return hmac.new(self._key, message, hashlib.sha256).hexdigest()
