"""Log-mel front ends of the F5 family, in numpy (specs: f5-tts 4.1 and 4.2).

`log_mel` is what Vocos checkpoints read, `bigvgan_log_mel` what BigVGAN checkpoints read.
Axis legend: n mel frames, m mel bins, nw wave samples.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

SAMPLE_RATE = 24_000
HOP_SAMPLES = 256
FRAMES_PER_S = SAMPLE_RATE / HOP_SAMPLES  # 93.75
FFT_SAMPLES = 1024
NUM_FFT_BINS = FFT_SAMPLES // 2 + 1  # 513
NUM_MELS = 100
MAX_MEL_HZ = SAMPLE_RATE / 2  # 12000
LOG_FLOOR = 1e-5
MIN_MEL_SAMPLES = FFT_SAMPLES // 2 + 1  # the reflect padding needs one sample more than it adds

# 1024 frames of 513 complex128 bins are 8 MiB: stays near the cache, bounds a minute of audio.
_BLOCK_FRAMES = 1024
_BIGVGAN_POWER_FLOOR = 1e-9


def num_mel_frames(num_samples: int) -> int:
    """Frames of `log_mel` for a wave of `num_samples`."""
    return num_samples // HOP_SAMPLES + 1


def log_mel(wave: np.ndarray) -> np.ndarray:
    """24 kHz wave (nw,) in [-1, 1] -> float32 (nw // 256 + 1, 100) log-mel for Vocos.

    Centred frames (reflect padding), magnitude, HTK bands without area norm, natural log of at
    least 1e-5. Raises ValueError for waves of 512 samples or fewer. specs: f5-tts 4.1.
    """
    padded = _reflect_pad(wave, FFT_SAMPLES // 2)
    return _mel_of_frames(padded, np.abs, htk_filters())


def bigvgan_log_mel(wave: np.ndarray) -> np.ndarray:
    """24 kHz wave (nw,) in [-1, 1] -> float32 (nw // 256, 100) log-mel for BigVGAN.

    Slaney bands with area norm, magnitude sqrt(re^2 + im^2 + 1e-9). Raises ValueError for waves
    of 512 samples or fewer. specs: f5-tts 4.2.
    """
    padded = _reflect_pad(wave, (FFT_SAMPLES - HOP_SAMPLES) // 2)
    return _mel_of_frames(padded, _floored_magnitude, slaney_filters())


def _floored_magnitude(spectrum: np.ndarray) -> np.ndarray:
    return np.sqrt(np.abs(spectrum) ** 2 + _BIGVGAN_POWER_FLOOR)


def _reflect_pad(wave: np.ndarray, num_samples: int) -> np.ndarray:
    if wave.ndim != 1 or len(wave) < MIN_MEL_SAMPLES:
        raise ValueError(f"mel needs a wave (nw,) of {MIN_MEL_SAMPLES}+ samples, got {wave.shape}")
    return np.pad(np.asarray(wave, np.float32), num_samples, mode="reflect")


def _mel_of_frames(
    padded: np.ndarray, magnitude: Callable[[np.ndarray], np.ndarray], filters: np.ndarray
) -> np.ndarray:
    blocks = [magnitude(spectrum).astype(np.float32) @ filters for spectrum in _spectra(padded)]
    return np.log(np.maximum(np.concatenate(blocks), np.float32(LOG_FLOOR)))


def _spectra(padded: np.ndarray) -> Iterator[np.ndarray]:
    """Complex (n, 513) blocks. float64, since its rounding must not show in quiet bins."""
    frames = sliding_window_view(padded, FFT_SAMPLES)[::HOP_SAMPLES]
    window = periodic_hann(FFT_SAMPLES)
    for start in range(0, len(frames), _BLOCK_FRAMES):
        yield np.fft.rfft(frames[start : start + _BLOCK_FRAMES] * window)


@cache
def periodic_hann(num_samples: int) -> np.ndarray:
    """float64 (num_samples,): one period of 0.5 - 0.5 cos, as torch (not symmetric as numpy)."""
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(num_samples) / num_samples)
    window.setflags(write=False)
    return window


@cache
def htk_filters() -> np.ndarray:
    """float32 (513, 100) triangles on the HTK scale, 0..12000 Hz, no area norm.

    Rounded to float32 at every step because torch does: the slopes differ by up to 7e-6 from
    float64, which the log of a narrow low band magnifies.
    """
    bins_hz = _linspace_f32(MAX_MEL_HZ, NUM_FFT_BINS)
    max_mel = 2595 * np.log10(1 + MAX_MEL_HZ / 700)
    exponents = _linspace_f32(max_mel, NUM_MELS + 2) / np.float32(2595)
    # numpy's own float32 power is off by one ulp from torch's in 19 of 102 places, this in 5.
    powers = np.power(10.0, exponents, dtype=np.float64).astype(np.float32)
    edges_hz = np.float32(700) * (powers - np.float32(1))
    return _triangles(bins_hz, edges_hz)


@cache
def slaney_filters() -> np.ndarray:
    """float32 (513, 100) triangles on the Slaney scale, 0..12000 Hz, each of unit area."""
    bins_hz = np.linspace(0, MAX_MEL_HZ, NUM_FFT_BINS)
    edges_hz = _slaney_to_hz(np.linspace(0, _hz_to_slaney(MAX_MEL_HZ), NUM_MELS + 2))
    area_norm = 2 / (edges_hz[2:] - edges_hz[:-2])
    filters = (_triangles(bins_hz, edges_hz) * area_norm).astype(np.float32)
    filters.setflags(write=False)
    return filters


def _linspace_f32(stop: float, num: int) -> np.ndarray:
    """0..stop in float32 steps, the upper half counted down from `stop` (as torch does)."""
    end, step = np.float32(stop), np.float32(stop) / np.float32(num - 1)
    index = np.arange(num, dtype=np.float32)
    return np.where(index < num // 2, step * index, end - step * (np.float32(num - 1) - index))


def _triangles(bins_hz: np.ndarray, edges_hz: np.ndarray) -> np.ndarray:
    """(bins, m) in the dtype given: band j rises from edge j to j + 1 and falls to j + 2."""
    widths = np.diff(edges_hz)
    offsets = edges_hz[None, :] - bins_hz[:, None]
    rising, falling = -offsets[:, :-2] / widths[:-1], offsets[:, 2:] / widths[1:]
    filters = np.maximum(np.minimum(rising, falling), bins_hz.dtype.type(0))
    filters.setflags(write=False)
    return filters


# Slaney's scale: 200/3 Hz a mel up to 1000 Hz, then 27 mels for each factor of 6.4.
_SLANEY_HZ_PER_MEL = 200 / 3
_SLANEY_KNEE_HZ = 1000.0
_SLANEY_KNEE_MEL = _SLANEY_KNEE_HZ / _SLANEY_HZ_PER_MEL  # 15
_SLANEY_LOG_STEP = np.log(6.4) / 27


def _hz_to_slaney(hz: float) -> float:
    """For frequencies above the knee only (the top of the scale)."""
    return _SLANEY_KNEE_MEL + np.log(hz / _SLANEY_KNEE_HZ) / _SLANEY_LOG_STEP


def _slaney_to_hz(mels: np.ndarray) -> np.ndarray:
    above = _SLANEY_KNEE_HZ * np.exp(_SLANEY_LOG_STEP * (mels - _SLANEY_KNEE_MEL))
    return np.where(mels < _SLANEY_KNEE_MEL, mels * _SLANEY_HZ_PER_MEL, above)
