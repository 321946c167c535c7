"""What every route needs, in one record made by `create_app` and carried by `app.state`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar

from fastapi import Depends
from starlette.requests import Request

from frontend.voices import VoiceStore
from inference_types import EngineSpec, RequestCancelledError
from orchestrator import Orchestrator
from server.event_ids import Tickets
from server.intake import IntakeRules
from server.resumable import ResumableStreams

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Services:
    """The floor below, and the state the HTTP floor keeps itself.

    `encode_voice` turns an uploaded file into the FLAC that is stored; it blocks, and raises
    InvalidReferenceError and RequestTooLargeError.
    """

    orchestrator: Orchestrator
    engine_spec: EngineSpec
    voices: VoiceStore
    encode_voice: Callable[[bytes], bytes]
    default_voice: str
    rules: IntakeRules
    tickets: Tickets
    resumable: ResumableStreams


def services_of(request: Request) -> Services:
    return request.app.state.services


Serving = Annotated[Services, Depends(services_of)]


async def _wait_for_leave(request: Request) -> None:
    # A GET's empty body comes first; a body must have been read before this is called.
    while (await request.receive())["type"] != "http.disconnect":
        pass


async def while_connected(request: Request, work: Coroutine[Any, Any, T]) -> T:
    """The result of `work`, which is cancelled at once when the client leaves.

    Raises RequestCancelledError then; nobody is there to read the answer.
    """
    task = asyncio.ensure_future(work)
    left = asyncio.ensure_future(_wait_for_leave(request))
    try:
        await asyncio.wait({task, left}, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            raise RequestCancelledError("the client left", code="disconnected")
        return task.result()
    finally:
        for each in (task, left):
            each.cancel()
        await asyncio.gather(task, left, return_exceptions=True)
