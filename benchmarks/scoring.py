"""Scores of spoken audio: what an offline Whisper hears, DNSMOS, likeness of voices.

Needs requirements-bench.txt; nothing of the product imports this.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import soundfile
import soxr

from inference_types import InvalidTextError
from text.normalise import normalise

RATE = 16_000  # of all three judges
_HAN = re.compile(r"[\u4e00-\u9fff]")


class Scorer:
    """Whisper and DNSMOS, loaded once. `asr` is a CTranslate2 Whisper folder."""

    def __init__(self, asr: Path) -> None:
        from faster_whisper import WhisperModel
        from whisper_normalizer.english import EnglishTextNormalizer

        self._whisper = WhisperModel(str(asr), device="cpu", compute_type="int8")
        self._normalise = EnglishTextNormalizer()

    def score(self, samples: np.ndarray, rate: int, text: str, language: str) -> dict:
        """Transcript, word (or syllable) errors and DNSMOS of one clip."""
        from speechmos import dnsmos

        audio = np.clip(soxr.resample(samples, rate, RATE), -1.0, 1.0)
        segments, _ = self._whisper.transcribe(audio, language=language, beam_size=5)
        heard = " ".join(segment.text.strip() for segment in segments)
        num_errors, num_words = min(
            (word_errors(said, got), len(said))
            for said in self._forms(text, language)
            for got in self._forms(heard, language)
        )
        return {
            "heard": heard,
            "num_errors": num_errors,
            "num_words": num_words,
            "dnsmos": float(dnsmos.run(audio, sr=RATE)["ovrl_mos"]),
        }

    def _forms(self, text: str, language: str) -> list[list[str]]:
        """As written and as spoken: Whisper writes "5 km" or "five kilometers" for one sound."""
        try:
            spoken = normalise(text).text
        except InvalidTextError:  # Whisper may hear a script that we do not speak
            spoken = text
        return [self._units(form, language) for form in (text, spoken)]

    def _units(self, text: str, language: str) -> list[str]:
        """Normalised English words, or toneless pinyin syllables of the Chinese characters."""
        if language == "en":
            return self._normalise(text).split()
        from pypinyin import lazy_pinyin

        return lazy_pinyin("".join(_HAN.findall(text)))


def word_errors(said: list[str], got: list[str]) -> int:
    """Word errors; a word written as two, as in "sea shells", is none."""
    return 0 if "".join(said) == "".join(got) else edit_distance(said, got)


def edit_distance(a: list[str], b: list[str]) -> int:
    """Levenshtein distance of two sequences."""
    row = list(range(len(b) + 1))
    for i, left in enumerate(a, 1):
        diagonal, row[0] = row[0], i
        for j, right in enumerate(b, 1):
            diagonal, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, diagonal + (left != right))
    return row[-1]


def likeness_pairs(
    rows: list[dict], folder: Path, reference_of: Callable[[dict], Path]
) -> dict[str, tuple[float, float]]:
    """Per group: mean cosine of each clip to its own reference, and to the other voices'."""
    from resemblyzer import VoiceEncoder, preprocess_wav

    encoder = VoiceEncoder("cpu", verbose=False)

    def embed(path: Path) -> np.ndarray:
        samples, rate = soundfile.read(path, dtype="float32")
        return encoder.embed_utterance(preprocess_wav(samples, source_sr=rate))

    references = {row["voice"]: embed(reference_of(row)) for row in rows}
    scores: dict[str, tuple[list[float], list[float]]] = {}
    for row in rows:
        if row["duration_s"] < 1.5:  # too short to know a voice by
            continue
        clip = embed(folder / row["wav"])
        own, other = scores.setdefault(row["group"], ([], []))
        for voice, reference in references.items():
            (own if voice == row["voice"] else other).append(float(clip @ reference))
    return {g: (float(np.mean(own)), float(np.mean(other))) for g, (own, other) in scores.items()}
