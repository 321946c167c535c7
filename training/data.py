"""Memory-mapped speech for training: the layout `training.prepare` writes.

Axis legend: n mel frames, m mel bins, nw wave samples. Mel frame `i` of an utterance is centred
on sample `256 * i`; phoneme durations are in units of 600 samples.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

SAMPLE_RATE = 24_000
HOP_SAMPLES = 256
MEL_DIM = 100
DURATION_UNIT_SAMPLES = 600  # 25 ms
WAVE_NAME, MEL_NAME, INDEX_NAME = "wave.i16", "mel.f16", "index.json"


@dataclass(frozen=True, kw_only=True)
class Utterance:
    """One row of the index. `durations` has len(phonemes) + 2 entries, or is None."""

    id: str
    split: str
    lang: str
    voice: str
    text: str
    phonemes: str | None
    durations: tuple[int, ...] | None
    wave_offset: int
    num_samples: int
    mel_offset: int
    num_frames: int


class SpeechData:
    """Random access to prepared utterances; `select` narrows, nothing is copied.

    Raises FileNotFoundError when the folder was not prepared.
    """

    def __init__(self, folder: str | Path) -> None:
        folder = Path(folder)
        if not (folder / INDEX_NAME).exists():
            raise FileNotFoundError(f"no {INDEX_NAME} in {folder}: run training.prepare first")
        index = json.loads((folder / INDEX_NAME).read_text(encoding="utf-8"))
        self.utterances = [_parse(row) for row in index["utterances"]]
        self._wave = np.memmap(folder / WAVE_NAME, np.int16, "r")
        self._mel = np.memmap(folder / MEL_NAME, np.float16, "r").reshape(-1, MEL_DIM)

    def __len__(self) -> int:
        return len(self.utterances)

    def select(
        self,
        *,
        split: str | None = None,
        langs: Sequence[str] | None = None,
        min_frames: int = 0,
        is_aligned: bool = False,
    ) -> list[Utterance]:
        """Utterances that fit every filter; `is_aligned` keeps those with durations."""
        return [
            u
            for u in self.utterances
            if (split is None or u.split == split)
            and (langs is None or u.lang in langs)
            and u.num_frames >= min_frames
            and (u.durations is not None or not is_aligned)
        ]

    def mel(
        self, utterance: Utterance, start: int = 0, num_frames: int | None = None
    ) -> np.ndarray:
        """Float32 (n, 100) log-mel frames of one utterance."""
        stop = utterance.num_frames if num_frames is None else start + num_frames
        if not 0 <= start <= stop <= utterance.num_frames:
            raise ValueError(f"frames {start}..{stop} lie outside {utterance.id}")
        base = utterance.mel_offset
        return self._mel[base + start : base + stop].astype(np.float32)

    def wave(
        self, utterance: Utterance, start: int = 0, num_samples: int | None = None
    ) -> np.ndarray:
        """Float32 (nw,) samples of one utterance in [-1, 1], zeros outside of it."""
        stop = utterance.num_samples if num_samples is None else start + num_samples
        lo, hi = max(start, 0), min(stop, utterance.num_samples)
        base = utterance.wave_offset
        inner = self._wave[base + lo : base + max(hi, lo)].astype(np.float32) / 32767.0
        return np.pad(inner, (lo - start, stop - max(hi, lo)))


def _parse(row: dict[str, Any]) -> Utterance:
    durations = row.pop("durations")
    return Utterance(**row, durations=None if durations is None else tuple(durations))
