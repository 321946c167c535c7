from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pytest

from audio.mel import (
    bigvgan_log_mel,
    htk_filters,
    log_mel,
    num_mel_frames,
    periodic_hann,
    slaney_filters,
)
from tests.audio.waves import speech_like
from tests.golden.audio_cases import MEL_SAMPLES, seeded_wave

GOLDENS = Path(__file__).parents[1] / "golden" / "audio" / "mel.npz"


def slow_magnitudes(wave: np.ndarray, pad: int, frame: int) -> np.ndarray:
    """One frame's 513 magnitudes, from the definition of the Fourier transform."""
    x = wave.astype(np.float64)
    # Reflection without repeating the border sample, index by index.
    period = 2 * (len(x) - 1)
    index = np.abs((np.arange(frame * 256, frame * 256 + 1024) - pad) % period)
    index = np.where(index >= len(x), period - index, index)
    n = np.arange(1024)
    windowed = x[index] * np.sin(np.pi * n / 1024) ** 2
    k = np.arange(513)[:, None]
    return np.abs((windowed * np.exp(-2j * np.pi * k * n / 1024)).sum(axis=1))


@cache
def slow_htk_filters() -> np.ndarray:
    return np.stack([slow_htk_filter(band) for band in range(100)], axis=1)


def slow_htk_filter(band: int) -> np.ndarray:
    """One band's weights of the 513 bins, straight from 2595 log10(1 + f / 700)."""
    top = 2595 * np.log10(1 + 12_000 / 700)
    low, peak, high = (700 * (10 ** (top * (band + i) / 101 / 2595) - 1) for i in range(3))
    weights = np.zeros(513)
    for k in range(513):
        hz = 12_000 * k / 512
        if low < hz <= peak:
            weights[k] = (hz - low) / (peak - low)
        elif peak < hz < high:
            weights[k] = (high - hz) / (high - peak)
    return weights


@pytest.mark.parametrize("num_samples", [513, 1024, 7680, 7681, 8191])
def test_vocos_mel_matches_the_formula(num_samples: int) -> None:
    wave = seeded_wave("formula", num_samples)
    mel = log_mel(wave)
    assert mel.dtype == np.float32
    assert mel.shape == (num_samples // 256 + 1, 100) == (num_mel_frames(num_samples), 100)
    filters = slow_htk_filters()
    for frame in {0, 1, len(mel) // 2, len(mel) - 1}:
        expected = np.log(np.maximum(slow_magnitudes(wave, 512, frame) @ filters, 1e-5))
        np.testing.assert_allclose(mel[frame], expected, atol=1e-4)


def test_bigvgan_mel_matches_the_formula() -> None:
    wave = seeded_wave("formula", 5000)
    mel = bigvgan_log_mel(wave)
    assert mel.shape == (5000 // 256, 100)
    for frame in (0, 7, len(mel) - 1):
        magnitudes = np.sqrt(slow_magnitudes(wave, 384, frame) ** 2 + 1e-9)
        expected = np.log(np.maximum(magnitudes @ slaney_filters(), 1e-5))
        np.testing.assert_allclose(mel[frame], expected, atol=1e-4)


@pytest.mark.parametrize("num_samples", MEL_SAMPLES)
@pytest.mark.parametrize(("name", "front_end"), [("vocos", log_mel), ("bigvgan", bigvgan_log_mel)])
def test_mel_matches_the_torch_reference(num_samples: int, name: str, front_end) -> None:
    wave = seeded_wave("mel", num_samples)
    with np.load(GOLDENS) as goldens:
        np.testing.assert_allclose(front_end(wave), goldens[f"{name}.{num_samples}"], atol=1e-4)


def test_every_band_hears_something() -> None:
    for filters in (htk_filters(), slaney_filters()):
        assert filters.shape == (513, 100) and filters.dtype == np.float32
        assert (filters > 0).any(axis=0).all() and filters.min() == 0
    assert htk_filters().max() <= 1
    # Unit area: height 2 / width, so each triangle sums to about one bin width^-1.
    np.testing.assert_allclose(slaney_filters().sum(axis=0) * 12_000 / 512, 1, atol=0.15)


def test_slaney_bands_are_linear_then_logarithmic() -> None:
    peaks_hz = slaney_filters().argmax(axis=0) * 12_000 / 512
    gaps = np.diff(peaks_hz)
    assert gaps[:25].max() - gaps[:25].min() <= 24  # one bin
    assert np.corrcoef(np.log(peaks_hz[40:]), np.arange(60))[0, 1] > 0.9999


def test_the_window_is_periodic() -> None:
    window = periodic_hann(8)
    assert window[0] == 0 and window[4] == 1 and window[1] == pytest.approx(window[7])
    np.testing.assert_allclose(window + np.roll(window, 4), 1)


def test_silence_is_at_the_floor() -> None:
    np.testing.assert_array_equal(log_mel(np.zeros(1000, np.float32)), np.float32(np.log(1e-5)))


def test_long_waves_equal_their_parts() -> None:
    """Work is done in blocks of frames; the seams must not show."""
    wave = speech_like(30.0)
    mel = log_mel(wave)
    part = log_mel(wave[256 * 1000 : 256 * 1100])
    np.testing.assert_allclose(mel[1004:1096], part[4:96], atol=1e-5)


@pytest.mark.parametrize("wave", [np.zeros(512), np.zeros(0), np.zeros((2, 2000))])
def test_waves_that_cannot_be_reflected_are_refused(wave: np.ndarray) -> None:
    with pytest.raises(ValueError, match="513"):
        log_mel(wave)
