"""Flash attention in Pallas for GPUs (Triton backend): online softmax, key lengths per row.

One program handles one block of queries of one head; it walks the key blocks below the row's
length and keeps a running peak, sum and weighted value in registers. Not differentiable.
"""

import functools

import jax
import jax.numpy as jnp
from jax.experimental import pallas as pl
from jax.experimental.pallas import triton as pltriton
from jax.typing import DTypeLike
from jaxtyping import Array, Float, Int

from kernels.attention.config import (
    PALLAS_BLOCK_FRAMES,
    PALLAS_NUM_STAGES,
    PALLAS_NUM_WARPS,
)
from kernels.attention.masking import MASKED_SCORE, zero_padded_frames
from kernels.precision import precision_for

MIN_HEAD_DIM, MAX_HEAD_DIM = 16, 128


def attention_pallas(
    q: Float[Array, "b n h k"],
    k: Float[Array, "b n h k"],
    v: Float[Array, "b n h k"],
    lengths: Int[Array, " b"],
    *,
    dtype: DTypeLike = jnp.float32,
    is_interpreted: bool = False,
) -> Float[Array, "b n h k"]:
    """Operands in `dtype`, sums and softmax in float32.

    Args:
        is_interpreted: run the kernel's body as plain XLA operations, on any device (tests).

    Raises:
        NotImplementedError: no GPU, or a head width that is no power of two within 16 .. 128.
    """
    if jax.default_backend() != "gpu" and not is_interpreted:
        raise NotImplementedError("Pallas attention runs on a GPU only")
    _, num_frames, _, head_dim = q.shape
    if head_dim & (head_dim - 1) or not MIN_HEAD_DIM <= head_dim <= MAX_HEAD_DIM:
        raise NotImplementedError(f"Pallas attention: head width {head_dim} is not 16, 32, 64, 128")
    padding = ((0, 0), (0, -num_frames % PALLAS_BLOCK_FRAMES), (0, 0), (0, 0))
    q, k, v = (jnp.pad(t.astype(dtype), padding) for t in (q, k, v))
    out = _flash(q, k, v, lengths.astype(jnp.int32), is_interpreted)
    return zero_padded_frames(out[:, :num_frames], lengths)


def _flash(q: Array, k: Array, v: Array, lengths: Array, is_interpreted: bool) -> Array:
    batch, num_frames, heads, head_dim = q.shape
    block = (None, PALLAS_BLOCK_FRAMES, None, head_dim)
    whole = (None, num_frames, None, head_dim)
    per_block = pl.BlockSpec(block, lambda row, head, i: (row, i, head, 0))
    per_head = pl.BlockSpec(whole, lambda row, head, i: (row, 0, head, 0))
    return pl.pallas_call(
        functools.partial(_flash_kernel, scale=head_dim**-0.5),
        grid=(batch, heads, num_frames // PALLAS_BLOCK_FRAMES),
        in_specs=[
            pl.BlockSpec((None,), lambda row, head, i: (row,)),
            per_block,
            per_head,
            per_head,
        ],
        out_specs=per_block,
        out_shape=jax.ShapeDtypeStruct(q.shape, jnp.float32),
        compiler_params=pltriton.CompilerParams(
            num_warps=PALLAS_NUM_WARPS, num_stages=PALLAS_NUM_STAGES
        ),
        interpret=is_interpreted,
        name="flash_attention",
    )(lengths, q, k, v)


def _flash_kernel(length_ref, q_ref, k_ref, v_ref, out_ref, *, scale: float) -> None:
    """Online softmax over the key blocks below the length (arXiv 2205.14135, algorithm 1)."""
    length, q = length_ref[...], q_ref[...]
    block_frames, head_dim = q.shape

    def visit(i: Array, carry: tuple[Array, Array, Array]) -> tuple[Array, Array, Array]:
        total, peak, values = carry
        frames = i * block_frames + jnp.arange(block_frames)
        inside = frames < length
        rows = pl.ds(i * block_frames, block_frames)
        # Zeroed on load: a NaN in padding times a weight of zero would still be NaN.
        k = jnp.where(inside[:, None], k_ref[rows, :], jnp.zeros((), q.dtype))
        v = jnp.where(inside[:, None], v_ref[rows, :], jnp.zeros((), q.dtype))
        scores = _dot(q, k, trans_b=True) * scale
        scores = jnp.where(inside[None, :], scores, MASKED_SCORE)
        new_peak = jnp.maximum(peak, scores.max(axis=1))
        weights = jnp.exp(scores - new_peak[:, None])
        shrink = jnp.exp(peak - new_peak)
        total = total * shrink + weights.sum(axis=1)
        values = values * shrink[:, None] + _dot(weights.astype(v.dtype), v)
        return total, new_peak, values

    start = (
        jnp.zeros(block_frames, jnp.float32),
        jnp.full(block_frames, MASKED_SCORE, jnp.float32),
        jnp.zeros((block_frames, head_dim), jnp.float32),
    )
    num_blocks = (length + block_frames - 1) // block_frames
    total, _, values = jax.lax.fori_loop(0, num_blocks, visit, start)
    # A row of length 0 has visited nothing.
    out_ref[...] = values / jnp.where(total > 0, total, 1.0)[:, None]


def _dot(a: Array, b: Array, *, trans_b: bool = False) -> Array:
    """Product with float32 sums; float32 operands stay exact instead of dropping to TF32."""
    contract = (((1,), (1 if trans_b else 0,)), ((), ()))
    return jax.lax.dot_general(
        a, b, contract, precision=precision_for(a.dtype), preferred_element_type=jnp.float32
    )
