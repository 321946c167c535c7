"""Request text to the pieces that are spoken one after the other."""

from __future__ import annotations

from inference_types import ChunkPolicy, InvalidTextError, TextSegment
from text.segment import MIN_BUDGET_S, split


def cut(text: str, policy: ChunkPolicy, budget_s: float) -> list[TextSegment]:
    """Never empty, each within `budget_s` of normal speech.

    Raises InvalidTextError for text without anything to speak.
    """
    pieces = split(text, policy, max(budget_s, MIN_BUDGET_S))
    if not pieces:
        raise InvalidTextError(
            "the text holds nothing that can be spoken; send words", field="gen_text"
        )
    return pieces
