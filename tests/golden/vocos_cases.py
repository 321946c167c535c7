"""Shapes and inputs of the Vocos goldens, shared by the torch side and the tests (numpy only)."""

from __future__ import annotations

import numpy as np

from tests.golden.seeded_weights import seeded_normal

MEL_DIM, N_FFT, HOP = 100, 1024, 256
TINY_SIZES = {"dim": 16, "intermediate_dim": 48, "num_layers": 2}
BASE_SIZES = {"dim": 512, "intermediate_dim": 1536, "num_layers": 8}
TINY_FRAMES, BASE_FRAMES, ISTFT_FRAMES = 40, 24, 9


def vocos_mel(frames: int) -> np.ndarray:
    """Log-mel (n, 100) float32 of the level and spread of speech."""
    return -3.5 + 2.5 * seeded_normal(f"vocos.{frames}", (frames, MEL_DIM))
