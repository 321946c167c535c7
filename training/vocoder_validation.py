"""Dev-set check of a vocoder: mel error, samples to listen to, one picture.

Everything goes under `<out>/validation/`; nothing here touches the training state.
"""

from __future__ import annotations

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import soundfile
from flax import nnx

from audio.mel import log_mel
from models.vocos.modeling import Vocos
from training.data import HOP_SAMPLES, SAMPLE_RATE, SpeechData
from training.history import append_row
from training.preview import MEL_RANGE, blank_figure

MAX_UTTERANCES = 8
MAX_FRAMES = 512
NUM_SAMPLES_KEPT = 3

_decode = nnx.jit(lambda model, mel, num_frames: model(mel, num_frames))


def validate(model: Vocos, data: SpeechData, out: Path, step: int) -> dict[str, float]:
    """Mean |log-mel error| of copy synthesis over dev clips; writes samples and a picture.

    Falls back to training clips where a data set has no dev split.
    """
    folder = out / "validation"
    folder.mkdir(parents=True, exist_ok=True)
    clips = (data.select(split="dev") or data.utterances)[:MAX_UTTERANCES]
    errors, shown = [], []
    for number, clip in enumerate(clips):
        mel = data.mel(clip)[:MAX_FRAMES]
        wave = copy_synthesis(model, mel)
        again = log_mel(wave)[: len(mel)]
        errors.append(float(np.abs(again - mel[: len(again)]).mean()))
        if number < NUM_SAMPLES_KEPT:
            soundfile.write(folder / f"{clip.id}_{step:07d}.wav", wave, SAMPLE_RATE)
            shown.append((mel, again))
    _picture(folder / f"mel_{step:07d}.png", shown)
    heard = {"mel_error": float(np.mean(errors))}
    append_row(folder / "dev.csv", {"step": step} | heard)
    return heard


def copy_synthesis(model: Vocos, mel: np.ndarray) -> np.ndarray:
    """(n, 100) log-mel -> float32 ((n - 1) * hop,), padded to MAX_FRAMES to compile once."""
    padded = np.zeros((1, max(MAX_FRAMES, len(mel)), mel.shape[1]), np.float32)
    padded[0, : len(mel)] = mel
    wave = _decode(model, jnp.asarray(padded), jnp.array([len(mel)]))
    return np.asarray(jax.device_get(wave))[0, : (len(mel) - 1) * HOP_SAMPLES]


def _picture(path: Path, shown: list[tuple[np.ndarray, np.ndarray]]) -> None:
    figure = blank_figure(12, 3 * len(shown))
    axes = figure.subplots(len(shown), 2, squeeze=False)
    for row, pair in zip(axes, shown, strict=True):
        for axis, mel, title in zip(row, pair, ("original", "vocoder"), strict=True):
            axis.imshow(mel.T, origin="lower", aspect="auto", vmin=MEL_RANGE[0], vmax=MEL_RANGE[1])
            axis.set_title(title)
    figure.savefig(path, dpi=60)
