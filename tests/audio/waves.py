"""Waves and files that the audio tests share."""

from __future__ import annotations

import io

import numpy as np
import soundfile


def speech_like(duration_s: float, sample_rate: int = 24_000, level: float = 0.2) -> np.ndarray:
    """Noise in bursts of 0.3 s with 0.1 s pauses and quiet edges, float32 (nw,)."""
    rng = np.random.default_rng(7)
    t = np.arange(round(duration_s * sample_rate)) / sample_rate
    envelope = np.where(t % 0.4 < 0.3, 1.0, 1e-4)
    envelope[(t < 0.05) | (t > duration_s - 0.05)] = 1e-4
    return np.clip(level * envelope * rng.standard_normal(len(t)), -0.99, 0.99).astype(np.float32)


def sine(duration_s: float, hz: float = 220.0, sample_rate: int = 24_000) -> np.ndarray:
    t = np.arange(round(duration_s * sample_rate)) / sample_rate
    return (0.3 * np.sin(2 * np.pi * hz * t)).astype(np.float32)


def file_bytes(
    samples: np.ndarray, sample_rate: int = 24_000, kind: str = "WAV", subtype: str = "PCM_16"
) -> bytes:
    """Written in blocks of a second: one long Vorbis write crashes libsndfile (M11)."""
    sink = io.BytesIO()
    channels = 1 if samples.ndim == 1 else samples.shape[1]
    with soundfile.SoundFile(
        sink, "w", sample_rate, channels, format=kind, subtype=subtype
    ) as file:
        for start in range(0, len(samples), sample_rate):
            file.write(samples[start : start + sample_rate])
    return sink.getvalue()
