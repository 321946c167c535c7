"""Depthwise and grouped convolutions: every implementation against lax.conv, and by hand."""

from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from kernels.depthwise_conv import depthwise_conv
from kernels.grouped_conv import grouped_conv
from kernels.grouped_conv.config import ToeplitzBlocks


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


def _assert_same_gradients(
    function: Callable[..., jax.Array], name: str, *operands: jax.Array
) -> None:
    every = tuple(range(len(operands)))
    reference = partial(function, implementation="reference")
    expected = jax.grad(partial(_loss, reference), argnums=every)(*operands)
    got = jax.grad(partial(_loss, partial(function, implementation=name)), argnums=every)(*operands)
    for left, right in zip(got, expected, strict=True):
        np.testing.assert_allclose(left, right, atol=2e-5)


def test_depthwise_gradients() -> None:
    operands = _random(2, 20, 6), _random(7, 6, seed=1), _random(6, seed=2)
    _assert_same_gradients(depthwise_conv, "shifted_sums", *operands)


@pytest.mark.parametrize(
    ("taps", "group_channels", "groups"),
    [(31, 6, 4), (31, 64, 2), (7, 1, 8), (1, 4, 2)],
)
@pytest.mark.parametrize("num_frames", [1, 37])
def test_grouped_same_as_the_reference(
    taps: int, group_channels: int, groups: int, num_frames: int
) -> None:
    width = group_channels * groups
    scale = (taps * group_channels) ** -0.5
    x, bias = _random(2, num_frames, width), _random(width, seed=2)
    kernel = _random(taps, group_channels, width, seed=1) * scale
    expected = grouped_conv(x, kernel, bias, implementation="reference")
    np.testing.assert_allclose(grouped_conv(x, kernel, bias), expected, atol=1e-5)
    half = grouped_conv(x, kernel, bias, dtype=jnp.bfloat16)
    assert half.dtype == jnp.float32
    np.testing.assert_allclose(half, expected, atol=5e-2)


def test_grouped_gradients() -> None:
    operands = _random(2, 37, 24), 0.1 * _random(31, 6, 24, seed=1), _random(24, seed=2)
    _assert_same_gradients(grouped_conv, "toeplitz", *operands)


def test_grouped_does_not_mix_rows_or_padding() -> None:
    x, bias = _random(2, 40, 24), _random(24, seed=2)
    kernel = 0.1 * _random(31, 6, 24, seed=1)
    alone = grouped_conv(x[1:, :33], kernel, bias)
    beside = grouped_conv(x.at[1, 33:].set(0.0).at[0].set(jnp.nan), kernel, bias)
    np.testing.assert_allclose(beside[1, :33], alone[0], atol=1e-6)


def test_wrong_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match="odd number of taps"):
        depthwise_conv(jnp.zeros((1, 4, 2)), jnp.zeros((4, 2)), jnp.zeros(2))
    with pytest.raises(ValueError, match="channels differ"):
        depthwise_conv(jnp.zeros((1, 4, 3)), jnp.zeros((3, 2)), jnp.zeros(2))
    with pytest.raises(ValueError, match="d % c == 0"):
        grouped_conv(jnp.zeros((1, 4, 6)), jnp.zeros((3, 4, 6)), jnp.zeros(6))
    with pytest.raises(ValueError, match="channels differ"):
        grouped_conv(jnp.zeros((1, 4, 4)), jnp.zeros((3, 3, 6)), jnp.zeros(6))


@pytest.mark.parametrize(
    ("taps", "group_channels"), [(31, 64), (31, 20), (31, 1), (3, 500), (1, 8)]
)
def test_window_blocks_reach_the_whole_filter(taps: int, group_channels: int) -> None:
    blocks = ToeplitzBlocks.for_kernel(taps, group_channels)
    assert blocks.num_side_blocks * blocks.block_frames >= taps // 2
    assert blocks.num_window_blocks == 2 * blocks.num_side_blocks + 1
