"""Discriminators of the vocoder: patch pyramids over complex spectra at several resolutions.

They look at loudness and at relative phase, after EnCodec's STFT discriminators (arXiv
2210.13438). Given real and imaginary parts instead, they stayed at chance: a product of
neighbours is what tells a natural phase from a made one. Instead of convolutions, patches that
do not overlap are merged two by two in time and frequency: nothing but reshapes and products, a
tenth of the cost, and the random place of every training crop moves the patch borders about
anyway. Every level of a pyramid gives scores.

Axis legend: b batch, n frames, f bands, c channels, nw wave samples.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from flax import nnx
from jax import Array
from jaxtyping import Float

from training.vocoder_losses import compressed, magnitude, stft

SIZES = (512, 1024, 2048)
PATCH_FRAMES, PATCH_BINS, CHANNELS = 2, 8, 6
NUM_LEVELS = 3
LEAK = 0.1

Outputs = list[tuple[Array, Array]]
"""Per resolution and level: scores (b, n, f) and the hidden features (b, n, f, c) before them."""


class _Level(nnx.Module):
    """One product over each patch's channels; every band has its own bias and score weights."""

    def __init__(self, dim_in: int, dim_out: int, num_bands: int, rngs: nnx.Rngs) -> None:
        std = (2 / dim_in) ** 0.5
        self.kernel = nnx.Param(std * jax.random.normal(rngs.params(), (dim_in, dim_out)))
        # Shared weights do not know how high a band is; this tells them.
        self.band_bias = nnx.Param(jnp.zeros((num_bands, dim_out)))
        std = dim_out**-0.5
        self.score = nnx.Param(std * jax.random.normal(rngs.params(), (num_bands, dim_out)))

    def __call__(self, x: Float[Array, "b n f c"]) -> tuple[Array, Array]:
        y = x.reshape(-1, x.shape[-1]) @ self.kernel[...]
        features = jax.nn.leaky_relu(y.reshape(*x.shape[:-1], -1) + self.band_bias[...], LEAK)
        return (features * self.score[...]).sum(-1), features


class SpectrumDiscriminator(nnx.Module):
    """Scores the patches of one resolution's spectrum at every level."""

    def __init__(self, size: int, width: int, rngs: nnx.Rngs) -> None:
        self.size = size
        levels, dim_in, num_bands = (
            [],
            PATCH_FRAMES * PATCH_BINS * CHANNELS,
            size // 2 // PATCH_BINS,
        )
        for level in range(NUM_LEVELS):
            levels.append(_Level(dim_in, width << level, num_bands, rngs))
            dim_in, num_bands = 4 * (width << level), num_bands // 2
        self.levels = nnx.List(levels)

    def __call__(self, wave: Float[Array, "b nw"]) -> Outputs:
        x = _first_patches(stft(wave, self.size, self.size // 4))
        outputs = []
        for number, level in enumerate(self.levels):
            outputs.append(level(_merge(x, 2, 2) if number else x))
            x = outputs[-1][1]
        return outputs


class VocoderDiscriminator(nnx.Module):
    """One pyramid per size in SIZES."""

    def __init__(self, width: int, *, rngs: nnx.Rngs) -> None:
        self.parts = nnx.List([SpectrumDiscriminator(size, width, rngs) for size in SIZES])

    def __call__(self, wave: Float[Array, "b nw"]) -> Outputs:
        return [output for part in self.parts for output in part(wave)]


def _first_patches(spectrum: Array) -> Float[Array, "b n f c"]:
    """(b, n, size / 2 + 1) complex -> patches of CHANNELS; the first bin and frame are dropped.

    Loudness in two scales, and the turn of the phase from the next lower bin and from the
    previous frame. No channel knows the absolute phase, which no mel can tell the vocoder.
    """
    soft = compressed(spectrum)
    loudness = magnitude(soft)
    here = soft[:, 1:, 1:]
    turns = [_turn(here, soft[:, 1:, :-1]), _turn(here, soft[:, :-1, 1:])]
    level = loudness[:, 1:, 1:]
    parts = [part for turn in turns for part in (turn.real, turn.imag)]
    channels = jnp.stack([level, 0.5 * jnp.log(level + 0.03) + 0.5, *parts], axis=-1)
    return _merge(channels, PATCH_FRAMES, PATCH_BINS)


def _turn(here: Array, before: Array) -> Array:
    """The angle between neighbours, with the geometric mean of their sizes as its length."""
    product = here * jnp.conj(before)
    return product / jnp.sqrt(magnitude(product) + 1e-4)


def _merge(x: Float[Array, "b n f c"], frames: int, bands: int) -> Float[Array, "b i g p"]:
    """Neighbours side by side: (b, n, f, c) -> (b, n // frames, f // bands, frames * bands * c)."""
    rows, num_frames, num_bands, _ = x.shape
    if num_frames < frames:
        raise ValueError("these crops are too short to judge: use 32 frames or more")
    x = x[:, : num_frames - num_frames % frames]
    grid = x.reshape(rows, -1, frames, num_bands // bands, bands * x.shape[-1])
    return grid.swapaxes(2, 3).reshape(rows, grid.shape[1], num_bands // bands, -1)


def real_loss(outputs: Outputs) -> Array:
    """Hinge: real patches should score above 1."""
    return jnp.asarray(sum(jax.nn.relu(1.0 - score).mean() for score, _ in outputs)) / len(outputs)


def fake_loss(outputs: Outputs) -> Array:
    """Hinge: made patches should score below -1."""
    return jnp.asarray(sum(jax.nn.relu(1.0 + score).mean() for score, _ in outputs)) / len(outputs)


def deception_loss(outputs: Outputs) -> Array:
    """What the vocoder minimises: minus the score of what it made."""
    return -jnp.asarray(sum(score.mean() for score, _ in outputs)) / len(outputs)


def feature_loss(outputs: Outputs, real: Outputs) -> Array:
    """Mean relative L1 distance of the hidden features from those of the real wave."""
    distances = [
        jnp.abs(made - true).mean() / (jnp.abs(true).mean() + 1e-4)
        for (_, made), (_, true) in zip(outputs, real, strict=True)
    ]
    return jnp.asarray(sum(distances)) / len(distances)
