"""Attention in cache-sized blocks for CPU: a few heads, or one block of queries, at a time.

The whole score matrix never exists, forward or backward (the backward recomputes each block), so
softmax reads and writes the caches instead of memory.
"""

import jax
import jax.numpy as jnp
from jax.typing import DTypeLike
from jaxtyping import Array, Float, Int

from kernels.attention.config import BlockedConfig
from kernels.attention.masking import additive_key_mask, zero_padded_frames
from kernels.attention.xla import batched_scores, batched_values, fold_heads, unfold_heads


def attention_blocked(
    q: Float[Array, "b n h k"],
    k: Float[Array, "b n h k"],
    v: Float[Array, "b n h k"],
    lengths: Int[Array, " b"],
    *,
    dtype: DTypeLike = jnp.float32,
    config: BlockedConfig | None = None,
) -> Float[Array, "b n h k"]:
    """`lax.map` over groups of heads; operands in `dtype`, sums and softmax in float32."""
    batch, num_frames, heads, head_dim = q.shape
    config = config or BlockedConfig.for_shape(batch * heads, num_frames)
    k, v = zero_padded_frames(k, lengths), zero_padded_frames(v, lengths)
    mask = jnp.repeat(additive_key_mask(lengths, num_frames), heads, axis=0)
    queries = _split_queries(fold_heads(q * head_dim**-0.5, dtype), config.block_queries)
    operands = (queries, fold_heads(k, dtype), fold_heads(v, dtype), mask)
    grouped = jax.tree.map(lambda t: t.reshape(-1, config.block_heads, *t.shape[1:]), operands)
    out = jax.lax.map(jax.checkpoint(_attend_heads), grouped)
    out = out.reshape(batch * heads, -1, head_dim)[:, :num_frames]
    return zero_padded_frames(unfold_heads(out, heads), lengths)


def _split_queries(q: Float[Array, "g n k"], block: int) -> Float[Array, "g c block k"]:
    """Zero-pads the queries to whole blocks."""
    groups, num_frames, head_dim = q.shape
    q = jnp.pad(q, ((0, 0), (0, -num_frames % block), (0, 0)))
    return q.reshape(groups, -1, block, head_dim)


def _attend_heads(operands: tuple[jax.Array, ...]) -> Float[Array, "g c block k"]:
    """All query blocks of some heads, one after the other."""
    blocks_q, k, v, mask = operands
    if blocks_q.shape[1] == 1:
        return _attend_block(blocks_q[:, 0], k, v, mask)[:, None]
    out = jax.lax.map(lambda q: _attend_block(q, k, v, mask), jnp.moveaxis(blocks_q, 1, 0))
    return jnp.moveaxis(out, 0, 1)


def _attend_block(
    q: Float[Array, "g n k"],
    k: Float[Array, "g m k"],
    v: Float[Array, "g m k"],
    mask: Float[Array, "g m"],
) -> Float[Array, "g n k"]:
    """One block of queries against all keys of its heads."""
    scores = batched_scores(q, k) + mask[:, None, :]
    peak = jax.lax.stop_gradient(scores.max(axis=-1, keepdims=True))
    weights = jnp.exp(scores - peak)
    total = weights.sum(axis=-1, keepdims=True)
    # Dividing the narrow result instead of the wide weights saves a pass over the block.
    return batched_values(weights.astype(v.dtype), v) / total
