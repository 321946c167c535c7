"""What benchmarks say to a server, and what it answers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx

TEXTS = Path(__file__).parent / "texts"
TIMEOUT_S = 120.0


def sentences(group: str) -> list[str]:
    """The lines of `texts/<group>.txt`."""
    text = (TEXTS / f"{group}.txt").read_text(encoding="utf-8")
    return [line.strip() for line in text.splitlines() if line.strip()]


def speech_events(url: str, text: str, **fields: Any) -> Iterator[dict[str, Any]]:
    """The data of every event of a stream; `url` ends with a slash. Raises for a refusal."""
    body = {"gen_text": text} | fields
    with httpx.stream("POST", f"{url}v1/generate/stream", json=body, timeout=TIMEOUT_S) as response:
        response.raise_for_status()
        for line in response.iter_lines():
            if line.startswith("data: "):
                yield json.loads(line[6:])
