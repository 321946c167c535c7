"""The gate before any parsing, and strict JSON by itself."""

import asyncio
import json
from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import FastAPI
from starlette.requests import Request

from server.body import MAX_DEPTH, BodyLimits, RequestGate, StrictRoute, parse_json
from server.errors import RefusedError, install_error_handlers
from server.origins import OriginRules

LIMITS = BodyLimits(max_body_bytes=1000, patience_s=0.2, min_bytes_per_s=1e6)


def make_app() -> RequestGate:
    app = FastAPI()
    app.router.route_class = StrictRoute
    install_error_handlers(app)

    @app.post("/echo")
    async def echo(request: Request) -> int:
        return len(await request.body())

    return RequestGate(app, LIMITS, OriginRules())


async def post(path: str, content: bytes | AsyncIterator[bytes]) -> httpx.Response:
    transport = httpx.ASGITransport(app=make_app(), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        headers = {"Content-Type": "application/json"}
        return await client.post(path, content=content, headers=headers)


@pytest.mark.parametrize(("size", "status"), [(999, 200), (1000, 200), (1001, 413)])
def test_size_limits_are_exact_with_and_without_a_length(size: int, status: int) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(size):
            yield b"x"

    assert asyncio.run(post("/echo", b"x" * size)).status_code == status
    assert asyncio.run(post("/echo", pieces())).status_code == status


def test_a_body_that_stalls_or_trickles_is_408() -> None:
    async def stalled() -> AsyncIterator[bytes]:
        yield b"x"
        await asyncio.sleep(5)

    async def trickling() -> AsyncIterator[bytes]:
        for _ in range(100):
            yield b"x"
            await asyncio.sleep(0.05)

    for body in (stalled(), trickling()):
        answer = asyncio.run(post("/echo", body))
        assert answer.status_code == 408 and answer.json()["error"]["code"] == "request_timeout"


def nested(depth: int) -> bytes:
    return b'{"a":' * depth + b"1" + b"}" * depth


def test_depth_is_limited_exactly() -> None:
    parse_json(nested(MAX_DEPTH))
    with pytest.raises(RefusedError):
        parse_json(nested(MAX_DEPTH + 1))


@pytest.mark.parametrize(
    "text", ["{}", "[]", '"é"', "1.5", "-3", "1e3", "true", "null", '{"a": [1, {"b": "c"}]}']
)
def test_good_json_is_what_json_says(text: str) -> None:
    assert parse_json(text.encode()) == json.loads(text)


def test_huge_integers_stay_integers_out_of_every_range() -> None:
    assert parse_json(b"9" * 100_000) == parse_json(b"-" + b"9" * 30) == 10**18
