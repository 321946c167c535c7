"""Random weights and inputs that are the same numbers in every environment.

`numpy.random.RandomState` is frozen for ever (NEP 19), so the torch side that makes the goldens
and the JAX side that checks them can both grow a tensor from its name instead of shipping it.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping

import numpy as np

GRN_KEYS = (".grn.gamma", ".grn.beta")


def seeded_normal(key: str, shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    """Standard normal float32 array that depends on `key`, `shape` and `seed` alone."""
    state = np.random.RandomState(zlib.crc32(f"{seed}:{key}".encode()))
    return state.standard_normal(shape).astype(np.float32)


def seeded_weight(key: str, shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    """A weight of plausible scale: unit-variance outputs, every bias and gain away from 0 and 1."""
    noise = seeded_normal(key, shape, seed)
    if key.endswith(GRN_KEYS) or key.endswith((".bias", ".gamma")):
        return 0.3 * noise
    if key.endswith(("norm.weight", "layer_norm.weight", ".g")):
        return 1 + 0.2 * noise
    if key.endswith("text_embed.weight"):
        return noise
    fan_in = int(np.prod(shape[1:]))
    return noise * np.float32(fan_in**-0.5)


def seeded_weights(shapes: Mapping[str, tuple[int, ...]], seed: int = 0) -> dict[str, np.ndarray]:
    return {key: seeded_weight(key, shape, seed) for key, shape in shapes.items()}
