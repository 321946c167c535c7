"""Reference audio to `VoicePrompt`, and the byte-bounded cache of the results.

Axis legend: n mel frames, m mel bins, nw wave samples.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from audio.decode import DecodedAudio
from audio.encode import encode_clip
from audio.f5_trim import trim_f5_reference
from audio.loudness import raise_loudness
from audio.mel import log_mel
from audio.pcm import to_pcm16
from audio.resample import resample, resample_torchaudio
from audio.trim import trim_reference
from inference_types import InvalidReferenceError, VoicePrompt

SAMPLE_RATE = 24_000
HOP_SAMPLES = 256
MAX_STORED_S = 12.0  # what F5 checkpoints use of a reference at most
MIN_SOUND_S = 0.4
Decode = Callable[[bytes], DecodedAudio]


@dataclass(frozen=True, kw_only=True)
class CacheCounters:
    """A snapshot for /metrics."""

    hits: int
    misses: int
    evictions: int
    num_entries: int
    num_bytes: int


class ReferenceCache:
    """Least recently used prompts, bounded by bytes of mel. Safe for any number of threads.

    Two threads that miss the same key at once both compute it; the results are equal and
    immutable, so the later one simply replaces the earlier.
    """

    def __init__(self, max_bytes: int = 64 * 2**20) -> None:
        self._lock = threading.Lock()
        self._max_bytes = max_bytes
        self._prompts: OrderedDict[str, VoicePrompt] = OrderedDict()
        self._num_bytes = self._hits = self._misses = self._evictions = 0

    def fetch(self, key: str, make: Callable[[], VoicePrompt]) -> VoicePrompt:
        """The prompt stored under `key`, or a new one from `make` (called without the lock)."""
        with self._lock:
            if key in self._prompts:
                self._hits += 1
                self._prompts.move_to_end(key)
                return self._prompts[key]
            self._misses += 1
        prompt = make()
        with self._lock:
            self._store(key, prompt)
        return prompt

    def _store(self, key: str, prompt: VoicePrompt) -> None:
        if prompt.mel.nbytes > self._max_bytes:
            return
        replaced = self._prompts.pop(key, None)
        self._num_bytes += prompt.mel.nbytes - (replaced.mel.nbytes if replaced else 0)
        self._prompts[key] = prompt
        while self._num_bytes > self._max_bytes:
            _, oldest = self._prompts.popitem(last=False)
            self._num_bytes -= oldest.mel.nbytes
            self._evictions += 1

    @property
    def counters(self) -> CacheCounters:
        with self._lock:
            return CacheCounters(
                hits=self._hits,
                misses=self._misses,
                evictions=self._evictions,
                num_entries=len(self._prompts),
                num_bytes=self._num_bytes,
            )


@dataclass(frozen=True, kw_only=True)
class ReferenceRules:
    """How a model wants its references.

    The mel has a multiple of `patch_frames` frames. With `is_f5` the clip is trimmed and
    resampled as the F5 pipeline does it (specs: f5-tts 7.1 and 7.3), where `max_s` plays no
    part because the transcript has to match.
    """

    max_s: float = 3.0
    patch_frames: int = 1
    is_f5: bool = False


class ReferenceEncoder:
    """Encoded audio to the log-mel a model is conditioned on.

    `decode` is `audio.decode.decode_audio` or the same in a worker process; its errors pass.
    """

    def __init__(self, decode: Decode, rules: ReferenceRules) -> None:
        self._decode = decode
        self._rules = rules

    def encode(self, data: bytes, *, key: str, text: str = "", pace: float = 1.0) -> VoicePrompt:
        """Raises InvalidReferenceError and RequestTooLargeError."""
        audio = self._decode(data)
        if self._rules.is_f5:
            sound, gain = _as_f5(audio)
        else:
            wave = resample(audio.samples, audio.sample_rate, SAMPLE_RATE)
            trimmed = trim_reference(wave, SAMPLE_RATE, self._rules.max_s)
            sound, gain = raise_loudness(_checked_length(trimmed, SAMPLE_RATE))
        mel = log_mel(sound)
        # The frame after the last whole hop is left out: generated frames start on the hop.
        num_frames = len(sound) // HOP_SAMPLES // self._rules.patch_frames
        mel = mel[: num_frames * self._rules.patch_frames]
        mel.flags.writeable = False  # shared by every request with this voice
        return VoicePrompt(key=key, mel=mel, output_gain=gain, text=text, pace=pace)

    def encode_for_storage(self, data: bytes) -> bytes:
        """Any accepted upload as mono 24 kHz FLAC of at most MAX_STORED_S, without metadata."""
        audio = self._decode(data)
        wave = resample(audio.samples, audio.sample_rate, SAMPLE_RATE)
        trimmed = trim_reference(wave, SAMPLE_RATE, MAX_STORED_S)
        trimmed = _checked_length(trimmed, SAMPLE_RATE)
        peak = max(1.0, float(np.abs(trimmed).max()))
        return encode_clip(to_pcm16(trimmed / np.float32(peak)), SAMPLE_RATE, "flac")


def _as_f5(audio: DecodedAudio) -> tuple[np.ndarray, float]:
    """Trim and level at the file's own rate, then resample: the pipeline's order."""
    trimmed = trim_f5_reference(audio.samples, audio.sample_rate)
    raised, gain = raise_loudness(_checked_length(trimmed, audio.sample_rate))
    return resample_torchaudio(raised, audio.sample_rate, SAMPLE_RATE), gain


def _checked_length(samples: np.ndarray, sample_rate: int) -> np.ndarray:
    if len(samples) < sample_rate * MIN_SOUND_S or not samples.any():
        raise InvalidReferenceError(
            "the reference holds too little speech; send at least 1 s of clear speech",
            field="reference",
            code="reference_too_short",
        )
    return samples
