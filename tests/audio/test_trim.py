from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audio.trim import find_sound, trim_reference
from tests.audio.waves import sine, speech_like

RATE = 24_000


def padded(sound: np.ndarray, before_s: float, after_s: float) -> np.ndarray:
    noise = 1e-4 * np.random.default_rng(3).standard_normal(round((before_s + after_s) * RATE))
    before = round(before_s * RATE)
    return np.concatenate([noise[:before], sound, noise[before:]]).astype(np.float32)


def test_sound_is_found_between_silent_edges() -> None:
    wave = padded(sine(1.0), 0.5, 0.7)
    assert find_sound(wave, 240) == (12_000, 36_000)
    assert find_sound(np.zeros(1000), 240) == (0, 0)
    assert find_sound(np.full(1000, 0.3), 240) == (0, 0)  # an offset is no sound
    assert find_sound(np.zeros(0), 240) == (0, 0)


def test_edges_are_cut_to_a_margin_and_silence_is_appended() -> None:
    trimmed = trim_reference(padded(sine(1.0), 0.5, 0.7), RATE, max_s=5.0)
    assert trimmed.dtype == np.float32
    assert len(trimmed) == RATE + 3 * round(0.05 * RATE)
    assert not trimmed[-1200:].any() and trimmed[-1500] != 0


@pytest.mark.parametrize("level", [0.3, 0.003])
def test_quiet_voices_keep_as_much_as_loud_ones(level: float) -> None:
    wave = padded(sine(1.0), 0.5, 0.7) * np.float32(level / 0.3)
    assert len(trim_reference(wave, RATE, max_s=5.0)) == RATE + 3600


def test_long_clips_are_cut_in_a_pause() -> None:
    wave = np.concatenate([sine(2.4), np.zeros(2400, np.float32), sine(2.4)])
    trimmed = trim_reference(wave, RATE, max_s=3.0)
    cut_s = (len(trimmed) - 1200) / RATE
    assert 2.4 <= cut_s <= 2.5
    assert np.abs(trimmed[round(2.41 * RATE) :]).max() < 1e-6


@settings(max_examples=50, deadline=None)
@given(st.floats(0.2, 8.0), st.floats(0.1, 6.0), st.sampled_from([8_000, 24_000, 44_100]))
def test_the_result_never_exceeds_the_limit(duration_s: float, max_s: float, rate: int) -> None:
    trimmed = trim_reference(speech_like(duration_s, rate), rate, max_s)
    assert 0 < len(trimmed) <= max_s * rate
    assert np.abs(np.diff(trimmed[-2400:])).max(initial=0) < 2.0
    assert trimmed[0] == 0 or len(trimmed) < 100


def test_a_limit_that_leaves_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match=r"at least 0\.1"):
        trim_reference(sine(1.0), RATE, max_s=0.06)


def test_the_input_stays_as_it_was() -> None:
    wave = sine(1.0)
    trim_reference(wave, RATE, max_s=0.5)
    np.testing.assert_array_equal(wave, sine(1.0))
