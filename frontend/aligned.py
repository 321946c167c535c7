"""Preparation for models that read one phoneme per frame: the voice in this repository.

Durations come from a small predictor on the host, so the length, the word times and the text
layout of a segment are known before the device sees it, and the reference needs no transcript.

Axis legend: n mel frames, nt symbols with a silence at either end.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from frontend.pieces import check_language, cut
from frontend.prompts import VoicePrompts
from frontend.schedules import RecommendedSchedule
from inference_types import (
    InvalidTextError,
    SegmentPlan,
    SynthesisRequest,
    TextSegment,
    VoicePrompt,
    WordSpan,
)
from models.duration import FILLER_ID, DurationPredictor, frame_ids, with_silences
from text.phonemes import PhonemeWord, phonemize
from text.segment import speech_units
from text.symbols import symbol_ids

# Joining keeps at most 80 ms before and 250 ms after a segment's sound: more would be computed
# only to be cut (audio.join).
MAX_LEAD_SILENCE_S = 0.08
MAX_TAIL_SILENCE_S = 0.25
# Pieces are cut by an estimate that is off by 12 % on average (text.segment).
BUDGET_SHARE = 0.8
# Measured against the predictor on five texts and nine voices: within 15 % from one word to 17 s.
SECONDS_PER_UNIT = 1.08
EDGES_S = 0.35
_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class AlignedSettings:
    """`max_frames` is the engine's largest bucket, reference included."""

    max_frames: int
    hop_samples: int = 256
    sample_rate: int = 24_000


@dataclass(frozen=True, eq=False)
class _Timing:
    """Words of a segment and the samples at which each of its nt symbols starts and ends."""

    words: list[PhonemeWord]
    ids: np.ndarray
    durations_samples: np.ndarray


class AlignedFrontend:
    """The `Frontend` of the shipped voice. Stateless but for the reference cache."""

    def __init__(
        self,
        prompts: VoicePrompts,
        durations: DurationPredictor,
        schedule: RecommendedSchedule,
        settings: AlignedSettings,
    ) -> None:
        self.prompts = prompts
        self._durations = durations
        self._schedule = schedule
        self._settings = settings
        phonemize("Hello, 你好.")  # reads the tables now (0.2 s), not in the first request

    def load_voice(self, request: SynthesisRequest) -> VoicePrompt:
        return self.prompts.load(request)

    def split(self, request: SynthesisRequest, voice: VoicePrompt) -> list[TextSegment]:
        """Written-out pieces that fit the largest bucket with some room to spare.

        Raises InvalidTextError.
        """
        frames = self._settings.max_frames - len(voice.mel)
        room_s = frames * self._settings.hop_samples / self._settings.sample_rate
        budget_s = BUDGET_SHARE * room_s * request.speed / voice.pace
        check_language(request.text)
        return cut(request.text, request.chunk_policy, budget_s)

    def estimate_duration_s(
        self, request: SynthesisRequest, voice: VoicePrompt, segments: Sequence[TextSegment]
    ) -> float:
        units = sum(speech_units(segment.text) for segment in segments)
        return EDGES_S + SECONDS_PER_UNIT * units * voice.pace / request.speed

    def plan(
        self, request: SynthesisRequest, voice: VoicePrompt, segment: TextSegment
    ) -> SegmentPlan:
        """Raises InvalidTextError where nothing of a text of one segment can be spoken; among
        others such a segment is a pause."""
        timing = self._time(segment.text, request.speed, voice)
        if len(timing.ids) == 2 and segment.index == 0 and segment.is_last:
            raise InvalidTextError("the text holds nothing that can be spoken", field="gen_text")
        hop, num_ref = self._settings.hop_samples, len(voice.mel)
        num_new = max(2, round(float(timing.durations_samples.sum()) / hop))
        spoken = frame_ids(timing.ids, timing.durations_samples, num_new, hop)
        filler = np.full(num_ref, FILLER_ID, np.int32)
        return SegmentPlan(
            segment_index=segment.index,
            voice=voice,
            text_ids=np.concatenate([filler, spoken]),
            num_frames=num_ref + num_new,
            seed=request.seed,
            guidance_scale=self._schedule.guidance_scale(request),
            schedule=self._schedule.time_grid(request),
            noise_scale=self._schedule.noise_scale,
            words=tuple(_word_spans(segment.text, timing, num_new * hop)),
        )

    def _time(self, text: str, speed: float, voice: VoicePrompt) -> _Timing:
        words = phonemize(text)
        ids = with_silences(symbol_ids("".join(word.symbols for word in words)))
        seconds = self._durations.predict_s(ids, voice.pace) / speed
        seconds[0] = min(seconds[0], MAX_LEAD_SILENCE_S)
        seconds[-1] = min(seconds[-1], MAX_TAIL_SILENCE_S)
        samples = seconds * self._settings.sample_rate
        # A symbol shorter than a frame could fall between two frames and be lost.
        samples[1:-1] = np.maximum(samples[1:-1], self._settings.hop_samples)
        return _Timing(words, ids, self._fit(samples, len(voice.mel)))

    def _fit(self, samples: np.ndarray, num_ref_frames: int) -> np.ndarray:
        """Durations that fit the largest bucket; splitting makes this rare."""
        room = (self._settings.max_frames - num_ref_frames) * self._settings.hop_samples
        if samples.sum() <= room:
            return samples
        _log.warning("a segment of %d samples is sped up to fit %d", samples.sum(), room)
        return samples * (room / samples.sum())


def _word_spans(text: str, timing: _Timing, num_samples: int) -> list[WordSpan]:
    """Spoken words with the marks that touch them, in samples from the segment's start."""
    ends = np.minimum(np.round(np.cumsum(timing.durations_samples)), num_samples).astype(int)
    spans: list[WordSpan] = []
    place, last_end = 0, -1  # symbols passed (ends[0] closes the leading silence), text offset
    for word in timing.words:
        start_sample, end_sample = int(ends[place]), int(ends[place + len(word.symbols)])
        place += len(word.symbols)
        if word.is_spoken:
            spans.append(WordSpan(text=word.text, start_sample=start_sample, end_sample=end_sample))
        elif spans and word.text.strip() and word.start == last_end:
            spans[-1] = WordSpan(
                text=spans[-1].text + word.text,
                start_sample=spans[-1].start_sample,
                end_sample=spans[-1].end_sample,
            )
        last_end = word.end
    return spans
