"""Whole mels to waveforms, in bounded pieces.

Axis legend: b batch, n mel frames, m mel bins, nw wave samples.
"""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
from flax import nnx
from jax.typing import DTypeLike
from jaxtyping import Array, Float, Int

from models.vocos.modeling import Vocos

CHUNK_FRAMES = 512  # 5.5 s: large enough that two times the context costs little
MIN_BUCKET_FRAMES = 64


def synthesize(
    model: Vocos,
    mel: Float[Array, "b n m"],
    num_frames: Int[Array, " b"],
    dtype: DTypeLike = jnp.float32,
) -> Float[Array, "b nw"]:
    """Pure batched decoding for jit: (b, n, m) -> (b, n * hop).

    Row i holds (num_frames[i] - 1) * hop samples, then zeros; it does not depend on n, on what
    stands behind its frames, or on other rows.
    """
    return model(mel, num_frames, dtype)


_synthesize_jit = nnx.jit(synthesize, static_argnames="dtype")


def decode(model: Vocos, mel: np.ndarray, *, chunk_frames: int | None = CHUNK_FRAMES) -> np.ndarray:
    """Float32 (n, m) log-mel -> float32 ((n - 1) * hop,) samples.

    Works through `chunk_frames` at a time with enough context on both sides that the result
    equals decoding in one piece (`None`), so memory stays bounded and early pieces come early.
    Raises ValueError for fewer than 2 frames or another number of mel bins.
    """
    mel = np.asarray(mel, np.float32)
    if mel.ndim != 2 or mel.shape[1] != model.config.mel_dim or len(mel) < 2:
        raise ValueError(
            f"decode needs mel of shape (2 or more, {model.config.mel_dim}), got {mel.shape}"
        )
    num_frames, hop = len(mel), model.config.hop_samples
    step = num_frames if chunk_frames is None else chunk_frames
    context = model.config.context_frames
    pieces = []
    for start in range(0, num_frames, step):
        first, last = max(0, start - context), min(num_frames, start + step + context)
        wave = _decode_piece(model, mel[first:last])
        pieces.append(wave[(start - first) * hop : (start - first + step) * hop])
    return np.concatenate(pieces)


def _decode_piece(model: Vocos, mel: np.ndarray) -> np.ndarray:
    """One piece, padded to a power-of-two-ish length so that few lengths are compiled."""
    num_frames = len(mel)
    padded = np.zeros((1, _bucket(num_frames), mel.shape[1]), np.float32)
    padded[0, :num_frames] = mel
    wave = _synthesize_jit(model, jnp.asarray(padded), jnp.array([num_frames]))
    return np.asarray(wave)[0, : (num_frames - 1) * model.config.hop_samples]


def _bucket(num_frames: int) -> int:
    """The next of 64, 96, 128, 192, 256, 384, ..."""
    bucket = MIN_BUCKET_FRAMES
    while bucket < num_frames:
        bucket = bucket * 3 // 2 if bucket & (bucket - 1) == 0 else bucket * 4 // 3
    return bucket
