"""A file made of parts in memory, sent in blocks: whole or one byte range (RFC 9110, section 14).

Nothing is joined or copied for a request but the block on its way, so a hundred slow readers of
an hour of speech hold one copy of it, the one in the stream's log.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import AsyncIterator, Iterator, Sequence

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Message, Send

from server.errors import RefusedError
from server.sse import SEND_TIMEOUT_S

BLOCK_BYTES = 64 * 1024
Parts = Sequence[bytes | memoryview]
_RANGE = re.compile(r"bytes=([0-9]{0,18})-([0-9]{0,18})\Z", re.ASCII)
_log = logging.getLogger(__name__)


def parse_range(header: str, num_bytes: int) -> tuple[int, int] | None:
    """First byte and end (exclusive), or None where the header is to be ignored.

    Raises RefusedError 416 for a range that holds no byte of the body.
    """
    match = _RANGE.match(header)
    if match is None or not (match[1] or match[2]):
        return None  # several ranges, other units and nonsense: the whole body is allowed
    if match[1]:
        start = int(match[1])
        end = int(match[2]) + 1 if match[2] else max(start, num_bytes)
        if match[2] and end <= start:
            return None
    else:
        start, end = max(0, num_bytes - int(match[2])), num_bytes
    if start >= num_bytes or start == end:
        error = RefusedError(416, "range_not_satisfiable", "the range lies outside the file")
        error.headers = {"Content-Range": f"bytes */{num_bytes}"}
        raise error
    return start, min(end, num_bytes)


def blocks_of(parts: Parts, start: int, end: int) -> Iterator[bytes]:
    """Bytes `start` to `end` (exclusive) of the parts end to end, at most BLOCK_BYTES at once."""
    offset = 0
    for part in parts:
        low, high = max(start - offset, 0), min(end - offset, len(part))
        for first in range(low, high, BLOCK_BYTES):
            yield bytes(part[first : min(first + BLOCK_BYTES, high)])
        offset += len(part)


class DownloadResponse(StreamingResponse):
    """Blocks of a file. A reader that takes none for `SEND_TIMEOUT_S` is dropped."""

    def __init__(self, blocks: Iterator[bytes], status: int, headers: dict[str, str]) -> None:
        super().__init__(_awaited(blocks), status, headers)

    async def stream_response(self, send: Send) -> None:
        async def send_in_time(message: Message) -> None:
            async with asyncio.timeout(SEND_TIMEOUT_S):
                await send(message)

        try:
            await super().stream_response(send_in_time)
        except TimeoutError:
            # Not raised further: the response is over and uvicorn closes the socket.
            _log.warning("a download read nothing for %.0f s and was dropped", SEND_TIMEOUT_S)


async def _awaited(blocks: Iterator[bytes]) -> AsyncIterator[bytes]:
    # Slices take microseconds; Starlette would take each from a thread.
    for block in blocks:
        yield block


def _is_held(request: Request, etag: str) -> bool:
    """Whether the client says it has this very version."""
    known = request.headers.get("if-none-match", "").split(",")
    return any(each.strip().removeprefix("W/") in (etag, "*") for each in known)


def ranged_response(
    request: Request, parts: Parts, *, media_type: str, etag: str, caching: str
) -> Response:
    """The file, or the part that `Range` asks for (not if `If-Range` names another version).

    304 without a body for who has it (`If-None-Match`). `caching` is the Cache-Control.
    """
    num_bytes = sum(map(len, parts))
    headers = {"Accept-Ranges": "bytes", "ETag": f'"{etag}"', "Cache-Control": caching}
    if _is_held(request, headers["ETag"]):
        return Response(status_code=304, headers=headers)
    is_same = request.headers.get("if-range", headers["ETag"]) == headers["ETag"]
    wanted = parse_range(request.headers.get("range", ""), num_bytes) if is_same else None
    start, end = wanted or (0, num_bytes)
    if wanted:
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{num_bytes}"
    headers |= {"Content-Length": str(end - start), "Content-Type": media_type}
    return DownloadResponse(blocks_of(parts, start, end), 206 if wanted else 200, headers)
