"""Public product of activations with a weight matrix."""

import jax
import jax.numpy as jnp
from jax.typing import DTypeLike
from jaxtyping import Array, Float

from kernels.matmul.reference import matmul_reference


def matmul(
    x: Float[Array, "... k"], w: Float[Array, "k o"], *, dtype: DTypeLike = jnp.float32
) -> Float[Array, "... o"]:
    """Product `x @ w` with operands in `dtype` and a float32 result.

    Args:
        x: activations, any leading axes, (..., k).
        w: weights (k, o).
        dtype: compute dtype of the operands: float32 (exact) or bfloat16. Sums are float32 always.

    Returns:
        float32 (..., o).

    Raises:
        ValueError: the inner axes differ.
    """
    if w.ndim != 2 or x.shape[-1] != w.shape[0]:
        raise ValueError(f"matmul: x {x.shape} needs w of shape ({x.shape[-1]}, o), got {w.shape}")
    with jax.named_scope("matmul"):
        return matmul_reference(x, w, dtype=dtype)
