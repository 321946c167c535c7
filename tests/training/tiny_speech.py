"""A few seconds of tone-like speech in the prepared layout, and a run that cost no training."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx

from audio.mel import log_mel
from tests.tiny_models import random_f5
from text.symbols import SYMBOL_IDS
from training.data import INDEX_NAME, MEL_NAME, SAMPLE_RATE, WAVE_NAME
from training.state import TrainState, save_state

UNIT_SAMPLES = 600
VOICES = {"low": 110.0, "high": 190.0}
TEXTS = ("hat, su.", "tush at.", "as tut a.", "satu.")


def write_data(folder: Path) -> Path:
    """Two voices with four utterances of about a second; the last of each is held out."""
    waves, mels, rows = [], [], []
    for voice, base_hz in VOICES.items():
        for number, text in enumerate(TEXTS):
            durations = [6, *(3 + SYMBOL_IDS[symbol] % 5 for symbol in text), 8]
            wave = _speech(text, durations, base_hz)
            row = {
                "id": f"{voice}_{number}",
                "split": "dev" if number == len(TEXTS) - 1 else "train",
                "lang": "en",
                "voice": voice,
                "text": text,
                "phonemes": text,
                "durations": durations,
            }
            rows.append(row | _places(rows, wave))
            waves.append(wave)
            mels.append(log_mel(wave.astype(np.float32) / 32767).astype(np.float16))
    folder.mkdir(parents=True, exist_ok=True)
    np.concatenate(waves).tofile(folder / WAVE_NAME)
    np.concatenate(mels).tofile(folder / MEL_NAME)
    (folder / INDEX_NAME).write_text(json.dumps({"utterances": rows}))
    return folder


def _speech(text: str, durations: list[int], base_hz: float) -> np.ndarray:
    """Int16 (nw,): every symbol is a buzz with a pitch of its own, between two silences."""
    pitches = [base_hz * (1 + 0.1 * (SYMBOL_IDS[symbol] % 7)) for symbol in text]
    hertz = np.repeat([0.0, *pitches, 0.0], np.array(durations) * UNIT_SAMPLES)
    angle = 2 * np.pi * np.cumsum(hertz) / SAMPLE_RATE
    buzz = sum(np.sin(angle * harmonic) / harmonic for harmonic in range(1, 12))
    return (0.1 * buzz * 32767).astype(np.int16)


def _places(rows: list[dict[str, Any]], wave: np.ndarray) -> dict[str, int]:
    last = rows[-1] if rows else dict.fromkeys(
        ("wave_offset", "num_samples", "mel_offset", "num_frames"), 0
    )  # fmt: skip
    return {
        "wave_offset": last["wave_offset"] + last["num_samples"],
        "num_samples": len(wave),
        "mel_offset": last["mel_offset"] + last["num_frames"],
        "num_frames": len(wave) // 256 + 1,
    }


def write_run(folder: Path) -> Path:
    """The checkpoint of an acoustic run at step 3 with random weights, half of them as EMA."""
    model = random_f5()
    params = nnx.to_pure_dict(nnx.split(model)[1])
    ema = jax.tree.map(lambda leaf: jnp.asarray(0.5 * leaf), params)
    state = TrainState(params, optax.identity().init(params), ema)
    save_state(folder, 3, state, {"config": model.config.to_dict(), "spent_s": 90.0})
    return folder
