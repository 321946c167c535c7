"""Look at and listen to a run of training.acoustic: `python -m training.preview --help`.

A few held-out utterances are sampled with the averaged weights and their true durations, in the
voice of another utterance of the same speaker: `<id>_<step>.png` beside the original, with a
vocoder `<id>_<step>.wav`; `loss.png` is the run's history. Needs matplotlib
(requirements-dev.txt).
"""

from __future__ import annotations

import argparse
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import jax.numpy as jnp
import numpy as np
import soundfile
from jaxtyping import Float

from models.f5 import F5Model, sample
from models.vocos import Vocos, VocosConfig, load_vocos
from training.batches import prompt
from training.data import SAMPLE_RATE, SpeechData, Utterance
from training.export import read_ema
from training.history import LOG_NAME, read_columns

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MAX_REF_FRAMES = 235  # 2.5 s, what serving takes of a reference
MEL_RANGE = (-11.5, 3.0)
_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class PreviewSettings:
    """How many utterances, and how they are sampled."""

    num_utterances: int = 3
    num_steps: int = 8
    guidance: float = 1.0
    seed: int = 0


def preview(
    data: SpeechData,
    run: Path,
    out: Path,
    settings: PreviewSettings,
    vocoder: Vocos | None = None,
) -> list[Path]:
    """Write pictures, and WAVs where there is a vocoder; returns their paths.

    Raises:
        FileNotFoundError: the run has no checkpoint yet.
        ValueError: the data has no utterance with durations.
        ModuleNotFoundError: matplotlib is not installed.
    """
    blank_figure(1, 1)  # sampling takes long: miss matplotlib now
    model, facts = read_ema(run)
    out.mkdir(parents=True, exist_ok=True)
    written = []
    for utterance in held_out(data, settings.num_utterances):
        made = say(model, data, utterance, settings)
        stem = f"{utterance.id}_{facts['steps']:07d}"
        written.append(draw_mels(out / f"{stem}.png", data.mel(utterance), made))
        if vocoder is not None:
            written.append(_write_wave(out / f"{stem}.wav", vocoder, made))
    if (run / LOG_NAME).exists():
        written.append(draw_losses(run / LOG_NAME, out / "loss.png"))
    return written


def held_out(data: SpeechData, num: int) -> list[Utterance]:
    """Up to `num` dev utterances with durations, spread over the set; training ones if none."""
    found = data.select(split="dev", is_aligned=True) or data.select(is_aligned=True)
    if not found:
        raise ValueError("no utterances with durations: see docs/training.md")
    places = np.linspace(0, len(found) - 1, min(num, len(found))).round().astype(int)
    return [found[place] for place in places]


def say(
    model: F5Model, data: SpeechData, utterance: Utterance, settings: PreviewSettings
) -> Float[np.ndarray, "n m"]:
    """The model's log-mel of an utterance, its reference not included."""
    others = [u for u in data.utterances if u.voice == utterance.voice and u.id != utterance.id]
    reference = others[0] if others else utterance
    cond, ids = prompt(data, reference, utterance, MAX_REF_FRAMES)
    mel = sample(
        model,
        cond,
        ids,
        len(ids),
        seed=settings.seed,
        steps=settings.num_steps,
        guidance_scale=settings.guidance,
    )
    return mel[len(cond) :]


def draw_mels(path: Path, original: np.ndarray, made: np.ndarray) -> Path:
    """Both log-mels (n, m), one above the other."""
    figure = blank_figure(10, 6)
    parts = (("original", original), ("sampled", made))
    for axis, (title, mel) in zip(figure.subplots(2, 1, sharex=True), parts, strict=True):
        axis.imshow(mel.T, origin="lower", aspect="auto", vmin=MEL_RANGE[0], vmax=MEL_RANGE[1])
        axis.set(title=title, ylabel="mel bin")
    figure.savefig(path, dpi=70)
    return path


def draw_losses(log: Path, path: Path) -> Path:
    """Every column of a log that is a loss, over the steps."""
    columns = read_columns(log)
    figure = blank_figure(10, 5)
    axis = figure.subplots()
    for name in (name for name in columns if name.endswith("loss")):
        axis.plot(columns["step"], columns[name], label=name, linewidth=1)
    axis.set(xlabel="step", ylabel="loss", yscale="log")
    axis.grid(visible=True, which="both", alpha=0.3)
    axis.legend()
    figure.savefig(path, dpi=70)
    return path


def blank_figure(width_in: float, height_in: float) -> Figure:
    """Without pyplot there is no window system to choose: it is saved by Agg.

    Raises ModuleNotFoundError saying what to install.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ModuleNotFoundError(
            "pictures need matplotlib: pip install -r requirements-dev.txt"
        ) from error
    return Figure(figsize=(width_in, height_in), layout="tight")


def _write_wave(path: Path, vocoder: Vocos, mel: np.ndarray) -> Path:
    wave = vocoder(jnp.asarray(mel[None]), jnp.array([len(mel)]))
    soundfile.write(path, np.asarray(wave)[0].clip(-1, 1), SAMPLE_RATE)
    return path


def main(argv: list[str] | None = None) -> None:
    """Command line entry."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    parser = argparse.ArgumentParser(prog="python -m training.preview", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder made by training.prepare")
    parser.add_argument("--acoustic", type=Path, required=True, help="run of training.acoustic")
    parser.add_argument("--out", type=Path, required=True, help="folder for pictures and sound")
    parser.add_argument("--vocoder", type=Path, help="vocoder.safetensors, to listen too")
    defaults = PreviewSettings()
    parser.add_argument("--num-utterances", type=int, default=defaults.num_utterances)
    parser.add_argument("--num-steps", type=int, default=defaults.num_steps)
    parser.add_argument("--guidance", type=float, default=defaults.guidance)
    parser.add_argument("--seed", type=int, default=defaults.seed)
    values = vars(parser.parse_args(argv))
    data, run, out, file = (values.pop(key) for key in ("data", "acoustic", "out", "vocoder"))
    vocoder = None if file is None else load_vocos(file, VocosConfig.small())
    for path in preview(SpeechData(data), run, out, PreviewSettings(**values), vocoder):
        _log.info("%s", path)


if __name__ == "__main__":
    main()
