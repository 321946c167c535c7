"""Attention in cache-sized blocks for CPU: one head of one row at a time, queries in blocks.

The whole score matrix never exists, forward or backward (the backward recomputes each block), so
softmax reads and writes the second-level cache instead of memory.
"""

import jax
import jax.numpy as jnp
from jax.typing import DTypeLike
from jaxtyping import Array, Float, Int

from kernels.attention.config import BlockedConfig
from kernels.attention.masking import additive_key_mask, zero_padded_frames
from kernels.attention.xla import fold_heads, unfold_heads


def attention_blocked(
    q: Float[Array, "b n h k"],
    k: Float[Array, "b n h k"],
    v: Float[Array, "b n h k"],
    lengths: Int[Array, " b"],
    *,
    dtype: DTypeLike = jnp.float32,
) -> Float[Array, "b n h k"]:
    """`lax.map` over (row, head, query block); operands in `dtype`, sums and softmax in float32."""
    num_frames, heads, head_dim = q.shape[1:]
    config = BlockedConfig.for_frames(num_frames)
    k, v = zero_padded_frames(k, lengths), zero_padded_frames(v, lengths)
    mask = jnp.repeat(additive_key_mask(lengths, num_frames), heads, axis=0)
    queries = fold_heads(q * head_dim**-0.5, dtype)
    queries = _split_queries(queries, config.block_queries)
    keys, values = fold_heads(k, dtype), fold_heads(v, dtype)

    @jax.checkpoint
    def attend(operands: tuple[jax.Array, ...]) -> jax.Array:
        blocks_q, head_k, head_v, head_mask = operands
        return jax.lax.map(
            lambda block_q: _attend_block(block_q, head_k, head_v, head_mask), blocks_q
        )

    out = jax.lax.map(attend, (queries, keys, values, mask))
    out = out.reshape(out.shape[0], -1, head_dim)[:, :num_frames]
    return zero_padded_frames(unfold_heads(out, heads), lengths)


def _split_queries(q: Float[Array, "g n k"], block: int) -> Float[Array, "g c block k"]:
    """Zero-pads the queries to whole blocks."""
    groups, num_frames, head_dim = q.shape
    q = jnp.pad(q, ((0, 0), (0, -num_frames % block), (0, 0)))
    return q.reshape(groups, -1, block, head_dim)


def _attend_block(
    q: Float[Array, "n k"], k: Float[Array, "m k"], v: Float[Array, "m k"], mask: Float[Array, " m"]
) -> Float[Array, "n k"]:
    """One block of queries against all keys of its head."""
    scores = jax.lax.dot_general(q, k, (((1,), (1,)), ((), ())), preferred_element_type=jnp.float32)
    scores = scores + mask[None, :]
    peak = jax.lax.stop_gradient(scores.max(axis=-1, keepdims=True))
    weights = jnp.exp(scores - peak)
    total = weights.sum(axis=-1, keepdims=True)
    out = jax.lax.dot(weights.astype(v.dtype), v, preferred_element_type=jnp.float32)
    # Dividing the narrow result instead of the wide weights saves a pass over the block.
    return out / total
