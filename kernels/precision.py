"""The precision a product must name for its result to be the same on every device."""

import jax
import jax.numpy as jnp
from jax.typing import DTypeLike


def precision_for(dtype: DTypeLike) -> jax.lax.Precision | None:
    """HIGHEST for float32 operands, which an NVIDIA GPU would otherwise round to TF32."""
    return jax.lax.Precision.HIGHEST if jnp.dtype(dtype) == jnp.float32 else None
