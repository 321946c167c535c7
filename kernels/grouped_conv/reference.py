"""Grouped convolution by lax.conv."""

import jax
import jax.numpy as jnp
from jax.typing import DTypeLike
from jaxtyping import Array, Float


def grouped_conv_reference(
    x: Float[Array, "b n d"],
    kernel: Float[Array, "k c d"],
    bias: Float[Array, " d"],
    *,
    dtype: DTypeLike = jnp.float32,
) -> Float[Array, "b n d"]:
    """`lax.conv_general_dilated` with d // c feature groups, float32 whatever `dtype` says."""
    del dtype  # the reference is exact
    taps, group_channels, channels = kernel.shape
    out = jax.lax.conv_general_dilated(
        x.astype(jnp.float32),
        kernel.astype(jnp.float32),
        window_strides=(1,),
        padding=[(taps // 2, taps // 2)],
        dimension_numbers=("NWC", "WIO", "NWC"),
        feature_group_count=channels // group_channels,
        precision=jax.lax.Precision.HIGHEST,
    )
    return out + bias.astype(jnp.float32)
