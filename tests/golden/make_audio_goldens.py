"""Make tests/golden/audio/: resampler and mel front ends of the reference pipeline.

Runs in the environment described in make_f5_goldens.py:
`/work/torchenv/bin/python -m tests.golden.make_audio_goldens` from the repository root.
Waves are `seeded_wave(key, samples)`: not stored.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from tests.golden.audio_cases import MEL_SAMPLES, RESAMPLE_RATES, resample_input, seeded_wave
from tests.golden.torch_reference import modules, to_numpy, torchaudio

FOLDER = Path(__file__).parent / "audio"


def resample_goldens() -> dict[str, np.ndarray]:
    """torchaudio's windowed sinc at its defaults, to 24 kHz, as the pipeline calls it."""
    return {
        f"rate.{rate}": to_numpy(
            torchaudio.functional.resample(torch.from_numpy(resample_input(rate)), rate, 24_000)
        )
        for rate in RESAMPLE_RATES
    }


def mel_goldens() -> dict[str, np.ndarray]:
    """Log-mel (n, 100) float32 for each sample count: the default front end and bigvgan's."""
    goldens = {}
    for samples in MEL_SAMPLES:
        wave = torch.from_numpy(seeded_wave("mel", samples))[None]
        vocos = modules.get_vocos_mel_spectrogram(wave)
        bigvgan = modules.get_bigvgan_mel_spectrogram(wave)
        goldens[f"vocos.{samples}"] = to_numpy(vocos)[0].T
        goldens[f"bigvgan.{samples}"] = to_numpy(bigvgan)[0].T
    return goldens


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    np.savez(FOLDER / "resample.npz", **resample_goldens())
    np.savez(FOLDER / "mel.npz", **mel_goldens())


if __name__ == "__main__":
    main()
