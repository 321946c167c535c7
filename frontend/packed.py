"""Preparation for F5 checkpoints: reference and new text in one packed token sequence.

These models align text and sound themselves. The reference's transcript is part of their input,
its bytes per second decide how long the new text becomes, and word times are estimates
(specs: f5-tts 7).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from frontend.pieces import cut
from frontend.prompts import VoicePrompts
from frontend.schedules import RecommendedSchedule
from inference_types import (
    InvalidReferenceError,
    SegmentPlan,
    SynthesisRequest,
    TextSegment,
    VoicePrompt,
    WordSpan,
)
from text.duration import (
    TARGET_SEGMENT_S,
    end_reference_text,
    join_reference_text,
    packed_num_frames,
    pad_reference_text,
)
from text.pinyin import Vocabulary
from text.segment import speech_units

BUDGET_SHARE = 0.8
MIN_UNITS_S = 0.2  # a transcript of one word

_WORD = re.compile(r"[\u3400-\u9fff][^\w\s]*|[^\s\u3400-\u9fff]+")


@dataclass(frozen=True, kw_only=True)
class PackedSettings:
    """`max_frames` is the engine's largest bucket, reference included."""

    max_frames: int
    hop_samples: int = 256
    sample_rate: int = 24_000


def prepare_transcript(text: str) -> str:
    """The transcript with F5's ending rule; nothing stays nothing (specs: f5-tts 7.2)."""
    return end_reference_text(text.strip()) if text.strip() else ""


class PackedFrontend:
    """The `Frontend` of F5 checkpoints. Stateless but for the reference cache."""

    def __init__(
        self,
        prompts: VoicePrompts,
        vocabulary: Vocabulary,
        schedule: RecommendedSchedule,
        settings: PackedSettings,
    ) -> None:
        self.prompts = prompts
        self._vocabulary = vocabulary
        self._schedule = schedule
        self._settings = settings

    def load_voice(self, request: SynthesisRequest) -> VoicePrompt:
        """Raises InvalidReferenceError naming ref_text where the transcript is missing."""
        if request.reference is None and not request.voice and not self.prompts.default_voice:
            raise InvalidReferenceError(
                "this model has no voice of its own: send ref_audio_base64 and ref_text",
                field="ref_audio_base64",
            )
        voice = self.prompts.load(request)
        if not voice.text:
            raise InvalidReferenceError(
                "this model needs the words of the reference: send them as ref_text",
                field="ref_text",
            )
        if len(voice.mel) * 2 > self._settings.max_frames:
            raise InvalidReferenceError(
                "the reference is too long for this model; send a shorter one", field="reference"
            )
        return voice

    def split(self, request: SynthesisRequest, voice: VoicePrompt) -> list[TextSegment]:
        """Pieces that keep prompt and speech within 22 s (specs: f5-tts 7.4)."""
        hop, rate = self._settings.hop_samples, self._settings.sample_rate
        ref_s = len(voice.mel) * hop / rate
        room_s = min(TARGET_SEGMENT_S, self._settings.max_frames * hop / rate) - ref_s
        # Seconds the reference takes for what would take one second at normal pace.
        pace = ref_s / max(speech_units(voice.text), MIN_UNITS_S)
        budget_s = BUDGET_SHARE * room_s * request.speed / pace
        return cut(request.text, request.chunk_policy, budget_s)

    def estimate_duration_s(
        self, request: SynthesisRequest, voice: VoicePrompt, segments: Sequence[TextSegment]
    ) -> float:
        """The byte rule, piece by piece."""
        num_frames = sum(
            self._num_frames(segment.text, request.speed, voice) - len(voice.mel)
            for segment in segments
        )
        return num_frames * self._settings.hop_samples / self._settings.sample_rate

    def plan(
        self, request: SynthesisRequest, voice: VoicePrompt, segment: TextSegment
    ) -> SegmentPlan:
        ids = self._vocabulary.encode_text(join_reference_text(voice.text, segment.text))
        wanted = max(self._num_frames(segment.text, request.speed, voice), len(ids) + 1)
        num_frames = min(wanted, self._settings.max_frames)
        num_samples = (num_frames - len(voice.mel)) * self._settings.hop_samples
        return SegmentPlan(
            segment_index=segment.index,
            voice=voice,
            text_ids=np.array(ids, np.int32),
            num_frames=num_frames,
            seed=request.seed,
            guidance_scale=self._schedule.guidance_scale(request),
            schedule=self._schedule.time_grid(request),
            noise_scale=self._schedule.noise_scale,
            words=tuple(estimate_words(segment.text, num_samples)),
            are_words_exact=False,
        )

    def _num_frames(self, text: str, speed: float, voice: VoicePrompt) -> int:
        return packed_num_frames(
            num_ref_frames=len(voice.mel),
            reference_text=pad_reference_text(voice.text),
            text=text,
            speed=speed,
        )


def estimate_words(text: str, num_samples: int) -> list[WordSpan]:
    """Words (single characters of Chinese) timed by their share of the text's bytes."""
    matches = list(_WORD.finditer(text))
    ends = np.cumsum([len(match[0].encode()) for match in matches])
    if not len(ends):
        return []
    edges = np.concatenate([[0], ends * num_samples // ends[-1]])
    return [
        WordSpan(text=match[0], start_sample=int(start), end_sample=int(end))
        for match, start, end in zip(matches, edges[:-1], edges[1:], strict=True)
    ]
