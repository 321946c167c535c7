"""Streams that a listener may come back to: who made them, and whether anybody has come.

The events themselves, their bounds and the end of abandoned streams belong to the
orchestrator; this remembers two facts about each and forgets them with the stream. Event loop
only.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

_MIN_SWEEP = 256


@dataclass
class _Origin:
    fingerprint: str
    has_been_opened: bool = False


def fingerprint_of(fields: dict[str, Any]) -> str:
    """Equal for requests that ask for the same sound in the same form."""
    text = json.dumps(fields, sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


class ResumableStreams:
    """`is_held(stream_id)` says whether the orchestrator still keeps a stream."""

    def __init__(self, is_held: Callable[[str], bool]) -> None:
        self._is_held = is_held
        self._origins: dict[str, _Origin] = {}
        self._sweep_at = _MIN_SWEEP

    def __len__(self) -> int:
        return len(self._origins)

    def add(self, stream_id: str, fingerprint: str = "") -> None:
        """Remember a stream. Sweeps when the record has doubled, so adding stays cheap."""
        if len(self._origins) >= self._sweep_at:
            self._origins = {i: o for i, o in self._origins.items() if self._is_held(i)}
            self._sweep_at = max(_MIN_SWEEP, 2 * len(self._origins))
        self._origins[stream_id] = _Origin(fingerprint)

    def mark_opened(self, stream_id: str) -> None:
        if origin := self._origins.get(stream_id):
            origin.has_been_opened = True

    def was_opened(self, stream_id: str) -> bool:
        origin = self._origins.get(stream_id)
        return origin is not None and origin.has_been_opened

    def is_from(self, stream_id: str, fingerprint: str) -> bool:
        """Whether a request with this fingerprint made the stream."""
        origin = self._origins.get(stream_id)
        return origin is not None and origin.fingerprint == fingerprint
