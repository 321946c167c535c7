"""The outermost layer: request ids, time to the first header, and headers every answer has."""

from __future__ import annotations

import secrets
import time

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send


def request_id_of(scope: Scope) -> str:
    """The id that the answer carries as X-Request-Id; empty where no Stamp has been."""
    return scope.get("state", {}).get("request_id", "")


class Stamp:
    """Pure ASGI. `Server-Timing: app;dur=` counts from the earliest moment this app has.

    Ids are ours alone: one sent by a client is not trusted, logged or returned.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        arrived_s = time.perf_counter()
        request_id = secrets.token_hex(16)
        scope.setdefault("state", {})["request_id"] = request_id

        async def stamped(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["X-Request-Id"] = request_id
                headers["X-Content-Type-Options"] = "nosniff"
                spent_ms = 1000 * (time.perf_counter() - arrived_s)
                headers.append("Server-Timing", f"app;dur={spent_ms:.1f}")
            await send(message)

        await self._app(scope, receive, stamped)
