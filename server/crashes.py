"""What no route expected: logged with the request's id, answered in the shape of every error.

Starlette's own handler for this stands outside all middleware, where an answer gets neither the
headers of `Stamp` nor those of CORS.
"""

from __future__ import annotations

import logging

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from server.errors import error_body
from server.stamp import request_id_of

_log = logging.getLogger(__name__)


class CrashGate:
    """Pure ASGI. A crash before the first byte is a 500; a later one closes the connection."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        is_started = False

        async def watched(message: Message) -> None:
            nonlocal is_started
            is_started = True
            await send(message)

        try:
            await self._app(scope, receive, watched)
        except Exception:  # noqa: BLE001 - the last place that can answer; it is logged
            _log.exception("request %s: unexpected error", request_id_of(scope))
            if not is_started:  # or the missing end tells the client: uvicorn hangs up
                await _answer(scope, receive, send)


async def _answer(scope: Scope, receive: Receive, send: Send) -> None:
    body = error_body("internal", "the server made a mistake; it has been logged")
    await JSONResponse(body, 500)(scope, receive, send)
