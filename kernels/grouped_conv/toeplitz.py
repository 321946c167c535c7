"""Grouped convolution as one batched product per group with a banded (block-Toeplitz) matrix.

XLA:CPU's own grouped convolution runs at a tenth of the cores' peak forward and its gradients
take 14 times as long again; products run near the peak in both directions, at the price of
multiplying the zeros of the band.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import DTypeLike
from jaxtyping import Array, Float

from kernels.grouped_conv.config import ToeplitzBlocks

HIGHEST = jax.lax.Precision.HIGHEST


def grouped_conv_toeplitz(
    x: Float[Array, "b n d"],
    kernel: Float[Array, "k c d"],
    bias: Float[Array, " d"],
    *,
    dtype: DTypeLike = jnp.float32,
) -> Float[Array, "b n d"]:
    """Windows of blocks times the band matrix; operands in `dtype`, sums in float32."""
    batch, num_frames, channels = x.shape
    taps, group_channels, _ = kernel.shape
    blocks = ToeplitzBlocks.for_kernel(taps, group_channels)
    windows = block_windows(x.astype(dtype), group_channels, blocks)
    band = band_matrix(kernel.astype(jnp.float32), blocks).astype(dtype)
    out = jax.lax.dot_general(
        windows,
        band,
        (((2,), (1,)), ((0,), (0,))),
        precision=HIGHEST if jnp.dtype(dtype) == jnp.float32 else None,
        preferred_element_type=jnp.float32,
    )
    groups = channels // group_channels
    out = out.reshape(groups, batch, -1, group_channels).transpose(1, 2, 0, 3)
    return out.reshape(batch, -1, channels)[:, :num_frames] + bias.astype(jnp.float32)


def block_windows(
    x: Float[Array, "b n d"], group_channels: int, blocks: ToeplitzBlocks
) -> Float[Array, "g r w"]:
    """(groups, b * num_blocks, window frames * channels): each output block's input frames."""
    batch, num_frames, channels = x.shape
    size, side = blocks.block_frames, blocks.num_side_blocks * blocks.block_frames
    num_blocks = -(-num_frames // size)
    x = jnp.pad(x, ((0, 0), (side, side + num_blocks * size - num_frames), (0, 0)))
    x = x.reshape(batch, -1, size, channels // group_channels, group_channels)
    x = x.transpose(3, 0, 1, 2, 4)
    shifted = [x[:, :, j : j + num_blocks] for j in range(blocks.num_window_blocks)]
    return jnp.stack(shifted, axis=3).reshape(x.shape[0], batch * num_blocks, -1)


def band_matrix(kernel: Float[Array, "k c d"], blocks: ToeplitzBlocks) -> Float[Array, "g w o"]:
    """(groups, window frames * c, block frames * c): the filter laid along every diagonal."""
    taps, group_channels, channels = kernel.shape
    selector = jnp.asarray(band_selector(taps, blocks))
    # A product with ones and zeros: exact, and its gradient is a product too (not a scatter).
    band = jnp.einsum("iok,kcd->iocd", selector, kernel, precision=HIGHEST)
    num_in, num_out = selector.shape[:2]
    band = band.reshape(num_in, num_out, group_channels, channels // group_channels, group_channels)
    return band.transpose(3, 0, 2, 1, 4).reshape(
        channels // group_channels, num_in * group_channels, num_out * group_channels
    )


def band_selector(taps: int, blocks: ToeplitzBlocks) -> np.ndarray:
    """float32 (window frames, block frames, k): 1 where that tap joins input and output frame."""
    num_in = blocks.num_window_blocks * blocks.block_frames
    first = blocks.num_side_blocks * blocks.block_frames - taps // 2
    tap = np.arange(num_in)[:, None] - np.arange(blocks.block_frames)[None, :] - first
    return (tap[:, :, None] == np.arange(taps)).astype(np.float32)
