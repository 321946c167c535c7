"""The page at `/`: plain files from `server/page`, sent as they are, loading nothing from outside.

Only files that lay there at start-up have an address, so no path from a request reaches the disk.
"""

from __future__ import annotations

from pathlib import Path

from fastapi import APIRouter
from starlette.responses import FileResponse, Response

from inference_types import NotFoundError

PAGE_DIR = Path(__file__).parent / "page"
_FILES = {path.name: path for path in PAGE_DIR.iterdir() if path.is_file()}
_POLICY = "; ".join(
    (
        "default-src 'self'",
        "media-src 'self' blob:",  # a recording is heard before it is sent
        "img-src 'self' data:",
        "object-src 'none'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}
router = APIRouter(include_in_schema=False)


@router.api_route("/", methods=["GET", "HEAD"])
async def page() -> Response:
    """The page itself."""
    return _send("index.html")


@router.api_route("/page/{name}", methods=["GET", "HEAD"])
async def page_file(name: str) -> Response:
    """A script, style sheet or icon of the page. Raises NotFoundError for any other name."""
    return _send(name)


def _send(name: str) -> Response:
    path = _FILES.get(name)
    if path is None:
        raise NotFoundError("The page has no such file.")
    # Browsers refuse module scripts of another type, and the machine's own table may say
    # text/plain (a registry on Windows, a bare container).
    media_type = "text/javascript" if path.suffix == ".js" else None
    return FileResponse(path, media_type=media_type, headers=_HEADERS)
