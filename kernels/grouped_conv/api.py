"""Public grouped convolution."""

from typing import Literal

import jax
import jax.numpy as jnp
from jax.typing import DTypeLike
from jaxtyping import Array, Float

from kernels.grouped_conv.reference import grouped_conv_reference
from kernels.grouped_conv.toeplitz import grouped_conv_toeplitz

Implementation = Literal["reference", "toeplitz"]
IMPLEMENTATIONS = {"reference": grouped_conv_reference, "toeplitz": grouped_conv_toeplitz}


def grouped_conv(
    x: Float[Array, "b n d"],
    kernel: Float[Array, "k c d"],
    bias: Float[Array, " d"],
    *,
    dtype: DTypeLike = jnp.float32,
    implementation: Implementation | None = None,
) -> Float[Array, "b n d"]:
    """Cross-correlation within d // c groups of channels, zero padded to the same length.

    torch's `Conv1d(d, d, k, padding=k // 2, groups=d // c)` with its weight (d, c, k) transposed
    to (k, c, d), which is lax's "WIO".

    Args:
        x: input (b, n, d).
        kernel: filters (k, c, d), k odd, d a multiple of c.
        bias: (d,).
        dtype: compute dtype of the operands; sums are float32.
        implementation: None means "toeplitz".

    Returns:
        float32 (b, n, d).

    Raises:
        ValueError: k is even or the channel counts do not fit.
    """
    taps, group_channels, channels = kernel.shape
    if taps % 2 == 0 or channels % group_channels:
        raise ValueError(f"grouped_conv: kernel {kernel.shape} is not (odd k, c, d), d % c == 0")
    if x.shape[-1] != channels or bias.shape != (channels,):
        raise ValueError(
            f"grouped_conv: channels differ: x {x.shape}, kernel {kernel.shape}, bias {bias.shape}"
        )
    with jax.named_scope("grouped_conv"):
        return IMPLEMENTATIONS[implementation or "toeplitz"](x, kernel, bias, dtype=dtype)
