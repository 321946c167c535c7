"""Joining the waves of consecutive segments into one stream without clicks.

Each segment ends in silence of its own making, too much or none. The joiner keeps a natural
pause, overlaps the quiet edges by a short cross-fade, and knows where every segment landed, so
that word times can follow. It holds back only the few milliseconds the next fade needs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np

from audio.trim import find_sound
from inference_types import NumericError

FadeCurve = Literal["linear", "equal_power"]

_LEVEL_WINDOW_S = 0.005


@dataclass(frozen=True, kw_only=True)
class JoinSettings:
    """How segments meet. Times in seconds; `None` leaves edge silence as it is.

    `max_lead_silence_s` and `max_tail_silence_s` bound the silence kept before and after each
    segment's sound; their sum, less the cross-fade, is the longest pause between segments.
    Linear fades never exceed the louder side and suit quiet edges; equal power keeps the level
    where unrelated sounds overlap.
    """

    crossfade_s: float = 0.010
    curve: FadeCurve = "linear"
    max_lead_silence_s: float | None = 0.080
    max_tail_silence_s: float | None = 0.250
    edge_fade_s: float = 0.003  # at the very start and end of the stream

    @classmethod
    def f5(cls) -> JoinSettings:
        """What the F5 pipeline does: 0.15 s linear over whatever is there (f5-tts 7.5)."""
        return cls(
            crossfade_s=0.15, max_lead_silence_s=None, max_tail_silence_s=None, edge_fade_s=0.0
        )

    def __post_init__(self) -> None:
        times = (self.crossfade_s, self.edge_fade_s, self.max_lead_silence_s or 0.0)
        if min(*times, self.max_tail_silence_s or 0.0) < 0:
            raise ValueError(f"join times must not be negative: {self}")
        if self.curve not in ("linear", "equal_power"):
            raise ValueError(f"curve must be linear or equal_power, got {self.curve!r}")


class Joined(NamedTuple):
    """Samples that are final, and where the pushed segment's sample 0 lies in the stream.

    `segment_start_sample` may be negative or inside the previous segment: silence cut from the
    segment's front still counts as its own time.
    """

    samples: np.ndarray
    segment_start_sample: int


class SegmentJoiner:
    """Joins one stream; `push` whole segments in order. Not thread-safe.

    The concatenation of everything returned is the stream; cutting it differently afterwards
    changes no sample.
    """

    def __init__(self, sample_rate: int, settings: JoinSettings | None = None) -> None:
        settings = settings or JoinSettings()
        self._settings = settings
        self._sample_rate = sample_rate
        self._fade_samples = round(settings.crossfade_s * sample_rate)
        self._edge_samples = round(settings.edge_fade_s * sample_rate)
        self._held = np.zeros(0, np.float32)  # final but for a fade still to come
        self._num_emitted = 0
        self._is_started = False
        self._is_finished = False

    def push(self, wave: np.ndarray, is_last: bool, pause_samples: int = 0) -> Joined:
        """Float (nw,) of the next segment -> what is now final, float32.

        `pause_samples` of silence go before this segment, on top of its own (a paragraph break);
        the edges then fade to silence instead of into each other. Raises NumericError for NaN
        and Inf, ValueError after the last segment.
        """
        if self._is_finished:
            raise ValueError("push after the last segment")
        if not np.isfinite(wave).all():
            raise NumericError("The generated audio is not finite; send the request again.")
        kept, num_cut = self._cut_edges(np.asarray(wave, np.float32))
        if not self._is_started:
            kept = _fade_in(kept, self._edge_samples)
            overlap = 0
        elif pause_samples:
            kept, overlap = self._append_pause(kept, pause_samples), 0
        else:
            overlap = min(self._fade_samples, len(self._held), len(kept))
        self._is_started |= len(kept) > 0
        start = self._num_emitted + len(self._held) - overlap
        self._held = self._crossfade(kept, overlap)
        return Joined(self._release(is_last), start - num_cut)

    def finish(self) -> np.ndarray:
        """The held samples, when no segment came as the last. Empty the second time."""
        return self._release(is_last=True)

    def _cut_edges(self, wave: np.ndarray) -> tuple[np.ndarray, int]:
        """The segment with bounded edge silence, and how much was cut from its front."""
        max_lead = self._max_samples(self._settings.max_lead_silence_s, len(wave))
        max_tail = self._max_samples(self._settings.max_tail_silence_s, len(wave))
        window = max(1, round(_LEVEL_WINDOW_S * self._sample_rate))
        start, end = find_sound(wave, window)
        if start == end:
            return wave[: max_lead + max_tail], 0
        num_cut = max(0, start - max_lead)
        return wave[num_cut : end + max_tail], num_cut

    def _max_samples(self, silence_s: float | None, num_samples: int) -> int:
        return num_samples if silence_s is None else round(silence_s * self._sample_rate)

    def _append_pause(self, kept: np.ndarray, pause_samples: int) -> np.ndarray:
        faded = _fade_out(self._held, self._fade_samples)
        self._held = np.concatenate([faded, np.zeros(pause_samples, np.float32)])
        return _fade_in(kept, self._fade_samples)

    def _crossfade(self, kept: np.ndarray, overlap: int) -> np.ndarray:
        if not overlap:
            return np.concatenate([self._held, kept])
        rise = np.linspace(0, 1, overlap, dtype=np.float32)
        fall = 1 - rise
        if self._settings.curve == "equal_power":
            rise, fall = np.sin(rise * np.float32(np.pi / 2)), np.cos(rise * np.float32(np.pi / 2))
        mixed = self._held[-overlap:] * fall + kept[:overlap] * rise
        return np.concatenate([self._held[:-overlap], mixed, kept[overlap:]])

    def _release(self, is_last: bool) -> np.ndarray:
        """All but what the next fade may change; at the end everything, faded out."""
        if is_last:
            self._held = _fade_out(self._held, self._edge_samples)
        num_kept = 0 if is_last else max(self._fade_samples, self._edge_samples)
        num_ready = max(0, len(self._held) - num_kept)
        ready, self._held = self._held[:num_ready], self._held[num_ready:]
        self._num_emitted += num_ready
        self._is_finished = is_last
        return ready


def _fade_in(samples: np.ndarray, num_samples: int) -> np.ndarray:
    num_samples = min(num_samples, len(samples))
    ramp = np.linspace(0, 1, num_samples, endpoint=False, dtype=np.float32)
    return np.concatenate([samples[:num_samples] * ramp, samples[num_samples:]])


def _fade_out(samples: np.ndarray, num_samples: int) -> np.ndarray:
    return _fade_in(samples[::-1], num_samples)[::-1]
