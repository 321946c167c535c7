"""Batches for the acoustic model: a stretch of reference voice, then a stretch to be spoken.

The model learns what serving asks of it: the first frames are somebody's voice without a
transcript (filler ids), the rest is text laid out by duration. The reference comes from another
utterance of the same voice where there is one, else from the same utterance.
"""

from __future__ import annotations

import itertools
from collections import defaultdict, deque
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from models.duration import FILLER_ID, frame_ids, with_silences
from text.symbols import symbol_ids
from training.data import DURATION_UNIT_SAMPLES, HOP_SAMPLES, MEL_DIM, SpeechData, Utterance

SHORT_FRAMES = 235  # 2.5 s
MAX_QUEUED_BATCHES = 4  # a second or two of work; more would only cost memory


@dataclass(frozen=True, kw_only=True)
class Batch:
    """mel (b, n, m) log-mels, text_ids (b, n), num_ref (b,) reference frames, lengths (b,)."""

    mel: Float[np.ndarray, "b n m"]
    text_ids: Int[np.ndarray, "b n"]
    num_ref: Int[np.ndarray, " b"]
    lengths: Int[np.ndarray, " b"]


class CropSampler:
    """Random training rows of `num_frames` frames from prepared speech.

    A batch is a pure function of (seed, step): a resumed run sees what it would have seen.
    Utterances are drawn in proportion to their length, but `short_share` of them evenly among
    the short ones: else one row in seventy would be short, and single words are said badly.
    Raises ValueError when there is nothing to draw from.
    """

    def __init__(
        self,
        data: SpeechData,
        utterances: list[Utterance],
        num_frames: int,
        seed: int,
        short_share: float = 0.0,
    ) -> None:
        if not utterances:
            raise ValueError("no utterances with durations to train on: see docs/training.md")
        self._data, self._utterances = data, utterances
        self._num_frames, self._seed = num_frames, seed
        self._weights = _weights(utterances, short_share)
        self._by_voice: dict[str, list[Utterance]] = defaultdict(list)
        for utterance in utterances:
            self._by_voice[utterance.voice].append(utterance)
        self._ids = {u.id: _utterance_ids(u) for u in utterances}

    def batch(self, step: int, num_rows: int) -> Batch:
        """The `num_rows` rows of a step."""
        rng = np.random.default_rng((self._seed, step))
        chosen = rng.choice(len(self._utterances), num_rows, p=self._weights)
        rows = [self._row(rng, self._utterances[i]) for i in chosen]
        mel, ids, num_ref, lengths = zip(*rows, strict=True)
        return Batch(
            mel=np.stack(mel),
            text_ids=np.stack(ids),
            num_ref=np.asarray(num_ref, np.int32),
            lengths=np.asarray(lengths, np.int32),
        )

    def _row(
        self, rng: np.random.Generator, target: Utterance
    ) -> tuple[np.ndarray, np.ndarray, int, int]:
        total = self._num_frames
        wanted_ref = int(total * rng.uniform(0.2, 0.4))
        num_new = min(target.num_frames, total - wanted_ref)
        start = int(rng.integers(0, target.num_frames - num_new + 1))
        others = self._by_voice[target.voice]
        reference = others[int(rng.integers(len(others)))]
        num_ref = min(total - num_new, reference.num_frames)
        ref_start = int(rng.integers(0, reference.num_frames - num_ref + 1))
        mel = np.zeros((total, MEL_DIM), np.float32)
        ids = np.full((total,), FILLER_ID, np.int32)
        stop = num_ref + num_new
        mel[:num_ref] = self._data.mel(reference, ref_start, num_ref)
        mel[num_ref:stop] = self._data.mel(target, start, num_new)
        ids[num_ref:stop] = self._ids[target.id][start : start + num_new]
        return mel, ids, num_ref, stop


def _weights(utterances: list[Utterance], short_share: float) -> Float[np.ndarray, " u"]:
    lengths = np.array([u.num_frames for u in utterances], np.float64)
    by_length, is_short = lengths / lengths.sum(), lengths < SHORT_FRAMES
    if not is_short.any():
        return by_length
    return (1 - short_share) * by_length + short_share * is_short / is_short.sum()


def prompt(
    data: SpeechData, reference: Utterance, target: Utterance, max_ref_frames: int
) -> tuple[Float[np.ndarray, "n_ref m"], Int[np.ndarray, " n"]]:
    """What the sampler needs to say `target` in the voice of `reference`.

    Returns the log-mel of the reference's beginning, and one id per frame for it and the
    target with the target's true durations.
    """
    cond = data.mel(reference, 0, min(reference.num_frames, max_ref_frames))
    filler = np.full((len(cond),), FILLER_ID, np.int32)
    return cond, np.concatenate([filler, _utterance_ids(target)])


def _utterance_ids(utterance: Utterance) -> Int[np.ndarray, " n"]:
    assert utterance.phonemes is not None and utterance.durations is not None
    ids = with_silences(symbol_ids(utterance.phonemes))
    samples = np.asarray(utterance.durations) * DURATION_UNIT_SAMPLES
    return frame_ids(ids, samples, utterance.num_frames, HOP_SAMPLES)


def prefetched(
    sampler: CropSampler, num_rows: int, first_step: int
) -> Generator[Batch, None, None]:
    """Endless batches from `first_step` on, made one thread ahead of the device.

    Close it when done; what goes wrong in the thread is raised here.
    """
    steps = itertools.count(first_step)
    with ThreadPoolExecutor(1, thread_name_prefix="batches") as pool:
        ahead = deque(
            pool.submit(sampler.batch, next(steps), num_rows) for _ in range(MAX_QUEUED_BATCHES)
        )
        while True:
            batch = ahead.popleft().result()
            ahead.append(pool.submit(sampler.batch, next(steps), num_rows))
            yield batch
