"""Loudness of a reference, as the F5 pipeline sets it (specs: f5-tts 7.3)."""

from __future__ import annotations

import numpy as np

from audio.trim import rms

TARGET_RMS = 0.1


def raise_loudness(samples: np.ndarray, target_rms: float = TARGET_RMS) -> tuple[np.ndarray, float]:
    """(nw,) -> float32 (nw,) of at least `target_rms`, and the gain that undoes it.

    Clips at or above the target stay as they are (gain 1.0): the rule only raises. Multiply
    what the model generates by the gain to get back to the speaker's own level. Raises
    ValueError for a clip without any sound.
    """
    level = rms(samples)
    if level == 0:
        raise ValueError("cannot set the loudness of digital silence")
    gain = min(level / target_rms, 1.0)
    return np.asarray(samples / np.float32(gain), np.float32), gain
