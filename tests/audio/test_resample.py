from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audio.resample import resample, resample_torchaudio
from tests.audio.waves import sine, speech_like
from tests.golden.audio_cases import RESAMPLE_RATES, resample_input

GOLDENS = Path(__file__).parents[1] / "golden" / "audio" / "resample.npz"


def slow_sample(wave: np.ndarray, from_rate: int, to_rate: int, n: int) -> float:
    """Output sample n of the windowed sinc, summed over every input sample."""
    lower = min(from_rate, to_rate) * 0.99
    t = (np.arange(len(wave)) / from_rate - n / to_rate) * lower
    inside = np.abs(t) < 6
    window = np.cos(np.pi * t / 12) ** 2
    return float((wave * np.sinc(t) * window * inside).sum() * lower / from_rate)


@pytest.mark.parametrize("from_rate", [8_000, 11_025, 16_000, 22_050, 44_100, 48_000, 23_999])
def test_torchaudio_filter_matches_the_formula(from_rate: int) -> None:
    wave = speech_like(0.2, from_rate)
    ours = resample_torchaudio(wave, from_rate, 24_000)
    assert ours.dtype == np.float32
    assert len(ours) == math.ceil(24_000 * len(wave) / from_rate)
    for n in (0, 1, 5, len(ours) // 2, len(ours) - 2, len(ours) - 1):
        assert ours[n] == pytest.approx(slow_sample(wave, from_rate, 24_000, n), abs=2e-5)


@pytest.mark.parametrize("rate", RESAMPLE_RATES)
def test_torchaudio_filter_matches_torchaudio(rate: int) -> None:
    with np.load(GOLDENS) as goldens:
        expected = goldens[f"rate.{rate}"]
    ours = resample_torchaudio(resample_input(rate), rate, 24_000)
    np.testing.assert_allclose(ours, expected, atol=1e-4)


def test_rates_without_a_common_divisor_cost_no_gigabytes() -> None:
    """torchaudio would build a filter of 24000 x 44125 taps (4 GiB) here."""
    wave = sine(1.0, sample_rate=44_101)
    ours = resample_torchaudio(wave, 44_101, 24_000)
    np.testing.assert_allclose(ours[200:-200], sine(1.0)[200:-200], atol=2e-3)


@pytest.mark.parametrize("from_rate", [8_000, 16_000, 44_100, 48_000, 192_000])
@pytest.mark.parametrize("quality", ["HQ", "VHQ"])
def test_soxr_keeps_a_tone(from_rate: int, quality) -> None:
    ours = resample(sine(1.0, sample_rate=from_rate), from_rate, 24_000, quality)
    assert ours.dtype == np.float32 and abs(len(ours) - 24_000) <= 1
    np.testing.assert_allclose(ours[500:23_500], sine(1.0)[500:23_500], atol=1e-4)


def test_soxr_drops_what_the_lower_rate_cannot_hold() -> None:
    ours = resample(sine(1.0, hz=15_000, sample_rate=48_000), 48_000, 24_000)
    assert np.abs(ours[500:-500]).max() < 1e-4  # -70 dB


@pytest.mark.parametrize("method", [resample, resample_torchaudio])
def test_equal_rates_change_nothing(method) -> None:
    wave = speech_like(0.1)
    np.testing.assert_array_equal(method(wave, 24_000, 24_000), wave)


@pytest.mark.parametrize("method", [resample, resample_torchaudio])
def test_rates_must_be_positive(method) -> None:
    with pytest.raises(ValueError, match="positive"):
        method(speech_like(0.1), 0, 24_000)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 400), st.integers(1, 97), st.integers(1, 97))
def test_torchaudio_length_is_exact(num_samples: int, from_rate: int, to_rate: int) -> None:
    ours = resample_torchaudio(np.ones(num_samples), from_rate, to_rate)
    assert len(ours) == math.ceil(to_rate * num_samples / from_rate)
    assert np.isfinite(ours).all()
