"""Depthwise convolution: every implementation against lax.conv, and by hand."""

from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from kernels.depthwise_conv import depthwise_conv


def _random(*shape: int, seed: int = 0) -> jax.Array:
    return jax.random.normal(jax.random.key(seed), shape)


@pytest.mark.parametrize("taps", [1, 7, 11])
@pytest.mark.parametrize("num_frames", [1, 40])
def test_depthwise_same_as_the_reference(taps: int, num_frames: int) -> None:
    x, kernel, bias = _random(2, num_frames, 6), _random(taps, 6, seed=1), _random(6, seed=2)
    expected = depthwise_conv(x, kernel, bias, implementation="reference")
    np.testing.assert_allclose(depthwise_conv(x, kernel, bias), expected, atol=1e-5)


@pytest.mark.parametrize("implementation", ["reference", "shifted_sums"])
def test_depthwise_by_hand(implementation: str) -> None:
    x = jnp.arange(1.0, 5.0).reshape(1, 4, 1)
    kernel, bias = jnp.array([[1.0], [10.0], [100.0]]), jnp.array([0.5])
    out = depthwise_conv(x, kernel, bias, implementation=implementation)
    np.testing.assert_array_equal(out[0, :, 0], [210.5, 321.5, 432.5, 43.5])


def test_depthwise_keeps_the_dtype_and_sums_in_float32() -> None:
    x = jnp.full((1, 3, 1), 1.0, jnp.bfloat16)
    kernel = jnp.array([[256.0], [1.0], [-256.0]], jnp.bfloat16)
    out = depthwise_conv(x, kernel, jnp.zeros(1, jnp.bfloat16))
    assert out.dtype == jnp.bfloat16
    assert out[0, 1, 0] == 1.0


def _loss(function: Callable[..., jax.Array], *operands: jax.Array) -> jax.Array:
    return jnp.sum(jnp.sin(function(*operands)))


def test_depthwise_gradients() -> None:
    operands = _random(2, 20, 6), _random(7, 6, seed=1), _random(6, seed=2)
    reference = partial(depthwise_conv, implementation="reference")
    expected = jax.grad(partial(_loss, reference), argnums=(0, 1, 2))(*operands)
    got = jax.grad(partial(_loss, depthwise_conv), argnums=(0, 1, 2))(*operands)
    for left, right in zip(got, expected, strict=True):
        np.testing.assert_allclose(left, right, atol=2e-5)


def test_wrong_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match="odd number of taps"):
        depthwise_conv(jnp.zeros((1, 4, 2)), jnp.zeros((4, 2)), jnp.zeros(2))
    with pytest.raises(ValueError, match="channels differ"):
        depthwise_conv(jnp.zeros((1, 4, 3)), jnp.zeros((3, 2)), jnp.zeros(2))
