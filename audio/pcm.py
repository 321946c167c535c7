"""Float samples to 16-bit PCM."""

from __future__ import annotations

import numpy as np

from inference_types import NumericError

MAX_PCM16 = 32_767


def to_pcm16(samples: np.ndarray) -> np.ndarray:
    """Float (nw,) -> int16 (nw,): clipped to [-1, 1], times 32767, halves to even.

    Raises NumericError for NaN and Inf: they would become loud noise.
    """
    if not np.isfinite(samples).all():
        raise NumericError("The generated audio is not finite; send the request again.")
    clipped = np.clip(np.asarray(samples, np.float32), -1, 1)
    return np.rint(clipped * np.float32(MAX_PCM16)).astype(np.int16)


def pcm_bytes(pcm: np.ndarray) -> bytes:
    """int16 (nw,) -> little-endian bytes, on any machine."""
    return pcm.astype("<i2", copy=False).tobytes()
