"""Plain float32 attention: the truth other implementations are tested against."""

import jax
import jax.numpy as jnp
from jax.typing import DTypeLike
from jaxtyping import Array, Float, Int

from kernels.attention.masking import additive_key_mask, zero_padded_frames


def attention_reference(
    q: Float[Array, "b n h k"],
    k: Float[Array, "b n h k"],
    v: Float[Array, "b n h k"],
    lengths: Int[Array, " b"],
    *,
    dtype: DTypeLike = jnp.float32,
) -> Float[Array, "b n h k"]:
    """`softmax(q k^T / sqrt(head_dim) + mask) v`, float32 whatever `dtype` says."""
    del dtype  # the reference is exact
    highest = jax.lax.Precision.HIGHEST
    q, k, v = (t.astype(jnp.float32) for t in (q, k, v))
    k, v = zero_padded_frames(k, lengths), zero_padded_frames(v, lengths)
    scores = jnp.einsum("bqhd,bkhd->bhqk", q * q.shape[-1] ** -0.5, k, precision=highest)
    scores = scores + additive_key_mask(lengths, k.shape[1])[:, None, None, :]
    weights = jax.nn.softmax(scores, axis=-1)
    out = jnp.einsum("bhqk,bkhd->bqhd", weights, v, precision=highest)
    return zero_padded_frames(out, lengths)
