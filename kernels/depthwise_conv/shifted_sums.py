"""Depthwise convolution as a sum of shifted, scaled copies: one fused loop in XLA."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float


def depthwise_conv_shifted_sums(
    x: Float[Array, "b n d"], kernel: Float[Array, "k d"], bias: Float[Array, " d"]
) -> Float[Array, "b n d"]:
    """`bias + sum_j kernel[j] * x_padded[:, j : j + n]` in float32."""
    taps, num_frames = kernel.shape[0], x.shape[1]
    half = taps // 2
    padded = jnp.pad(x, ((0, 0), (half, half), (0, 0))).astype(jnp.float32)
    taps_kd = kernel.astype(jnp.float32)
    out = jnp.broadcast_to(bias.astype(jnp.float32), x.shape)
    for tap in range(taps):
        shifted = jax.lax.slice_in_dim(padded, tap, tap + num_frames, axis=1)
        out = out + shifted * taps_kd[tap][None, None, :]
    return out.astype(x.dtype)
