"""Attention by cuDNN's fused kernel with key lengths."""

import jax
import jax.numpy as jnp
from jax.typing import DTypeLike
from jaxtyping import Array, Float, Int

from kernels.attention.masking import zero_padded_frames

MAX_HEAD_DIM = 128


def attention_cudnn(
    q: Float[Array, "b n h k"],
    k: Float[Array, "b n h k"],
    v: Float[Array, "b n h k"],
    lengths: Int[Array, " b"],
    *,
    dtype: DTypeLike = jnp.float32,
) -> Float[Array, "b n h k"]:
    """`jax.nn.dot_product_attention(implementation="cudnn")`; half-precision operands only.

    Raises:
        NotImplementedError: no GPU, a float32 compute dtype, or a head width cuDNN refuses.
    """
    if jax.default_backend() != "gpu":
        raise NotImplementedError("cuDNN attention runs on an NVIDIA GPU only")
    if jnp.dtype(dtype).itemsize != 2:
        raise NotImplementedError(f"cuDNN attention needs bfloat16 or float16, not {dtype}")
    if q.shape[-1] % 8 or q.shape[-1] > MAX_HEAD_DIM:
        raise NotImplementedError(f"cuDNN attention: head width {q.shape[-1]} is not 8, 16 .. 128")
    k, v = zero_padded_frames(k, lengths), zero_padded_frames(v, lengths)
    out = jax.nn.dot_product_attention(
        q.astype(dtype),
        k.astype(dtype),
        v.astype(dtype),
        # Length 0 would be a softmax over nothing; the row is zeroed below anyway.
        key_value_seq_lengths=jnp.maximum(lengths, 1).astype(jnp.int32),
        implementation="cudnn",
    )
    return zero_padded_frames(out.astype(jnp.float32), lengths)
