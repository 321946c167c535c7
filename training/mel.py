"""The mel front end until audio/ has one (specs: f5-tts 4.1)."""

from __future__ import annotations

import numpy as np

N_FFT, HOP, MELS, RATE = 1024, 256, 100, 24_000


def mel_filters() -> np.ndarray:
    """Float32 (513, 100) HTK triangles without area norm."""
    top = 2595.0 * np.log10(1.0 + 12000.0 / 700.0)
    edges = 700.0 * (10.0 ** (np.linspace(0.0, top, MELS + 2) / 2595.0) - 1.0)
    bins = np.linspace(0.0, 12000.0, N_FFT // 2 + 1)[:, None]
    up = (bins - edges[:-2]) / (edges[1:-1] - edges[:-2])
    down = (edges[2:] - bins) / (edges[2:] - edges[1:-1])
    return np.maximum(0.0, np.minimum(up, down)).astype(np.float32)


_FILTERS = mel_filters()
_WINDOW = (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(N_FFT) / N_FFT)).astype(np.float32)


def log_mel(wave: np.ndarray) -> np.ndarray:
    """Float32 (floor(nw / 256) + 1, 100) natural-log mel of (nw,) samples."""
    padded = np.pad(wave, N_FFT // 2, mode="reflect")
    frames = np.lib.stride_tricks.sliding_window_view(padded, N_FFT)[::HOP]
    power = np.abs(np.fft.rfft(frames * _WINDOW)).astype(np.float32)
    return np.log(np.maximum(power @ _FILTERS, 1e-5))
