"""Silence at the edges of a clip, and cutting a reference to its useful part."""

from __future__ import annotations

import math

import numpy as np

_WINDOW_S = 0.010
# Below the loudest window by this much is silence: relative, so that quiet clips keep their
# words (an absolute threshold trims a quiet voice to nothing).
SILENCE_BELOW_PEAK_DB = 40.0

_MARGIN_S = 0.050  # kept around the sound: soft onsets and releases lie below the threshold
_FADE_S = 0.010
TAIL_S = 0.050
_CUT_WINDOW_S = 0.030
# A cut in the last 30 % of what is allowed gives up little and usually meets a pause.
_CUT_SEARCH_SHARE = 0.3


def rms(samples: np.ndarray) -> float:
    """Root mean square of (nw,), summed in float64; 0 for no samples."""
    return math.sqrt(_power(samples[None, :])[0]) if len(samples) else 0.0


def window_levels(samples: np.ndarray, window_samples: int) -> np.ndarray:
    """(nw,) -> float64 (windows,) RMS of each full window about its own mean (offset)."""
    num_windows = len(samples) // window_samples
    windows = samples[: num_windows * window_samples].reshape(num_windows, window_samples)
    means = windows.mean(axis=1, dtype=np.float64)
    return np.sqrt(np.maximum(_power(windows) - means**2, 0))


def _power(windows: np.ndarray) -> np.ndarray:
    """Mean square of each row in float64, without a float64 copy (the worker counts bytes)."""
    return np.einsum("ij,ij->i", windows, windows, dtype=np.float64) / windows.shape[1]


def find_sound(samples: np.ndarray, window_samples: int) -> tuple[int, int]:
    """(start, end) in samples of the part between silent edges; (0, 0) if all is silent.

    Measured in whole windows; the samples after the last whole window go with it.
    """
    levels = window_levels(samples, window_samples)
    if not len(levels) or not levels.max():
        return 0, 0
    loud = np.flatnonzero(levels > levels.max() * 10 ** (-SILENCE_BELOW_PEAK_DB / 20))
    is_loud_to_the_end = loud[-1] == len(levels) - 1
    end = len(samples) if is_loud_to_the_end else (int(loud[-1]) + 1) * window_samples
    return int(loud[0]) * window_samples, end


def reference_window_samples(sample_rate: int) -> int:
    """10 ms, in which the sound of a reference is looked for."""
    return max(1, round(_WINDOW_S * sample_rate))


def trim_reference(samples: np.ndarray, sample_rate: int, max_s: float) -> np.ndarray:
    """(nw,) -> float32 (<= max_s * rate,): sound only, ending in a pause and 50 ms of silence.

    Cuts silent edges down to 50 ms, then, if the clip is too long, cuts at the quietest 30 ms of
    the last 30 % of `max_s`; fades both ends over 10 ms.
    """
    tail_samples = round(TAIL_S * sample_rate)
    max_samples = math.floor(max_s * sample_rate) - tail_samples
    if max_samples < tail_samples:
        raise ValueError(f"max_s must be at least {2 * TAIL_S:g}, got {max_s}")
    start, end = find_sound(samples, reference_window_samples(sample_rate))
    margin = round(_MARGIN_S * sample_rate)
    sound = samples[max(0, start - margin) : end + margin]
    if len(sound) > max_samples:
        sound = sound[: _quietest_cut(sound[:max_samples], sample_rate)]
    faded = _fade_edges(sound, min(round(_FADE_S * sample_rate), len(sound) // 2))
    return np.concatenate([faded, np.zeros(tail_samples, np.float32)])


def _quietest_cut(samples: np.ndarray, sample_rate: int) -> int:
    """Middle of the quietest stretch near the end; the latest of equals."""
    first = len(samples) - round(_CUT_SEARCH_SHARE * len(samples))
    window = max(1, min(round(_CUT_WINDOW_S * sample_rate), len(samples) - first))
    energy = np.cumsum(np.square(samples[first:], dtype=np.float64))
    sums = energy[window - 1 :] - np.concatenate([[0.0], energy[:-window]])
    latest = len(sums) - 1 - int(np.argmin(sums[::-1]))
    return first + latest + window // 2


def _fade_edges(samples: np.ndarray, num_samples: int) -> np.ndarray:
    faded = np.array(samples, np.float32)
    if num_samples:
        ramp = np.linspace(0, 1, num_samples, endpoint=False, dtype=np.float32)
        faded[:num_samples] *= ramp
        faded[-num_samples:] *= ramp[::-1]
    return faded
