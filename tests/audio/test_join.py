from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audio.join import JoinSettings, SegmentJoiner
from inference_types import NumericError
from tests.audio.waves import sine, speech_like

RATE = 24_000
UNTRIMMED = JoinSettings(max_lead_silence_s=None, max_tail_silence_s=None, edge_fade_s=0.0)


def join(
    segments: list[np.ndarray],
    config: JoinSettings | None = None,
    pauses: dict[int, int] | None = None,
) -> tuple[np.ndarray, list[int]]:
    joiner = SegmentJoiner(RATE, config)
    samples, starts = [], []
    for i, segment in enumerate(segments):
        joined = joiner.push(segment, i == len(segments) - 1, (pauses or {}).get(i, 0))
        samples.append(joined.samples)
        starts.append(joined.segment_start_sample)
    return np.concatenate(samples), starts


def largest_jump(wave: np.ndarray) -> float:
    return float(np.abs(np.diff(wave)).max())


@pytest.mark.parametrize("num_segments", [2, 3, 7])
def test_a_sine_cut_with_overlap_comes_back(num_segments: int) -> None:
    """Segments that overlap by the fade are the same signal twice: linear fades restore it."""
    whole, fade = sine(2.0), round(UNTRIMMED.crossfade_s * RATE)
    edges = np.linspace(0, len(whole), num_segments + 1).astype(int)
    segments = [whole[max(0, a - fade) : b] for a, b in zip(edges[:-1], edges[1:], strict=True)]
    joined, starts = join(segments, UNTRIMMED)
    np.testing.assert_allclose(joined, whole, atol=1e-6)
    assert starts == [max(0, int(a) - fade) for a in edges[:-1]]


@pytest.mark.parametrize("curve", ["linear", "equal_power"])
@pytest.mark.parametrize("phase", [0.0, 0.25, 0.75])
def test_unrelated_phases_join_without_a_click(curve, phase: float) -> None:
    config = JoinSettings(
        curve=curve, max_lead_silence_s=None, max_tail_silence_s=None, edge_fade_s=0.0
    )
    first = sine(0.5)
    second = sine(1.0)[round(phase * RATE / 220) :]
    joined, _ = join([first, second, first], config)
    # The fade itself moves by at most (0.3 + 0.3) * pi / 2 / 240 a sample.
    assert largest_jump(joined) <= largest_jump(first) * 1.5 + 0.6 * np.pi / 2 / 240
    without = np.concatenate([first, second, first])
    assert phase == 0.0 or largest_jump(joined) < largest_jump(without)


def test_f5_settings_do_what_the_pipeline_does() -> None:
    segments = [speech_like(1.0), speech_like(0.1), speech_like(2.0)]
    expected = segments[0]
    for segment in segments[1:]:
        n = min(3600, len(expected), len(segment))
        fall, rise = np.linspace(1, 0, n), np.linspace(0, 1, n)
        mixed = expected[-n:] * fall + segment[:n] * rise
        expected = np.concatenate([expected[:-n], mixed, segment[n:]])
    joined, _ = join(segments, JoinSettings.f5())
    np.testing.assert_allclose(joined, expected, atol=1e-6)


def test_excess_silence_goes_and_words_stay_where_they_are_said() -> None:
    rng = np.random.default_rng(0)

    def segment(lead_s: float, tail_s: float) -> tuple[np.ndarray, int]:
        """Quiet noise with a mark (one full-scale sample) 0.2 s into the sound."""
        sound = 0.2 * rng.standard_normal(RATE // 2)
        mark = round(0.2 * RATE)
        sound[mark] = 1.0
        edges = 1e-4 * rng.standard_normal(round((lead_s + tail_s) * RATE))
        lead = round(lead_s * RATE)
        return np.concatenate([edges[:lead], sound, edges[lead:]]), lead + mark

    parts = [segment(0.5, 0.6), segment(0.02, 0.9), segment(0.7, 0.1)]
    joined, starts = join([wave for wave, _ in parts])
    for (_, mark), start in zip(parts, starts, strict=True):
        assert joined[start + mark] == 1.0
    assert starts[0] < 0  # silence cut from the front of the stream
    pauses_s = 0.08 + (0.25 + 0.02 - 0.01) + (0.25 + 0.08 - 0.01) + 0.1
    assert len(joined) / RATE == pytest.approx(1.5 + pauses_s, abs=0.02)


def test_a_pause_is_silent_and_has_its_length() -> None:
    joined, starts = join([sine(0.5), sine(0.5)], UNTRIMMED, {1: 2400})
    assert len(joined) == 24_000 + 2400 and starts == [0, 12_000 + 2400]
    assert not joined[12_000:14_400].any()
    assert largest_jump(joined) <= largest_jump(sine(0.5)) * 1.1


def test_a_pause_before_the_first_segment_is_ignored() -> None:
    joined, starts = join([sine(0.5)], UNTRIMMED, {0: 2400})
    assert len(joined) == 12_000 and starts == [0]


def test_the_stream_starts_and_ends_at_zero() -> None:
    joined, _ = join([np.full(RATE, 0.5) + 0.1 * speech_like(1.0)])
    assert joined[0] == 0 and abs(joined[-1]) < 0.02


def test_a_silent_segment_becomes_a_short_pause() -> None:
    joined, starts = join([sine(0.5), np.zeros(RATE), sine(0.5)])
    assert RATE < len(joined) < 1.5 * RATE
    assert starts[2] < len(joined) - 11_000


def test_first_samples_leave_with_the_first_push() -> None:
    """Only the fade is held back: 10 ms."""
    ready = SegmentJoiner(RATE, UNTRIMMED).push(sine(1.0), is_last=False).samples
    assert len(ready) == RATE - 240


def test_finish_gives_what_was_held() -> None:
    joiner = SegmentJoiner(RATE, UNTRIMMED)
    ready = joiner.push(sine(1.0), is_last=False).samples
    np.testing.assert_array_equal(np.concatenate([ready, joiner.finish()]), sine(1.0))
    assert not len(joiner.finish())
    with pytest.raises(ValueError, match="after the last"):
        joiner.push(sine(1.0), is_last=True)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_numbers_that_are_not_finite_are_refused(bad: float) -> None:
    with pytest.raises(NumericError):
        SegmentJoiner(RATE).push(np.array([0.1, bad]), is_last=False)


@settings(max_examples=60, deadline=None)
@given(
    lengths=st.lists(st.integers(0, 3000), min_size=1, max_size=6),
    fade=st.integers(0, 1000),
    edge=st.integers(0, 500),
    trims=st.booleans(),
)
def test_any_segments_join_to_a_bounded_stream(
    lengths: list[int], fade: int, edge: int, trims: bool
) -> None:
    config = JoinSettings(
        crossfade_s=fade / RATE,
        edge_fade_s=edge / RATE,
        max_lead_silence_s=0.01 if trims else None,
        max_tail_silence_s=0.01 if trims else None,
    )
    segments = [0.9 * np.sign(sine(n / RATE)) for n in lengths]
    joined, starts = join(segments, config)
    assert np.abs(joined).max(initial=0) <= 0.9 + 1e-6
    assert len(joined) <= sum(lengths) and joined.dtype == np.float32
    assert len(starts) == len(lengths)
    again, _ = join(segments, config)
    np.testing.assert_array_equal(joined, again)


@pytest.mark.parametrize("bad", [{"crossfade_s": -1.0}, {"curve": "cubic"}, {"edge_fade_s": -0.1}])
def test_settings_are_checked(bad: dict) -> None:
    with pytest.raises(ValueError):
        JoinSettings(**bad)
