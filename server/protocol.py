"""uvicorn's h11 protocol with a deadline for the head of a request.

uvicorn closes idle connections between requests but waits for ever for a first byte or an
unfinished head (specs: reliability M6, S4). Bodies are timed by `RequestGate`.
"""

from __future__ import annotations

import asyncio

from uvicorn.protocols.http.h11_impl import H11Protocol

HEAD_DEADLINE_S = 10.0


class PromptH11Protocol(H11Protocol):
    """Closes a connection whose request head is not complete `HEAD_DEADLINE_S` after it began."""

    _head_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._start_timer()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.cycle is not None and not self.cycle.response_complete:
            self._stop_timer()  # a head is complete and its request is being served
        else:
            self._start_timer()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_timer()
        super().connection_lost(exc)

    def on_response_complete(self) -> None:
        super().on_response_complete()
        # From here uvicorn's own keep-alive timer watches; the next byte starts ours.
        self._stop_timer()

    def _start_timer(self) -> None:
        if self._head_timer is None:
            self._head_timer = self.loop.call_later(HEAD_DEADLINE_S, self.transport.close)

    def _stop_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None
