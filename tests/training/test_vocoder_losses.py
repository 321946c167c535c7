"""What the losses measure, on signals whose answer is known."""

import jax
import jax.numpy as jnp
import numpy as np

from audio.mel import htk_filters
from audio.mel import log_mel as numpy_log_mel
from training.vocoder_losses import (
    log_mel,
    magnitude,
    phase_losses,
    reconstruction_terms,
    resolution_losses,
    stft,
)

WAVE = 0.1 * np.random.default_rng(0).normal(size=(2, 9 * 256 + 1024)).astype(np.float32)


def test_stft_is_the_front_end_of_the_model() -> None:
    ours = log_mel(magnitude(stft(jnp.asarray(WAVE), 1024, 256)), jnp.asarray(htk_filters()))
    theirs = numpy_log_mel(WAVE[0])  # its frame 2 is the first that sees no padding
    assert ours.shape == (2, 10, 100)
    np.testing.assert_allclose(ours[0], theirs[2:12], atol=1e-4)


def test_everything_is_zero_for_a_perfect_copy() -> None:
    spectrum = stft(jnp.asarray(WAVE), 1024, 256)
    inner = jnp.asarray(WAVE[:, 512:-512])
    outputs = jnp.log(magnitude(spectrum)), jnp.angle(spectrum), inner
    terms = reconstruction_terms(outputs, inner, spectrum, jnp.asarray(htk_filters()))
    for name, value in terms.items():
        assert float(value) < 2e-3, name


def test_phase_losses_ignore_whole_turns_and_delay_ignores_a_shift() -> None:
    spectrum = stft(jnp.asarray(WAVE), 1024, 256)
    angle = jnp.angle(spectrum)
    turned = phase_losses(angle + 2 * jnp.pi * jnp.arange(513), spectrum)
    np.testing.assert_allclose(turned, 0.0, atol=1e-3)
    shifted, delay, frequency = phase_losses(angle + 1.0, spectrum)
    assert shifted > 0.9 and delay < 1e-4 and frequency < 1e-4


def test_half_the_loudness_costs_log_two() -> None:
    wave = jnp.asarray(WAVE)
    convergence, log_magnitude = resolution_losses(0.5 * wave, wave)
    assert 0.4 < convergence < 0.5
    np.testing.assert_allclose(log_magnitude, np.log(2), rtol=0.02)


def test_gradients_are_finite_in_silence() -> None:
    silence = jnp.zeros((1, 8 * 256))

    def loss(wave: jax.Array) -> jax.Array:
        return sum(resolution_losses(wave, silence), jnp.zeros(()))

    assert jnp.isfinite(jax.grad(loss)(silence)).all()
