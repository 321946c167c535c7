"""The F5 pipeline's trimming of a reference (specs: f5-tts 7.1), restated on numpy.

The original works in pydub's units, whole milliseconds and 16-bit numbers, and its rounding is
kept here because the cut decides the length of everything generated. Two differences: we hear
the mono mix where pydub measures interleaved channels, and clips below 11025 Hz are not
resampled up on the way.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

Span = tuple[int, int]  # milliseconds, end exclusive

_FULL_SCALE = 32_768
_STEP_MS = 10
_KEEP_MS = 1_000
_ENOUGH_MS = 6_000
_MAX_MS = 12_000
_EDGE_WINDOW_MS = 10
_EDGE_DBFS = -42.0
_TAIL_MS = 50
# (shortest silence in ms, its level in dBFS): the second pass also splits at short pauses.
_PASSES = ((1_000, -50.0), (100, -40.0))


@dataclass(frozen=True, eq=False)
class _Clip:
    """16-bit samples that are cut in milliseconds."""

    samples: np.ndarray
    sample_rate: int

    @property
    def duration_ms(self) -> int:
        return round(1000 * len(self.samples) / self.sample_rate)

    def at_ms(self, position_ms: np.ndarray | int) -> np.ndarray:
        """Sample index of a position: up to half a millisecond past the end, as the last
        millisecond is a whole one however few samples it has.
        """
        clamped = np.minimum(position_ms, self.duration_ms)
        return (clamped * (self.sample_rate / 1000)).astype(np.int64)

    def cut(self, start_ms: int, end_ms: int) -> _Clip:
        start, end = int(self.at_ms(start_ms)), int(self.at_ms(end_ms))
        missing = np.zeros(max(0, end - len(self.samples)), self.samples.dtype)
        return _Clip(np.concatenate([self.samples[start:end], missing]), self.sample_rate)

    def window_rms(self, starts_ms: np.ndarray, window_ms: int) -> np.ndarray:
        """Whole-number RMS of the windows at `starts_ms`, as a 16-bit tool counts it."""
        start, end = self.at_ms(starts_ms), self.at_ms(starts_ms + window_ms)
        energy = np.concatenate([[0], np.cumsum(np.square(self.samples, dtype=np.int64))])
        sums = energy[np.minimum(end, len(self.samples))] - energy[start]
        return np.floor(np.sqrt(sums // np.maximum(end - start, 1)))


def trim_f5_reference(samples: np.ndarray, sample_rate: int) -> np.ndarray:
    """(nw,) in [-1, 1] -> float32 (about 12 s at most,): what F5 keeps of a reference clip.

    Long silences go, then short ones if the clip is still over 12 s, then a hard cut; edges
    below -42 dBFS go and 50 ms of silence are added. A silent clip leaves the 50 ms alone.
    """
    scaled = np.rint(np.asarray(samples, np.float64) * _FULL_SCALE)
    pcm = np.clip(scaled, -_FULL_SCALE, _FULL_SCALE - 1).astype(np.int32)
    clip = _trim_edges(_shorten(_Clip(pcm, sample_rate)))
    tail = np.zeros(int(_TAIL_MS * sample_rate / 1000), np.float32)
    return np.concatenate([(clip.samples / _FULL_SCALE).astype(np.float32), tail])


def _shorten(clip: _Clip) -> _Clip:
    kept = clip
    for silence_ms, level_dbfs in _PASSES:
        kept = _join_until_enough(clip, _split_on_silence(clip, silence_ms, level_dbfs))
        if kept.duration_ms <= _MAX_MS:
            return kept
    return kept.cut(0, _MAX_MS)


def _join_until_enough(clip: _Clip, spans: list[Span]) -> _Clip:
    """Pieces in order, up to the one that would take a clip of over 6 s past 12 s."""
    joined = _Clip(clip.samples[:0], clip.sample_rate)
    for span in spans:
        longer = np.concatenate([joined.samples, clip.cut(*span).samples])
        candidate = _Clip(longer, clip.sample_rate)
        if joined.duration_ms > _ENOUGH_MS and candidate.duration_ms > _MAX_MS:
            break
        joined = candidate
    return joined


def _split_on_silence(clip: _Clip, silence_ms: int, level_dbfs: float) -> list[Span]:
    """Sounding spans, each widened by a second; overlapping neighbours meet half way."""
    silences = _merge_starts(_silent_starts(clip, silence_ms, level_dbfs), silence_ms)
    spans = [[start - _KEEP_MS, end + _KEEP_MS] for start, end in _between(silences, clip)]
    for left, right in pairwise(spans):
        if right[0] < left[1]:
            left[1] = right[0] = (left[1] + right[0]) // 2
    return [(max(start, 0), min(end, clip.duration_ms)) for start, end in spans]


def _silent_starts(clip: _Clip, silence_ms: int, level_dbfs: float) -> list[int]:
    """Where a window of `silence_ms` is at or below the level, tried every 10 ms and at the end."""
    last = clip.duration_ms - silence_ms
    if last < 0:
        return []
    starts = np.unique(np.append(np.arange(0, last + 1, _STEP_MS), last))
    threshold = 10 ** (level_dbfs / 20) * _FULL_SCALE
    return starts[clip.window_rms(starts, silence_ms) <= threshold].tolist()


def _merge_starts(starts: list[int], silence_ms: int) -> list[Span]:
    """Windows that overlap, touch or follow in one step become one span."""
    spans: list[Span] = []
    reach_ms = max(silence_ms, _STEP_MS)
    for start in starts:
        if spans and start - (spans[-1][1] - silence_ms) <= reach_ms:
            spans[-1] = (spans[-1][0], start + silence_ms)
        else:
            spans.append((start, start + silence_ms))
    return spans


def _between(silences: list[Span], clip: _Clip) -> list[Span]:
    edges = [0, *(edge for span in silences for edge in span), clip.duration_ms]
    sounding = list(zip(edges[::2], edges[1::2], strict=True))
    # An empty first or last piece means the clip starts or ends in silence.
    return [span for span in sounding if span[0] < span[1]]


def _trim_edges(clip: _Clip) -> _Clip:
    start_ms = _leading_silence_ms(clip)
    clip = clip.cut(start_ms, clip.duration_ms)
    reverse = _Clip(clip.samples[::-1], clip.sample_rate)
    return clip.cut(0, clip.duration_ms - _leading_silence_ms(reverse))


def _leading_silence_ms(clip: _Clip) -> int:
    starts = np.arange(0, clip.duration_ms, _EDGE_WINDOW_MS)
    threshold = 10 ** (_EDGE_DBFS / 20) * _FULL_SCALE
    loud = np.flatnonzero(clip.window_rms(starts, _EDGE_WINDOW_MS) >= threshold)
    return int(starts[loud[0]]) if len(loud) else clip.duration_ms
