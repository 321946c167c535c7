"""Vocos: log-mel frames to a waveform through one predicted spectrum per frame.

Axis legend: b batch, n mel frames, m mel bins, d width, f spectrum bins, nw wave samples.
Formulas: specs f5-tts 5. Every row of a batch has its own number of frames; frames beyond it
are zero wherever a convolution or the overlap-add could see them, so a row comes out the same
alone, in any bucket and beside any neighbours.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jax.typing import DTypeLike
from jaxtyping import Array, Float, Int

from kernels.depthwise_conv import depthwise_conv
from kernels.matmul import matmul
from models.vocos.config import KERNEL_FRAMES, VocosConfig

NORM_EPS = 1e-6
MAX_MAGNITUDE = 100.0


def layer_norm(
    x: Float[Array, "... d"], scale: Float[Array, " d"], bias: Float[Array, " d"]
) -> Float[Array, "... d"]:
    """Layer norm over the last axis, eps 1e-6."""
    mean = x.mean(-1, keepdims=True)
    centred = x - mean
    variance = jnp.square(centred).mean(-1, keepdims=True)
    return centred * jax.lax.rsqrt(variance + NORM_EPS) * scale + bias


class LayerNorm(nnx.Module):
    """Learned scale and bias for `layer_norm`."""

    def __init__(self, dim: int) -> None:
        self.scale = nnx.Param(jnp.ones(dim))
        self.bias = nnx.Param(jnp.zeros(dim))

    def __call__(self, x: Float[Array, "... d"]) -> Float[Array, "... d"]:
        return layer_norm(x, self.scale[...], self.bias[...])


class Linear(nnx.Module):
    """`x @ kernel + bias` with float32 sums; kernel is (in, out)."""

    def __init__(self, dim_in: int, dim_out: int, *, std: float, rngs: nnx.Rngs) -> None:
        self.kernel = nnx.Param(std * jax.random.normal(rngs.params(), (dim_in, dim_out)))
        self.bias = nnx.Param(jnp.zeros(dim_out))

    def __call__(self, x: Float[Array, "... i"], dtype: DTypeLike) -> Float[Array, "... o"]:
        # Two axes only: the weight gradient of a 3-D product is 2.5 times slower in XLA:CPU.
        flat = x.reshape(-1, x.shape[-1])
        y = matmul(flat, self.kernel[...], dtype=dtype) + self.bias[...]
        return y.reshape(*x.shape[:-1], -1)


class FrameConv(nnx.Module):
    """Dense convolution over frames, zero padded: a product with 7 stacked neighbours."""

    def __init__(self, dim_in: int, dim_out: int, *, std: float, rngs: nnx.Rngs) -> None:
        shape = (KERNEL_FRAMES, dim_in, dim_out)
        self.kernel = nnx.Param(std * jax.random.normal(rngs.params(), shape))
        self.bias = nnx.Param(jnp.zeros(dim_out))

    def __call__(self, x: Float[Array, "b n i"], dtype: DTypeLike) -> Float[Array, "b n o"]:
        num_frames, half = x.shape[1], KERNEL_FRAMES // 2
        padded = jnp.pad(x, ((0, 0), (half, half), (0, 0)))
        taps = [padded[:, tap : tap + num_frames] for tap in range(KERNEL_FRAMES)]
        stacked = jnp.concatenate(taps, axis=-1).reshape(x.shape[0] * num_frames, -1)
        kernel = self.kernel[...].reshape(stacked.shape[-1], -1)
        y = matmul(stacked, kernel, dtype=dtype) + self.bias[...]
        return y.reshape(*x.shape[:2], -1)


class ConvNeXtBlock(nnx.Module):
    """Depthwise convolution over frames, then a two-layer perceptron per frame."""

    def __init__(self, config: VocosConfig, *, rngs: nnx.Rngs) -> None:
        dim = config.dim
        shape = (KERNEL_FRAMES, dim)
        self.conv_kernel = nnx.Param(0.02 * jax.random.normal(rngs.params(), shape))
        self.conv_bias = nnx.Param(jnp.zeros(dim))
        self.norm = LayerNorm(dim)
        self.expand = Linear(dim, config.intermediate_dim, std=0.02, rngs=rngs)
        self.contract = Linear(config.intermediate_dim, dim, std=0.02, rngs=rngs)
        self.gamma = nnx.Param(jnp.full(dim, 1.0 / config.num_layers))

    def __call__(
        self, x: Float[Array, "b n d"], mask: Float[Array, "b n 1"], dtype: DTypeLike
    ) -> Float[Array, "b n d"]:
        h = depthwise_conv(x * mask, self.conv_kernel[...], self.conv_bias[...])
        h = jax.nn.gelu(self.expand(self.norm(h), dtype), approximate=False)
        return x + self.gamma[...] * self.contract(h, dtype)


class Vocos(nnx.Module):
    """The network and its inverse STFT."""

    def __init__(self, config: VocosConfig, *, rngs: nnx.Rngs) -> None:
        self.config = config
        self.embed = FrameConv(config.mel_dim, config.dim, std=0.02, rngs=rngs)
        self.norm = LayerNorm(config.dim)
        self.blocks = nnx.List([ConvNeXtBlock(config, rngs=rngs) for _ in range(config.num_layers)])
        self.final_norm = LayerNorm(config.dim)
        self.head = Linear(config.dim, 2 * config.num_bins, std=0.02, rngs=rngs)

    def spectrum(
        self,
        mel: Float[Array, "b n m"],
        mask: Float[Array, "b n 1"],
        dtype: DTypeLike = jnp.float32,
    ) -> tuple[Float[Array, "b n f"], Float[Array, "b n f"]]:
        """Log-magnitude and phase of every frame's spectrum."""
        x = self.norm(self.embed(mel * mask, dtype))
        for block in self.blocks:
            x = block(x, mask, dtype)
        out = self.head(self.final_norm(x), dtype)
        log_magnitude, phase = jnp.split(out, 2, axis=-1)
        return log_magnitude, phase

    def __call__(
        self,
        mel: Float[Array, "b n m"],
        num_frames: Int[Array, " b"],
        dtype: DTypeLike = jnp.float32,
    ) -> Float[Array, "b nw"]:
        """Waveform (b, n * hop); row i holds (num_frames[i] - 1) * hop samples, then zeros."""
        mask = frame_mask(mel.shape[1], num_frames)
        spectrum = complex_spectrum(*self.spectrum(mel, mask, dtype))
        return istft(spectrum, mask, num_frames, self.config)


def frame_mask(max_frames: int, num_frames: Int[Array, " b"]) -> Float[Array, "b n 1"]:
    """1.0 for the frames a row has, 0.0 behind them."""
    valid = jnp.arange(max_frames)[None, :] < num_frames[:, None]
    return valid.astype(jnp.float32)[..., None]


def complex_spectrum(log_magnitude: Float[Array, "b n f"], phase: Float[Array, "b n f"]) -> Array:
    """Complex64 (b, n, f): min(exp(log_magnitude), 100) * e^(i phase)."""
    magnitude = jnp.minimum(jnp.exp(log_magnitude), MAX_MAGNITUDE)
    return jax.lax.complex(magnitude * jnp.cos(phase), magnitude * jnp.sin(phase))


def hann_window(n_fft: int) -> np.ndarray:
    """Periodic Hann, float32 (n_fft,)."""
    return (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(n_fft) / n_fft)).astype(np.float32)


def istft(
    spectrum: Array,
    mask: Float[Array, "b n 1"],
    num_frames: Int[Array, " b"],
    config: VocosConfig,
) -> Float[Array, "b nw"]:
    """Centred inverse STFT: overlap-add divided by the overlap-added squared window.

    (b, n, f) complex -> (b, n * hop), zero from sample (num_frames - 1) * hop on.
    """
    hop, num_rows, max_frames = config.hop_samples, *spectrum.shape[:2]
    window = jnp.asarray(hann_window(config.n_fft))
    frames = jnp.fft.irfft(spectrum, n=config.n_fft, axis=-1) * window * mask
    weights = jnp.broadcast_to(jnp.square(window), (num_rows, max_frames, config.n_fft)) * mask
    total, weight = _overlap_add(frames, hop), _overlap_add(weights, hop)
    start, length = config.n_fft // 2, max_frames * hop
    wave = jax.lax.dynamic_slice_in_dim(total / jnp.maximum(weight, 1e-11), start, length, axis=1)
    valid = jnp.arange(length)[None, :] < (num_frames[:, None] - 1) * hop
    return jnp.where(valid, wave, 0.0)


def _overlap_add(frames: Float[Array, "b n w"], hop: int) -> Float[Array, "b nw"]:
    """Sum frames at their offsets: (b, n, w) -> (b, (n - 1) * hop + w)."""
    rows, num_frames, width = frames.shape
    num_parts = width // hop
    parts = frames.reshape(rows, num_frames, num_parts, hop)
    total = sum(
        jnp.pad(parts[:, :, i], ((0, 0), (i, num_parts - 1 - i), (0, 0))) for i in range(num_parts)
    )
    return jnp.asarray(total).reshape(rows, -1)
