"""Encodings a response may have, and what they are called on the wire."""

from __future__ import annotations

import struct
from typing import Literal

import numpy as np

MEDIA_TYPES = {
    "wav": "audio/wav",
    "pcm": "audio/pcm",
    "flac": "audio/flac",
    "opus": "audio/ogg",
    "mp3": "audio/mpeg",
}
WAV_HEADER_BYTES = 44
_SAMPLE_BYTES = 2


def wav_header(num_samples: int, sample_rate: int) -> bytes:
    """RIFF header of mono s16le with true sizes."""
    data_bytes = num_samples * _SAMPLE_BYTES
    return struct.pack(
        "<4sI4s4sIHHIIHH4sI",
        b"RIFF",
        WAV_HEADER_BYTES - 8 + data_bytes,
        b"WAVE",
        b"fmt ",
        16,
        1,
        1,
        sample_rate,
        sample_rate * _SAMPLE_BYTES,
        _SAMPLE_BYTES,
        8 * _SAMPLE_BYTES,
        b"data",
        data_bytes,
    )


def pcm_bytes(pcm: np.ndarray) -> bytes:
    """Little-endian bytes of int16 (nw,)."""
    return np.ascontiguousarray(pcm, dtype="<i2").tobytes()


def encode_chunk_audio(pcm: np.ndarray, sample_rate: int, form: Literal["wav", "pcm"]) -> bytes:
    """One chunk that decodes on its own: int16 (nw,) -> file bytes."""
    body = pcm_bytes(pcm)
    return body if form == "pcm" else wav_header(len(pcm), sample_rate) + body


def encode_file(pcm: np.ndarray, sample_rate: int, form: str) -> bytes:
    raise NotImplementedError
