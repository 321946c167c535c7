"""Byte ranges of a body that is in memory (RFC 9110, section 14): one range, or the whole."""

from __future__ import annotations

import re

from starlette.requests import Request
from starlette.responses import Response

from server.errors import RefusedError

_RANGE = re.compile(r"bytes=([0-9]{0,18})-([0-9]{0,18})\Z", re.ASCII)


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


def ranged_response(request: Request, body: bytes, *, media_type: str, etag: str) -> Response:
    """The body, or the part that `Range` asks for (not if `If-Range` names another version)."""
    headers = {"Accept-Ranges": "bytes", "ETag": f'"{etag}"', "Cache-Control": "no-store"}
    is_same = request.headers.get("if-range", headers["ETag"]) == headers["ETag"]
    wanted = parse_range(request.headers.get("range", ""), len(body)) if is_same else None
    if wanted is None:
        return Response(body, media_type=media_type, headers=headers)
    start, end = wanted
    headers["Content-Range"] = f"bytes {start}-{end - 1}/{len(body)}"
    return Response(body[start:end], 206, media_type=media_type, headers=headers)
