"""The one product."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from kernels.matmul import matmul


def test_float32_is_exact_to_rounding() -> None:
    x = jax.random.normal(jax.random.key(0), (2, 3, 64))
    w = jax.random.normal(jax.random.key(1), (64, 8))
    expected = np.asarray(x, np.float64) @ np.asarray(w, np.float64)
    np.testing.assert_allclose(matmul(x, w), expected, atol=1e-5)


def test_bfloat16_operands_are_summed_in_float32() -> None:
    # 256 + 1 is no bfloat16: a bfloat16 sum would lose the ones.
    x = jnp.array([[256.0] + [1.0] * 8])
    out = matmul(x, jnp.ones((9, 1)), dtype=jnp.bfloat16)
    assert out.dtype == jnp.float32
    assert out[0, 0] == 264.0


def test_bfloat16_rounds_the_operands() -> None:
    assert matmul(jnp.array([[257.0]]), jnp.ones((1, 1)), dtype=jnp.bfloat16)[0, 0] == 256.0
    assert matmul(jnp.array([[257.0]]), jnp.ones((1, 1)))[0, 0] == 257.0


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.bfloat16])
def test_gradients_keep_the_parameters_dtype(dtype: jnp.dtype) -> None:
    x, w = jnp.full((4, 3), 2.0), jnp.full((3, 5), 3.0)
    dx, dw = jax.grad(lambda x, w: matmul(x, w, dtype=dtype).sum(), argnums=(0, 1))(x, w)
    assert dx.dtype == dw.dtype == jnp.float32
    np.testing.assert_array_equal(dx, np.full((4, 3), 15.0))
    np.testing.assert_array_equal(dw, np.full((3, 5), 8.0))


@pytest.mark.parametrize("shape", [(4, 5), (3,), (1, 3, 5)])
def test_wrong_shapes_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="needs w of shape"):
        matmul(jnp.ones((2, 3)), jnp.ones(shape))
