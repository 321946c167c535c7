"""Waves of the audio goldens, shared by the torch side and the tests (numpy only)."""

from __future__ import annotations

import numpy as np

from tests.golden.seeded_weights import seeded_normal

RESAMPLE_RATES = (8_000, 11_025, 16_000, 22_050, 44_100, 48_000)
# 513 is the shortest wave that reflect padding allows; 7680 is a whole number of hops.
MEL_SAMPLES = (513, 7_680, 8_191)


def seeded_wave(key: str, samples: int) -> np.ndarray:
    """A rising tone in noise with a silent stretch, float32 within [-1, 1]."""
    position = np.arange(samples) / samples
    tone = np.sin(2 * np.pi * samples * (0.002 * position + 0.1 * position**2))
    wave = 0.4 * tone + 0.05 * np.clip(seeded_normal(key, (samples,)), -4, 4)
    wave[(position > 0.6) & (position < 0.75)] = 0
    return wave.astype(np.float32)


def resample_input(rate: int) -> np.ndarray:
    """40 ms and a bit at `rate` Hz, an odd number of samples."""
    return seeded_wave(f"rate.{rate}", rate // 25 | 1)
