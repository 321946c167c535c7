"""Expected cuts are worked out by hand from specs: f5-tts 7.1.

The module was also compared with pydub 0.25.1 on 60 random clips (6 rates, up to 32 s, bursts at
five levels): every sample equal. pydub itself is not a dependency.
"""

from __future__ import annotations

import numpy as np
import pytest

from audio.f5_trim import trim_f5_reference
from tests.audio.waves import sine

RATE = 16_000
TAIL_S = 0.05


def tone(duration_s: float) -> np.ndarray:
    return sine(duration_s, sample_rate=RATE)


def silence(duration_s: float) -> np.ndarray:
    return np.zeros(round(duration_s * RATE), np.float32)


def kept_s(*parts: np.ndarray) -> float:
    return len(trim_f5_reference(np.concatenate(parts), RATE)) / RATE


def test_a_short_clip_keeps_its_16_bit_samples() -> None:
    clip = np.rint(tone(2.0) * 32_768) / np.float32(32_768)
    trimmed = trim_f5_reference(clip, RATE)
    np.testing.assert_array_equal(trimmed[: len(clip)], clip)
    assert not trimmed[len(clip) :].any() and len(trimmed) == len(clip) + TAIL_S * RATE


def test_edges_lose_silence_in_steps_of_10_ms() -> None:
    # 10 ms windows from the front and from the back: the tone's own edges stay.
    assert kept_s(silence(0.325), tone(1.0), silence(0.43)) == pytest.approx(
        1.01 + TAIL_S, abs=0.01
    )


def test_a_long_pause_shrinks_to_a_second_on_each_side() -> None:
    # 4 s of pause leave 1 s kept after the first and 1 s before the second tone.
    assert kept_s(tone(2.0), silence(4.0), tone(2.0)) == pytest.approx(6.0 + TAIL_S, abs=0.02)


def test_a_pause_under_a_second_stays() -> None:
    assert kept_s(tone(2.0), silence(0.9), tone(2.0)) == pytest.approx(4.9 + TAIL_S, abs=0.001)


def test_pieces_stop_before_twelve_seconds() -> None:
    # 7 + 1 s are enough (over 6 s) and 7 + 2 + 5 would pass 12 s: only the first piece stays.
    assert kept_s(tone(7.0), silence(3.0), tone(5.0)) == pytest.approx(7.0 + TAIL_S, abs=0.02)


def test_short_pauses_are_used_when_long_ones_do_not_suffice() -> None:
    # No 1 s pause: pass 1 keeps 14.2 s. Pass 2 splits at 0.2 s, its halves meet in the middle.
    assert kept_s(tone(8.0), silence(0.2), tone(6.0)) == pytest.approx(8.0 + TAIL_S, abs=0.02)


def test_without_any_pause_the_cut_is_hard() -> None:
    assert kept_s(tone(20.0)) == pytest.approx(12.0 + TAIL_S, abs=0.011)


def test_silence_leaves_the_tail_alone() -> None:
    assert kept_s(silence(3.0)) == TAIL_S


def test_values_beyond_full_scale_do_not_wrap() -> None:
    trimmed = trim_f5_reference(np.full(RATE, 1.5, np.float32), RATE)
    assert trimmed[: RATE - 1].min() > 0.999
