"""Request text to the pieces that are spoken one after the other."""

from __future__ import annotations

import unicodedata
from dataclasses import replace
from functools import lru_cache

from inference_types import ChunkPolicy, InvalidTextError, TextSegment
from text.boundaries import is_han
from text.normalise import NormalisedText, normalise
from text.segment import MIN_BUDGET_S, split

# A stray foreign letter in a text is skipped; a foreign word in every ten is another language.
MAX_FOREIGN_SHARE = 0.1


def cut(text: str, policy: ChunkPolicy, budget_s: float) -> list[TextSegment]:
    """Written-out pieces, never empty, each within `budget_s` of normal speech.

    `start` and `end` are offsets into the text as it was sent. Raises InvalidTextError for text
    without anything to speak.
    """
    normalised = normalise(text)
    pieces = [
        piece
        for piece in split(normalised.text, policy, max(budget_s, MIN_BUDGET_S))
        if any(_is_known(char) for char in piece.text)
    ]
    if not pieces:
        raise InvalidTextError(
            "the text holds nothing that can be spoken; send words", field="gen_text"
        )
    return [_at_origin(normalised, piece, i, len(pieces)) for i, piece in enumerate(pieces)]


def check_language(text: str) -> None:
    """Raises InvalidTextError for text in another script than English and Chinese use."""
    letters = [char for char in text if char.isalpha()]
    num_foreign = sum(not _is_known(char) for char in letters)
    if num_foreign > MAX_FOREIGN_SHARE * len(letters):
        raise InvalidTextError(
            "this voice speaks English and Chinese; for other languages start the server with"
            " --model and an F5-TTS checkpoint trained on them",
            field="gen_text",
            code="language_unsupported",
        )


def _at_origin(
    normalised: NormalisedText, piece: TextSegment, index: int, num_pieces: int
) -> TextSegment:
    start, end = normalised.original_span(piece.start, piece.end)
    is_last = index + 1 == num_pieces
    return replace(piece, index=index, start=start, end=end, is_last=is_last)


@lru_cache(maxsize=4096)
def _is_known(char: str) -> bool:
    """Whether English or Chinese is written with this letter or digit."""
    if char.isascii():
        return char.isalnum()
    return is_han(char) or (char.isalpha() and "LATIN" in unicodedata.name(char, ""))
