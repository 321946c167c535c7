"""A fault of ours: one 500 that tells nothing, with every header, found in the log by its id."""

import asyncio

import httpx
import pytest
from starlette.responses import StreamingResponse
from starlette.types import Message, Receive, Scope, Send

from inference_types import TTSError
from server import ServerSettings
from server.crashes import CrashGate
from tests.server.harness import Stack

ORIGIN = "https://a.example"


@pytest.mark.parametrize("fault", [RuntimeError("secret"), TTSError("The server erred.")])
def test_a_crash_has_every_header_and_its_id_in_the_log(
    fault: Exception, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    stack = Stack(settings=ServerSettings(cors_origins=(ORIGIN,)))

    def crash() -> None:
        raise fault

    async def run() -> httpx.Response:
        async with stack.client() as client:
            monkeypatch.setattr(stack.store, "voices", crash)
            return await client.get("/v1/voices", headers={"Origin": ORIGIN})

    answer = asyncio.run(run())
    assert answer.status_code == 500
    assert answer.json()["error"]["code"] == "internal" and "secret" not in answer.text
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["access-control-allow-origin"] == ORIGIN
    (line,) = [line for line in caplog.records if answer.headers["x-request-id"] in line.message]
    assert line.exc_info and line.exc_info[1] is fault


def test_a_crash_after_the_first_byte_leaves_the_answer_unfinished() -> None:
    sent: list[Message] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        async def body() -> None:
            yield b"half"
            raise RuntimeError("secret")

        await StreamingResponse(body())(scope, receive, send)

    async def never() -> Message:
        return await asyncio.Future()

    async def send(message: Message) -> None:
        sent.append(message)

    asyncio.run(CrashGate(app)({"type": "http", "asgi": {}}, never, send))
    assert [message.get("body") for message in sent] == [None, b"half"]
