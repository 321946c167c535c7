"""Sample-rate conversion: soxr for ourselves, torchaudio's filter for parity with F5."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
import soxr

Quality = Literal["HQ", "VHQ"]

# torchaudio's defaults, which F5 uses (specs: f5-tts 7.3).
_NUM_ZERO_CROSSINGS = 6
_ROLLOFF = 0.99
# Output samples computed at once: at 8 to 1 (100 taps) their windows and indices take 19 MiB.
_BLOCK_SAMPLES = 1 << 14


def resample(
    samples: np.ndarray, from_rate: int, to_rate: int, quality: Quality = "HQ"
) -> np.ndarray:
    """(nw,) at `from_rate` Hz -> float32 (about nw * to / from,) at `to_rate` Hz."""
    _check_rates(from_rate, to_rate)
    wave = np.ascontiguousarray(samples, np.float32)
    return wave if from_rate == to_rate else soxr.resample(wave, from_rate, to_rate, quality)


def resample_torchaudio(samples: np.ndarray, from_rate: int, to_rate: int) -> np.ndarray:
    """(nw,) -> float32 (ceil(nw * to / from),), equal to `torchaudio.transforms.Resample`.

    Windowed sinc: 6 zero crossings, Hann window, cut-off at 0.99 of the lower Nyquist rate
    (specs: f5-tts 7.3). torchaudio builds one filter of 2 * width + from/gcd taps for each of the
    to/gcd phases, gigabytes for rates without a common divisor; only the taps inside the window
    are kept here.
    """
    _check_rates(from_rate, to_rate)
    wave = np.asarray(samples, np.float32)
    if from_rate == to_rate:
        return wave
    divisor = math.gcd(from_rate, to_rate)
    step, num_phases = from_rate // divisor, to_rate // divisor
    filters, width = _phase_filters(step, num_phases)
    num_out = -(-len(wave) * num_phases // step)
    padded = np.pad(wave, (width, width + 2))
    blocks = [
        _filter_block(padded, filters, step, np.arange(start, min(start + _BLOCK_SAMPLES, num_out)))
        for start in range(0, num_out, _BLOCK_SAMPLES)
    ]
    return np.concatenate(blocks) if blocks else wave[:0]


def _check_rates(from_rate: int, to_rate: int) -> None:
    if from_rate <= 0 or to_rate <= 0:
        raise ValueError(f"sample rates must be positive, got {from_rate} and {to_rate}")


def _phase_filters(step: int, num_phases: int) -> tuple[np.ndarray, int]:
    """float32 (phases, taps) and the reach in input samples to each side.

    Tap k of phase p weighs the input sample floor(p * step / phases) - width + k.
    """
    cutoff = min(step, num_phases) * _ROLLOFF
    width = math.ceil(_NUM_ZERO_CROSSINGS * step / cutoff)
    phases = np.arange(num_phases)[:, None]
    taps = phases * step // num_phases + np.arange(-width, width + 2)
    # torchaudio divides the phases in float32 and all else in float64: 6e-5 in the result.
    shifts = phases.astype(np.float32) / np.float32(num_phases)
    times = (taps / step - shifts.astype(np.float64)) * cutoff
    times = np.clip(times, -_NUM_ZERO_CROSSINGS, _NUM_ZERO_CROSSINGS)
    window = np.cos(times * np.pi / _NUM_ZERO_CROSSINGS / 2) ** 2
    return (np.sinc(times) * window * (cutoff / step)).astype(np.float32), width


def _filter_block(
    padded: np.ndarray, filters: np.ndarray, step: int, outputs: np.ndarray
) -> np.ndarray:
    """Output samples `outputs`: each is its phase's filter times the inputs around it."""
    num_phases, num_taps = filters.shape
    # The padding shifts the first tap from centre - width to centre.
    first_taps = outputs * step // num_phases
    windows = padded[first_taps[:, None] + np.arange(num_taps)]
    return np.einsum("nk,nk->n", windows, filters[outputs % num_phases])
