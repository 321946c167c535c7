"""What a request may look like before anything parses it: sizes, types, time, origin, JSON shape.

`RequestGate` is pure ASGI and refuses by headers alone where it can. `StrictRoute` makes
FastAPI parse bodies with `parse_json`: UTF-8 only, no duplicate keys, no NaN or Infinity, at
most `MAX_DEPTH` levels (specs: reliability M7, M8, M15, table row "Invalid JSON").
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from fastapi.routing import APIRoute
from python_multipart.multipart import parse_options_header
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from server.errors import RefusedError
from server.origins import OriginRules

MAX_DEPTH = 8
# A JSON value costs 50 to 100 bytes of heap however short its text: count before parsing.
MAX_MARKS = 200_000
# Smaller bodies parse in well under a millisecond, less than a thread hop is worth.
_OFF_LOOP_BYTES = 64 * 1024
_MAX_INT_DIGITS = 18


@dataclass(frozen=True, kw_only=True)
class BodyLimits:
    """Bounds on one request. 10 MiB of reference audio are 13.4 MiB of base64."""

    max_body_bytes: int = 16 * 2**20
    max_headers: int = 64
    max_header_bytes: int = 16 * 1024
    patience_s: float = 30.0
    min_bytes_per_s: float = 1024.0

    def allowed_s(self, num_bytes: int) -> float:
        """Seconds a body may take that has brought this much so far."""
        return self.patience_s + num_bytes / self.min_bytes_per_s


class RequestGate:
    """Refuse by headers, then count the body as it arrives. Sees every HTTP request."""

    def __init__(self, app: ASGIApp, limits: BodyLimits, origins: OriginRules) -> None:
        self._app = app
        self._limits = limits
        self._origins = origins

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        try:
            self._check_headers(scope)
            self._origins.check(scope)
        except RefusedError as error:
            # The unread body makes the connection useless for a next request.
            response = JSONResponse(error.body, error.status_code, {"Connection": "close"})
            await response(scope, receive, send)
            return
        await self._app(scope, self._counted(receive), send)

    def _check_headers(self, scope: Scope) -> None:
        raw = scope["headers"]
        num_bytes = sum(len(name) + len(value) for name, value in raw)
        if len(raw) > self._limits.max_headers or num_bytes > self._limits.max_header_bytes:
            raise RefusedError(431, "headers_too_large", "send fewer or shorter headers")
        headers = Headers(raw=raw)
        length = headers.get("content-length", "0")
        # isdecimal() alone lets other scripts' digits through, and int() reads them.
        if not (length.isascii() and length.isdecimal() and len(length) < 19):
            raise RefusedError(400, "bad_request", "Content-Length must be a number")
        if int(length) > self._limits.max_body_bytes:
            raise self._too_large()

    def _too_large(self) -> RefusedError:
        limit = self._limits.max_body_bytes
        return RefusedError(
            413, "too_large", f"the body may have at most {limit} bytes", field="body"
        )

    def _counted(self, receive: Receive) -> Receive:
        num_bytes, is_complete = 0, False
        loop = asyncio.get_running_loop()
        start_s = loop.time()

        async def counted() -> Message:
            nonlocal num_bytes, is_complete
            if is_complete:  # from here on receive() waits for the disconnect, without limit
                return await receive()
            try:
                # Not wait_for: before Python 3.12 it can swallow a cancellation.
                async with asyncio.timeout_at(start_s + self._limits.allowed_s(num_bytes)):
                    message = await receive()
            except TimeoutError:
                raise RefusedError(
                    408, "request_timeout", "the body did not arrive in time; send it again"
                ) from None
            num_bytes += len(message.get("body", b""))
            if num_bytes > self._limits.max_body_bytes:
                raise self._too_large()
            is_complete = not message.get("more_body", False)
            return message

        return counted


def media_type_of(headers: Headers) -> str:
    """The type in lower case, without parameters; empty where there is none."""
    return headers.get("content-type", "").partition(";")[0].strip().lower()


def check_content_type(headers: Headers, allowed: tuple[str, ...]) -> None:
    """Raises RefusedError 415 for another type, for any compression, for forms not in UTF-8."""
    media_type = media_type_of(headers)
    if media_type not in allowed:
        raise RefusedError(
            415,
            "unsupported_media_type",
            "this address takes " + " or ".join(allowed),
            field="Content-Type",
            fix="set the header Content-Type: application/json",
        )
    if headers.get("content-encoding", "identity").lower() != "identity":
        raise RefusedError(
            415,
            "unsupported_media_type",
            "compressed bodies are not accepted",
            field="Content-Encoding",
            fix="send the body uncompressed",
        )
    if media_type == "multipart/form-data":
        _check_charset(headers)


def _check_charset(headers: Headers) -> None:
    # The form parser looks the name up among Python's codecs, some of which only raise.
    _, parameters = parse_options_header(headers.get("content-type"))
    if parameters.get(b"charset", b"utf-8").lower() not in (b"utf-8", b"utf8"):
        raise RefusedError(
            415,
            "unsupported_media_type",
            "forms are read as UTF-8 only",
            field="Content-Type",
            fix="send UTF-8 and leave charset out of Content-Type",
        )


def _refuse_json(message: str) -> RefusedError:
    return RefusedError(400, "invalid_json", message, field="body")


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _refuse_json("the JSON body has the same key twice")
    return found


def _bounded_int(digits: str) -> int:
    """Huge integers become one that every range refuses; Python's int() would take seconds."""
    return int(digits) if len(digits) <= _MAX_INT_DIGITS else 10**_MAX_INT_DIGITS


def _refuse_constant(_: str) -> float:
    raise _refuse_json("NaN and Infinity are not JSON; send finite numbers")


def parse_json(body: bytes) -> Any:
    """Strict JSON. Raises RefusedError 400 with a message that repeats nothing."""
    if any(body.count(mark) > MAX_MARKS for mark in (b'"', b"[", b"{", b",")):
        raise RefusedError(413, "too_large", "the JSON body has too many values", field="body")
    try:
        value = json.loads(
            body.decode("utf-8"),
            object_pairs_hook=_unique_keys,
            parse_int=_bounded_int,
            parse_constant=_refuse_constant,
        )
    except (UnicodeDecodeError, json.JSONDecodeError):
        raise _refuse_json("the body is not valid UTF-8 JSON") from None
    except RecursionError:
        raise _refuse_json("the JSON body is nested too deeply") from None
    _check_depth(value)
    return value


def _check_depth(value: Any) -> None:
    level: list[Any] = [value]
    for _ in range(MAX_DEPTH + 1):
        level = [child for node in level for child in _children(node)]
        if not level:
            return
    raise _refuse_json("the JSON body is nested too deeply")


def _children(node: Any) -> list[Any]:
    if isinstance(node, dict):
        return list(node.values())
    return node if isinstance(node, list) else []


class StrictRequest(Request):
    """A request whose `json()` is `parse_json`, off the event loop when the body is big."""

    async def json(self) -> Any:
        body = await self.body()
        if len(body) > _OFF_LOOP_BYTES:
            return await asyncio.to_thread(parse_json, body)
        return parse_json(body)


class StrictRoute(APIRoute):
    """The route class of every router here: FastAPI parses bodies through StrictRequest."""

    media_types: tuple[str, ...] = ("application/json",)

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handler, media_types = super().get_route_handler(), self.media_types

        async def strict(request: Request) -> Response:
            if request.method == "POST":
                check_content_type(request.headers, media_types)
            return await handler(StrictRequest(request.scope, request.receive))

        return strict


class UploadRoute(StrictRoute):
    """A StrictRoute that takes forms with files as well."""

    media_types = ("application/json", "multipart/form-data")
