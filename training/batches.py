"""Batches for the acoustic model: a stretch of reference voice, then a stretch to be spoken.

The model learns what serving asks of it: the first frames are somebody's voice without a
transcript (filler ids), the rest is text laid out by duration. The reference comes from another
utterance of the same voice where there is one, else from the same utterance.
"""

from __future__ import annotations

import queue
import threading
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from models.duration import FILLER_ID, frame_ids, with_silences
from text.symbols import symbol_ids
from training.data import (
    DURATION_UNIT_SAMPLES,
    HOP_SAMPLES,
    SpeechData,
    Utterance,
)

MAX_QUEUED_BATCHES = 4  # a second or two of work; more would only cost memory


@dataclass(frozen=True, kw_only=True)
class Batch:
    """mel (b, n, m) log-mels, text_ids (b, n), num_ref (b,) reference frames, lengths (b,)."""

    mel: Float[np.ndarray, "b n m"]
    text_ids: Int[np.ndarray, "b n"]
    num_ref: Int[np.ndarray, " b"]
    lengths: Int[np.ndarray, " b"]


class CropSampler:
    """Draws random training rows of `num_frames` frames from prepared speech."""

    def __init__(
        self, data: SpeechData, utterances: list[Utterance], num_frames: int, seed: int
    ) -> None:
        if not utterances:
            raise ValueError("no utterances with durations to train on")
        self._data = data
        self._num_frames = num_frames
        self._rng = np.random.default_rng(seed)
        self._utterances = utterances
        seconds = np.array([u.num_frames for u in utterances], np.float64)
        self._weights = seconds / seconds.sum()
        self._by_voice: dict[str, list[Utterance]] = defaultdict(list)
        for utterance in utterances:
            self._by_voice[utterance.voice].append(utterance)
        self._ids = {u.id: _utterance_ids(u) for u in utterances}

    def batch(self, num_rows: int) -> Batch:
        """`num_rows` random rows, utterances drawn in proportion to their length."""
        chosen = self._rng.choice(len(self._utterances), num_rows, p=self._weights)
        rows = [self._row(self._utterances[i]) for i in chosen]
        mel, ids, num_ref, lengths = zip(*rows, strict=True)
        return Batch(
            mel=np.stack(mel),
            text_ids=np.stack(ids),
            num_ref=np.asarray(num_ref, np.int32),
            lengths=np.asarray(lengths, np.int32),
        )

    def _row(self, target: Utterance) -> tuple[np.ndarray, np.ndarray, int, int]:
        rng, total = self._rng, self._num_frames
        wanted_ref = int(total * rng.uniform(0.2, 0.4))
        num_new = min(target.num_frames, total - wanted_ref)
        start = int(rng.integers(0, target.num_frames - num_new + 1))
        reference = self._reference(target)
        num_ref = min(total - num_new, reference.num_frames)
        ref_start = int(rng.integers(0, reference.num_frames - num_ref + 1))
        mel = np.zeros((total, self._data.mel(target, 0, 1).shape[1]), np.float32)
        ids = np.full((total,), FILLER_ID, np.int32)
        mel[:num_ref] = self._data.mel(reference, ref_start, num_ref)
        mel[num_ref : num_ref + num_new] = self._data.mel(target, start, num_new)
        ids[num_ref : num_ref + num_new] = self._ids[target.id][start : start + num_new]
        return mel, ids, num_ref, num_ref + num_new

    def _reference(self, target: Utterance) -> Utterance:
        others = self._by_voice[target.voice]
        return others[int(self._rng.integers(len(others)))]


def _utterance_ids(utterance: Utterance) -> Int[np.ndarray, " n"]:
    assert utterance.phonemes is not None and utterance.durations is not None
    ids = with_silences(symbol_ids(utterance.phonemes))
    samples = np.asarray(utterance.durations) * DURATION_UNIT_SAMPLES
    return frame_ids(ids, samples, utterance.num_frames, HOP_SAMPLES)


def prefetched(sampler: CropSampler, num_rows: int) -> Iterator[Batch]:
    """Endless batches, made one thread ahead of the device."""
    batches: queue.Queue[Batch] = queue.Queue(MAX_QUEUED_BATCHES)

    def fill() -> None:
        while True:
            batches.put(sampler.batch(num_rows))

    threading.Thread(target=fill, name="batches-0", daemon=True).start()
    while True:
        yield batches.get()
