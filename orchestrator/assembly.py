"""Segment waveforms become PCM chunks in the order of the text; no threads."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from audio.pcm import pcm_bytes, to_pcm16
from inference_types import AudioChunk, SegmentPlan, WordSpan


class Joiner(Protocol):
    """Lays the segments of one stream together (audio.join.SegmentJoiner)."""

    def push(self, segment_wave: np.ndarray, is_last: bool, /) -> tuple[np.ndarray, int]:
        """Float32 (nw,) in -> (samples now final (nw',), stream sample where it starts)."""
        ...


JoinerFactory = Callable[[], Joiner]


@dataclass(frozen=True, kw_only=True)
class AudioTotals:
    """What was made so far, for the summary."""

    num_chunks: int
    num_samples: int
    pcm_sha256: str


class Assembler:
    """Segment waves in any order in, chunks in the order of the text out.

    A chunk carries the words that start before its end and were not carried yet. What the
    joiner keeps back for a cross-fade comes with the next segment.
    """

    def __init__(self, joiner: Joiner, chunk_samples: int) -> None:
        self._joiner = joiner
        self._chunk_samples = chunk_samples
        self._arrived: dict[int, tuple[SegmentPlan, bool, np.ndarray]] = {}
        self._words: list[WordSpan] = []
        self._next_segment = 0
        self._num_chunks = 0
        self._num_samples = 0
        self._digest = hashlib.sha256()

    @property
    def totals(self) -> AudioTotals:
        return AudioTotals(
            num_chunks=self._num_chunks,
            num_samples=self._num_samples,
            pcm_sha256=self._digest.hexdigest(),
        )

    def add(self, plan: SegmentPlan, wave: np.ndarray, is_last: bool) -> None:
        """Float32 (nw,) of one segment, in any order."""
        self._arrived[plan.segment_index] = (plan, is_last, wave)

    def next_segment(self) -> tuple[int, list[AudioChunk]] | None:
        """(segment index, chunks it completes) in order; None while it has not arrived."""
        entry = self._arrived.pop(self._next_segment, None)
        if entry is None:
            return None
        plan, is_last, wave = entry
        self._next_segment += 1
        ready, start = self._joiner.push(wave, is_last)
        # The joiner trims trailing silence: no word may outlast the sound that is left.
        end = self._num_samples + len(ready) if is_last else None
        self._words = [_clamped(word, end) for word in self._words]
        self._words += [_clamped(_shifted(word, start), end) for word in plan.words]
        return plan.segment_index, self._cut(to_pcm16(ready), plan, is_last)

    def _cut(self, pcm: np.ndarray, plan: SegmentPlan, is_last: bool) -> list[AudioChunk]:
        """Chunks of at most chunk_samples; a last segment yields one even without samples."""
        starts = range(0, len(pcm), self._chunk_samples) or (range(1) if is_last else ())
        return [
            self._chunk(
                pcm[at : at + self._chunk_samples],
                plan,
                is_final=is_last and at + self._chunk_samples >= len(pcm),
            )
            for at in starts
        ]

    def _chunk(self, pcm: np.ndarray, plan: SegmentPlan, is_final: bool) -> AudioChunk:
        start = self._num_samples
        self._num_samples += len(pcm)
        self._digest.update(pcm_bytes(pcm))
        self._num_chunks += 1
        return AudioChunk(
            chunk_index=self._num_chunks - 1,
            start_sample=start,
            pcm=pcm,
            segment_index=plan.segment_index,
            words=self._take_words(is_final),
            are_words_exact=plan.are_words_exact,
            is_final=is_final,
        )

    def _take_words(self, is_final: bool) -> tuple[WordSpan, ...]:
        end = self._num_samples
        taken = [word for word in self._words if is_final or word.start_sample < end]
        self._words = [word for word in self._words if not is_final and word.start_sample >= end]
        return tuple(taken)


def _shifted(word: WordSpan, samples: int) -> WordSpan:
    """The word in stream samples; silence cut from the front may not push it before 0."""
    start = max(0, word.start_sample + samples)
    return replace(word, start_sample=start, end_sample=max(start, word.end_sample + samples))


def _clamped(word: WordSpan, end: int | None) -> WordSpan:
    if end is None or word.end_sample <= end:
        return word
    return replace(word, start_sample=min(word.start_sample, end), end_sample=end)
