"""Byte rules of packed F5 checkpoints: prompt endings, length of speech, pieces of long text.

These models have no duration predictor: the reference's own pace in UTF-8 bytes per frame says
how long the new text will be (specs: f5-tts 7.2 to 7.4).
"""

from __future__ import annotations

import re

TARGET_SEGMENT_S = 22.0
SHORT_TEXT_BYTES = 10
SHORT_TEXT_SPEED = 0.3
_BREAK = re.compile(r"(?<=[;:,.!?])\s+|(?<=[；：，。！？])")


def end_reference_text(text: str) -> str:
    """The transcript with the ending F5 was trained on: ". " or an ideographic full stop."""
    if text.endswith((". ", "。")):
        return text
    return text + (" " if text.endswith(".") else ". ")


def join_reference_text(reference_text: str, text: str) -> str:
    """Model input for one piece: a transcript that ends in one byte gets one more space."""
    return pad_reference_text(reference_text) + text


def pad_reference_text(text: str) -> str:
    """`text` plus a space when its last character is a single byte; English ends in two."""
    return text + " " if text and text[-1].isascii() else text


def packed_num_frames(
    *, num_ref_frames: int, reference_text: str, text: str, speed: float = 1.0
) -> int:
    """Frames of reference and new speech together.

    `reference_text` is the padded transcript (`pad_reference_text`). Texts under ten bytes are
    given more room, since bytes say little about single words. Source: specs: f5-tts 7.3.
    """
    num_text_bytes = len(text.encode())
    if num_text_bytes < SHORT_TEXT_BYTES:
        speed = SHORT_TEXT_SPEED
    num_ref_bytes = max(1, len(reference_text.encode()))
    return num_ref_frames + int(num_ref_frames / num_ref_bytes * num_text_bytes / speed)


def max_text_bytes(*, reference_text: str, reference_s: float, speed: float = 1.0) -> int:
    """Bytes of new text that keep prompt and speech within `TARGET_SEGMENT_S` (7.4)."""
    rate = len(reference_text.encode()) / reference_s
    return int(rate * (TARGET_SEGMENT_S - reference_s) * speed)


def packed_chunks(text: str, max_bytes: int) -> list[str]:
    """Pieces as the reference makes them: greedy, cut after punctuation, long ones kept whole.

    Only for parity with the reference; `text.segment.split` never exceeds its budget.
    """
    chunks: list[str] = []
    current: list[str] = []
    num_bytes = 0
    for piece in _BREAK.split(text):
        padded = pad_reference_text(piece)
        if current and num_bytes + len(piece.encode()) > max_bytes:
            chunks.append("".join(current).strip())
            current, num_bytes = [], 0
        current.append(padded)
        num_bytes += len(padded.encode())
    chunks.append("".join(current).strip())
    return [chunk for chunk in chunks if chunk]
