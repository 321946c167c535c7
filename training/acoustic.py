"""Train the acoustic model of the shipped voice: `python -m training.acoustic --help`.

Killed at any moment, the same command goes on from the last checkpoint with the batches it would
have seen. `--init-from` fine-tunes the model of a bundle, `--distil-guidance` turns its two passes
a step into one; the step is in training.acoustic_trainer.
"""

from __future__ import annotations

import argparse
import json
import logging
import math
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict
from pathlib import Path

import jax
from jax import Array
from tqdm import tqdm

from frontend.bundle import find_bundle
from models.f5 import F5Config, F5Model, load_f5
from training.acoustic_trainer import (
    AcousticSettings,
    AcousticTrainer,
    rows_mesh,
    with_guidance_input,
)
from training.batches import Batch, CropSampler, prefetched
from training.data import SpeechData
from training.flags import add_flags
from training.history import LOG_NAME, append_row
from training.optimiser import learning_rate_scale
from training.state import restore_state, save_state

DEV_SEED = 7
_log = logging.getLogger(__name__)


def train(
    data_folder: Path,
    out: Path,
    config: F5Config,
    settings: AcousticSettings,
    model: F5Model | None = None,
    teacher: F5Model | None = None,
) -> None:
    """Train until the time budget is spent, resuming from `out` where possible.

    Args:
        data_folder: made by training.prepare; utterances without durations are not used.
        out: gets checkpoints, config.json and log.csv.
        config: the network's.
        settings: the run's.
        model: weights to start from (a checkpoint in `out` goes first); None: random ones.
        teacher: of a network with `max_guidance` (AcousticTrainer).

    Raises:
        ValueError: no usable utterances, rows that do not divide by the devices, a checkpoint
            of another network, no teacher where one is needed.
        FloatingPointError: the loss is no longer a number.
    """
    data = SpeechData(data_folder)
    mesh = rows_mesh(settings.num_rows, settings.num_devices)
    trainer = AcousticTrainer(config, settings, mesh, model, teacher)
    first, spent_s = _resume(trainer, out)
    (out / "config.json").write_text(json.dumps(config.to_dict(), indent=1))
    rows = data.select(split="train", is_aligned=True)
    sampler = CropSampler(data, rows, settings.num_frames, settings.seed, settings.short_share)
    dev = CropSampler(
        data, data.select(split="dev", is_aligned=True) or rows, settings.num_frames, DEV_SEED
    )
    dev_batch = trainer.place(dev.batch(0, settings.num_rows))
    with closing(prefetched(sampler, settings.num_rows, first)) as batches:
        _run(trainer, batches, dev_batch, out, first, spent_s)


def _resume(trainer: AcousticTrainer, out: Path) -> tuple[int, float]:
    """Step and seconds spent so far; fills the trainer's state from the newest checkpoint."""
    out.mkdir(parents=True, exist_ok=True)
    restored = restore_state(out, trainer.state)
    if restored is None:
        return 0, 0.0
    step, state, meta = restored
    trainer.state = trainer.replicate(state)
    _log.info("resuming at step %d after %.1f minutes", step, meta["spent_s"] / 60)
    return step, meta["spent_s"]


def _run(
    trainer: AcousticTrainer,
    batches: Iterator[Batch],
    dev: tuple[Array, ...],
    out: Path,
    step: int,
    spent_s: float,
) -> None:
    settings, saved_s = trainer.settings, spent_s
    budget_s = settings.minutes * 60
    begun = time.monotonic() - spent_s
    with tqdm(desc="acoustic", initial=step, unit="step", mininterval=10) as bar:
        while spent_s < budget_s and step < settings.max_steps:
            facts = _advance(trainer, next(batches), step, spent_s / budget_s)
            step += 1
            bar.update()
            spent_s = time.monotonic() - begun
            is_done = spent_s >= budget_s or step >= settings.max_steps
            if step % settings.log_every == 0 or is_done:
                # Always with the same noise and times.
                facts["dev_loss"] = trainer.evaluate(dev, jax.random.key(1))
                append_row(out / LOG_NAME, _log_row(step, spent_s, facts))
                bar.set_postfix(loss=f"{facts['loss']:.3f}", dev=f"{facts['dev_loss']:.3f}")
            if spent_s - saved_s > settings.save_every_s or is_done:
                _save(trainer, out, step, spent_s)
                saved_s = spent_s


def _advance(
    trainer: AcousticTrainer, batch: Batch, step: int, used_share: float
) -> dict[str, float]:
    """One step at the rate that belongs to this share of the budget; what it was like."""
    settings = trainer.settings
    rate = settings.peak_rate * learning_rate_scale(step, used_share)
    decay = min(settings.ema_decay, (1 + step) / (10 + step))
    key = jax.random.fold_in(jax.random.key(settings.seed), step)
    loss, norm = trainer.step(trainer.place(batch), key, rate, decay)
    if not math.isfinite(float(loss)):
        raise FloatingPointError(f"the loss became {float(loss)}; lower --peak-rate and go on")
    return {"loss": float(loss), "grad_norm": float(norm), "rate": rate}


def _log_row(step: int, spent_s: float, facts: dict[str, float]) -> dict[str, float]:
    names = ("loss", "dev_loss", "grad_norm", "rate")  # as in the logs of older runs
    return {"step": step, "spent_s": spent_s} | {name: facts[name] for name in names}


def _save(trainer: AcousticTrainer, out: Path, step: int, spent_s: float) -> None:
    meta = {
        "config": trainer.config.to_dict(),
        "settings": asdict(trainer.settings),
        "spent_s": spent_s,
    }
    save_state(out, step, trainer.state, meta, keep=trainer.settings.num_checkpoints)


def _parse(argv: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m training.acoustic", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder made by training.prepare")
    parser.add_argument("--out", type=Path, required=True, help="checkpoints and logs go here")
    parser.add_argument(
        "--init-from", metavar="BUNDLE", help="fine-tune this bundle, as assets/jetvoice-small"
    )
    parser.add_argument(
        "--distil-guidance",
        type=float,
        metavar="MAX",
        help="make the guidance scale, from 0 to MAX, an input of the network; with --init-from",
    )
    add_flags(parser, AcousticSettings())
    args = parser.parse_args(argv)
    if args.distil_guidance is not None and args.init_from is None:
        parser.error("--distil-guidance needs --init-from: a trained model is the teacher")
    return args


def main(argv: list[str] | None = None) -> None:
    """Command line entry."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    values = vars(_parse(argv))
    data, out, origin = (values.pop(name) for name in ("data", "out", "init_from"))
    model, teacher = _start(origin, values.pop("distil_guidance"))
    config = F5Config.shipped_voice() if model is None else model.config
    train(data, out, config, AcousticSettings(**values), model, teacher)


def _start(origin: str | None, max_guidance: float | None) -> tuple[F5Model | None, F5Model | None]:
    """The model to start from, and its teacher where it takes the guidance scale as an input."""
    if origin is None:
        return None, None
    bundle = find_bundle(origin)
    found = load_f5(bundle.acoustic_path, bundle.f5)
    if max_guidance is not None and bundle.f5.max_guidance is None:
        return with_guidance_input(found, max_guidance), found
    return found, None if bundle.f5.max_guidance is None else found


if __name__ == "__main__":
    main()
