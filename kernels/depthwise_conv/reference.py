"""Depthwise convolution by lax.conv."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float


def depthwise_conv_reference(
    x: Float[Array, "b n d"], kernel: Float[Array, "k d"], bias: Float[Array, " d"]
) -> Float[Array, "b n d"]:
    """`lax.conv_general_dilated` with one feature group per channel."""
    taps, channels = kernel.shape
    out = jax.lax.conv_general_dilated(
        x.astype(jnp.float32),
        kernel.astype(jnp.float32)[:, None, :],
        window_strides=(1,),
        padding=[(taps // 2, taps // 2)],
        dimension_numbers=("NWC", "WIO", "NWC"),
        feature_group_count=channels,
        precision=jax.lax.Precision.HIGHEST,
    )
    return (out + bias.astype(jnp.float32)).astype(x.dtype)
