"""Plain XLA product."""

import jax
import jax.numpy as jnp
from jax.typing import DTypeLike
from jaxtyping import Array, Float


def matmul_reference(
    x: Float[Array, "... k"], w: Float[Array, "k o"], *, dtype: DTypeLike = jnp.float32
) -> Float[Array, "... o"]:
    """`(x.astype(dtype) @ w.astype(dtype))` accumulated and returned in float32."""
    # HIGHEST: on GPU a float32 product would otherwise run in TF32.
    precision = jax.lax.Precision.HIGHEST if jnp.dtype(dtype) == jnp.float32 else None
    return jax.lax.dot_general(
        x.astype(dtype),
        w.astype(dtype),
        (((x.ndim - 1,), (0,)), ((), ())),
        precision=precision,
        preferred_element_type=jnp.float32,
    )
