"""Plain XLA product."""

import jax
import jax.numpy as jnp
from jax.typing import DTypeLike
from jaxtyping import Array, Float

from kernels.precision import precision_for


def matmul_reference(
    x: Float[Array, "... k"], w: Float[Array, "k o"], *, dtype: DTypeLike = jnp.float32
) -> Float[Array, "... o"]:
    """`(x.astype(dtype) @ w.astype(dtype))` accumulated and returned in float32."""
    return jax.lax.dot_general(
        x.astype(dtype),
        w.astype(dtype),
        (((x.ndim - 1,), (0,)), ((), ())),
        precision=precision_for(dtype),
        preferred_element_type=jnp.float32,
    )
