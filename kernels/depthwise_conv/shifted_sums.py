"""Depthwise convolution as a sum of shifted, scaled copies: one fused loop in XLA.

The gradients are written out: autodiff's are twice as slow (a padded copy per tap).
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float


@jax.custom_vjp
def depthwise_conv_shifted_sums(
    x: Float[Array, "b n d"], kernel: Float[Array, "k d"], bias: Float[Array, " d"]
) -> Float[Array, "b n d"]:
    """`bias + sum_j kernel[j] * x_padded[:, j : j + n]` in float32, returned in x's dtype."""
    kernel = kernel.astype(jnp.float32)
    out = jnp.broadcast_to(bias.astype(jnp.float32), x.shape)
    for tap, shifted in enumerate(_shifted(x, kernel.shape[0])):
        out = out + shifted * kernel[tap][None, None, :]
    return out.astype(x.dtype)


def _shifted(x: Float[Array, "b n d"], taps: int) -> list[Float[Array, "b n d"]]:
    """float32 copies of x moved by each tap's offset, zeros moving in."""
    half, num_frames = taps // 2, x.shape[1]
    padded = jnp.pad(x, ((0, 0), (half, half), (0, 0))).astype(jnp.float32)
    return [jax.lax.slice_in_dim(padded, t, t + num_frames, axis=1) for t in range(taps)]


def _forward(x: Array, kernel: Array, bias: Array) -> tuple[Array, tuple[Array, Array, Array]]:
    return depthwise_conv_shifted_sums(x, kernel, bias), (x, kernel, bias)


def _backward(saved: tuple[Array, Array, Array], dy: Array) -> tuple[Array, Array, Array]:
    """dx is the convolution of dy with the reversed filter."""
    x, kernel, bias = saved
    dx = depthwise_conv_shifted_sums(dy, kernel[::-1], jnp.zeros_like(bias)).astype(x.dtype)
    dy = dy.astype(jnp.float32)
    dkernel = jnp.stack([(s * dy).sum(axis=(0, 1)) for s in _shifted(x, kernel.shape[0])])
    return dx, dkernel.astype(kernel.dtype), dy.sum(axis=(0, 1)).astype(bias.dtype)


depthwise_conv_shifted_sums.defvjp(_forward, _backward)
