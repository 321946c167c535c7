"""Masks from lengths."""

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

# Finite, so that a row of length 0 gives a uniform softmax over zeroed values instead of NaN.
MASKED_SCORE = -1e30


def key_mask(lengths: Int[Array, " b"], num_frames: int) -> Bool[Array, "b n"]:
    """True on the frames below each row's length."""
    return jnp.arange(num_frames, dtype=jnp.int32)[None, :] < lengths[:, None]


def additive_key_mask(lengths: Int[Array, " b"], num_frames: int) -> Float[Array, "b n"]:
    """0 on real keys, MASKED_SCORE on padding; added to the scores."""
    return jnp.where(key_mask(lengths, num_frames), 0.0, MASKED_SCORE).astype(jnp.float32)


def zero_padded_frames(
    x: Float[Array, "b n h k"], lengths: Int[Array, " b"]
) -> Float[Array, "b n h k"]:
    """Zeros from each row's length on: 0 x NaN must not reach a neighbour (reliability M13)."""
    return jnp.where(key_mask(lengths, x.shape[1])[:, :, None, None], x, jnp.zeros((), x.dtype))
