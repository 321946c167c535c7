"""Reconstruction losses of the vocoder: spectra at several resolutions, mel, and phase.

Axis legend: b batch, n frames, f spectrum bins, nw wave samples. All means are over every axis,
so a loss does not depend on batch or crop size. Phase losses follow the anti-wrapping idea of
APNet (arXiv 2305.07952): differences of phase count modulo 2 pi, for the phase itself, along
frequency (group delay) and along time (instantaneous frequency).
"""

from __future__ import annotations

from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Float

from models.vocos.modeling import hann_window

STFT_SIZES = (256, 512, 1024, 2048)
MEL_FLOOR = 1e-5
MAGNITUDE_FLOOR = 1e-3
COMPRESSION = 0.3


@dataclass(frozen=True, kw_only=True)
class LossWeights:
    """Weight of each term in the total."""

    mel: float = 5.0
    convergence: float = 0.5
    log_magnitude: float = 1.0
    head_magnitude: float = 1.0
    compressed: float = 1.0
    phase: float = 0.5
    group_delay: float = 1.0
    frequency: float = 1.0
    wave: float = 1.0


def stft(wave: Float[Array, "b nw"], size: int, hop: int) -> Array:
    """Complex (b, n, f) of whole windows only, periodic Hann; `hop` must divide `size`."""
    rows, parts = wave.shape[0], size // hop
    num_frames = wave.shape[1] // hop - parts + 1
    blocks = wave[:, : (num_frames + parts - 1) * hop].reshape(rows, -1, hop)
    frames = jnp.concatenate([blocks[:, i : i + num_frames] for i in range(parts)], axis=-1)
    return jnp.fft.rfft(frames * hann_window(size), axis=-1)


def magnitude(spectrum: Array) -> Float[Array, "b n f"]:
    """Absolute value whose gradient stays finite at zero."""
    return jnp.sqrt(jnp.square(spectrum.real) + jnp.square(spectrum.imag) + 1e-12)


def log_mel(magnitudes: Float[Array, "b n f"], filters: Float[Array, "f m"]) -> Array:
    """Natural-log mel of 1024-sample magnitudes (specs: f5-tts 4.1)."""
    return jnp.log(jnp.maximum(magnitudes @ filters, MEL_FLOOR))


def resolution_losses(
    predicted: Float[Array, "b nw"], target: Float[Array, "b nw"]
) -> tuple[Array, Array]:
    """(spectral convergence, log-magnitude L1), averaged over STFT_SIZES with hop size / 4."""
    convergence, log_magnitude = jnp.zeros(()), jnp.zeros(())
    for size in STFT_SIZES:
        p, t = (magnitude(stft(wave, size, size // 4)) for wave in (predicted, target))
        error = jnp.sqrt(jnp.square(p - t).sum((1, 2)) + 1e-9)
        energy = jnp.sqrt(jnp.square(t).sum((1, 2)) + 1e-2 * t.shape[1])
        convergence += (error / energy).mean()
        log_p, log_t = (jnp.log(jnp.maximum(x, MAGNITUDE_FLOOR)) for x in (p, t))
        log_magnitude += jnp.abs(log_p - log_t).mean()
    return convergence / len(STFT_SIZES), log_magnitude / len(STFT_SIZES)


def _unwrapped(x: Array) -> Array:
    """|x| modulo 2 pi, in [0, pi]."""
    return jnp.abs(x - 2 * jnp.pi * jnp.round(x / (2 * jnp.pi)))


def phase_losses(phase: Float[Array, "b n f"], target: Array) -> tuple[Array, Array, Array]:
    """(phase, group delay, frequency) of predicted angles against a complex (b, n, f).

    Each bin counts by its compressed magnitude, because the phase of near silence is noise.
    """
    weight = magnitude(target) ** COMPRESSION
    weight = jax.lax.stop_gradient(weight / (weight.mean((1, 2), keepdims=True) + 1e-2))
    error = phase - jnp.angle(target)
    delay, frequency = jnp.diff(error, axis=2), jnp.diff(error, axis=1)
    return (
        (_unwrapped(error) * weight).mean(),
        (_unwrapped(delay) * jnp.sqrt(weight[:, :, 1:] * weight[:, :, :-1])).mean(),
        (_unwrapped(frequency) * jnp.sqrt(weight[:, 1:] * weight[:, :-1])).mean(),
    )


def compressed(spectrum: Array) -> Array:
    """Complex spectrum with its magnitude to the power 0.3, nearer to how loud it sounds."""
    # exp of log: XLA:CPU has no vector form of a general power.
    return spectrum * jnp.exp((COMPRESSION - 1.0) * jnp.log(magnitude(spectrum) + 1e-4))


def weighted_total(terms: dict[str, Array], weights: LossWeights) -> Array:
    """Sum of terms times the weight of the same name."""
    return jnp.asarray(sum(getattr(weights, name) * value for name, value in terms.items()))


def reconstruction_terms(
    outputs: tuple[Array, Array, Array],
    target_wave: Float[Array, "b nw"],
    target_spectrum: Array,
    filters: Float[Array, "f m"],
) -> dict[str, Array]:
    """Every term of LossWeights for (log-magnitude, phase, wave) of the network.

    `target_spectrum` is the centred STFT of the same n frames the network saw; the waves are
    the (n - 1) * hop samples between the first and the last frame's centre.
    """
    log_mag, phase, wave = outputs
    convergence, log_magnitude = resolution_losses(wave, target_wave)
    size = 2 * (target_spectrum.shape[-1] - 1)
    p, t = (stft(x, size, size // 4) for x in (wave, target_wave))
    log_target = jnp.log(jnp.maximum(magnitude(target_spectrum), MAGNITUDE_FLOOR))
    in_phase, delay, frequency = phase_losses(phase, target_spectrum)
    return {
        "mel": jnp.abs(log_mel(magnitude(p), filters) - log_mel(magnitude(t), filters)).mean(),
        "convergence": convergence,
        "log_magnitude": log_magnitude,
        "head_magnitude": jnp.abs(
            jnp.maximum(log_mag, jnp.log(MAGNITUDE_FLOOR)) - log_target
        ).mean(),
        "compressed": magnitude(compressed(p) - compressed(t)).mean(),
        "phase": in_phase,
        "group_delay": delay,
        "frequency": frequency,
        "wave": jnp.abs(wave - target_wave).mean(),
    }
