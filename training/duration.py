"""Train the duration predictor: `python -m training.duration --help` (a few minutes).

The loss is a Huber distance of log durations; a last correction scales the output so that
predicted and true totals agree (a mean of logs is shorter than the mean). Killed at any moment,
the same command goes on from the last checkpoint with the batches it would have seen.
Axis legend: b batch, nt symbols.
"""

from __future__ import annotations

import argparse
import json
import logging
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import Array
from jaxtyping import Float, Int
from tqdm import tqdm

from models.duration import DurationConfig, with_silences
from models.duration.predictor import UNIT_S, init_params, log_durations, save_params
from text.symbols import symbol_ids
from training.data import SpeechData, Utterance
from training.flags import add_flags
from training.history import LOG_NAME, append_row
from training.state import TrainState, restore_state, save_state, update_ema

RESULT_NAME, REPORT_NAME = "duration.safetensors", "report.json"
MAX_CORRECTED_ROWS = 512  # rows that the last correction of the total looks at
MIN_UNITS = 0.5  # a symbol of length 0 has no logarithm
_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class DurationSettings:
    """What a run is made of."""

    num_steps: int = 2500
    num_rows: int = 32
    peak_rate: float = 2e-3
    clip: float = 1.0
    ema_decay: float = 0.998
    hidden_pace_share: float = 0.3  # rows that learn the average pace
    seed: int = 0
    save_every_steps: int = 500
    log_every: int = 50


class Rows(NamedTuple):
    """ids, mask and durations in 25 ms units (b, nt); pace (b,)."""

    ids: Int[np.ndarray, "b nt"]
    mask: Float[np.ndarray, "b nt"]
    units: Float[np.ndarray, "b nt"]
    pace: Float[np.ndarray, " b"]


def make_rows(utterances: list[Utterance], max_symbols: int = 256) -> Rows:
    """All utterances that fit, padded to `max_symbols`; pace is relative to their language.

    Raises ValueError when none is left.
    """
    kept = [u for u in utterances if u.durations and len(u.durations) <= max_symbols]
    if not kept:
        raise ValueError("no utterances with durations to train on: see docs/training.md")
    shape = (len(kept), max_symbols)
    rows = Rows(np.zeros(shape, np.int32), np.zeros(shape, np.float32), np.ones(shape, np.float32),
                np.ones(len(kept), np.float32))  # fmt: skip
    for i, utterance in enumerate(kept):
        assert utterance.phonemes is not None and utterance.durations is not None
        num = len(utterance.durations)
        rows.ids[i, :num] = with_silences(symbol_ids(utterance.phonemes))
        rows.mask[i, :num] = 1.0
        rows.units[i, :num] = np.maximum(utterance.durations, MIN_UNITS)
        rows.pace[i] = _mean_unit(utterance)
    for lang in {u.lang for u in kept}:
        members = np.array([u.lang == lang for u in kept])
        rows.pace[members] /= rows.pace[members].mean()
    return rows


def _mean_unit(utterance: Utterance) -> float:
    assert utterance.durations is not None
    return float(np.mean(utterance.durations[1:-1]))


def loss_of(params: Any, rows: Rows, pace: Array) -> Float[Array, ""]:
    """Mean Huber loss of log durations over the symbols."""
    logs = log_durations(jnp, params, jnp.asarray(rows.ids), jnp.asarray(rows.mask), pace)
    errors = optax.huber_loss(logs, jnp.log(rows.units), delta=0.5)
    return jnp.sum(errors * rows.mask) / jnp.sum(rows.mask)


def draw(rows: Rows, settings: DurationSettings, step: int) -> Rows:
    """The batch of a step, a pure function of (seed, step); some rows hide their pace."""
    rng = np.random.default_rng((settings.seed, step))
    pick = rng.choice(len(rows.pace), min(settings.num_rows, len(rows.pace)), replace=False)
    batch = trim(Rows(*(part[pick] for part in rows)))
    is_hidden = rng.random(len(pick)) < settings.hidden_pace_share
    return batch._replace(pace=np.where(is_hidden, 1.0, batch.pace).astype(np.float32))


def trim(rows: Rows) -> Rows:
    """Cut the common padding, to a multiple of 32 so that few shapes are compiled."""
    used = int(rows.mask.sum(1).max())
    width = -(-used // 32) * 32
    return Rows(rows.ids[:, :width], rows.mask[:, :width], rows.units[:, :width], rows.pace)


def total_ratio(params: Any, rows: Rows) -> float:
    """True over predicted speaking time, summed over all symbols."""
    logs = log_durations(jnp, params, rows.ids, rows.mask, jnp.asarray(rows.pace))
    return float(np.sum(rows.units * rows.mask) / np.sum(np.exp(logs) * rows.mask))


def report(params: Any, rows: Rows) -> dict[str, float]:
    """Error figures on held-out utterances, pace given and hidden."""
    logs = np.asarray(log_durations(jnp, params, rows.ids, rows.mask, jnp.asarray(rows.pace)))
    units = np.exp(logs)
    totals = np.sum(units * rows.mask, 1) / np.sum(rows.units * rows.mask, 1)
    absolute = np.sum(np.abs(units - rows.units) * rows.mask) / np.sum(rows.mask)
    return {
        "mean_abs_error_ms": 1000 * UNIT_S * float(absolute),
        "median_total_error": float(np.median(np.abs(totals - 1))),
        "loss_pace_hidden": float(loss_of(params, rows, jnp.ones(len(rows.pace)))),
        "loss": float(loss_of(params, rows, jnp.asarray(rows.pace))),
    }


class DurationTrainer:
    """Owns the compiled step; `state` is replaced at every step."""

    def __init__(self, config: DurationConfig, settings: DurationSettings) -> None:
        self.settings = settings
        num_steps = max(settings.num_steps, 2)
        schedule = optax.warmup_cosine_decay_schedule(
            0.0, settings.peak_rate, min(100, num_steps // 2), num_steps, settings.peak_rate / 100
        )
        self.optimiser = optax.chain(
            optax.clip_by_global_norm(settings.clip), optax.adamw(schedule, b2=0.98)
        )
        params = jax.tree.map(jnp.asarray, init_params(config, settings.seed))
        self.state = TrainState(params, self.optimiser.init(params), params)
        self.step = jax.jit(self._step)

    def _step(self, state: TrainState, batch: Rows) -> tuple[TrainState, Array]:
        loss, grads = jax.value_and_grad(loss_of)(state.params, batch, jnp.asarray(batch.pace))
        updates, optimiser = self.optimiser.update(grads, state.optimiser, state.params)
        params = optax.apply_updates(state.params, updates)
        ema = update_ema(state.ema, params, jnp.float32(self.settings.ema_decay))
        return TrainState(params, optimiser, ema), loss


def train(
    data_folder: Path,
    out: Path,
    settings: DurationSettings,
    config: DurationConfig | None = None,
) -> None:
    """Train (resuming from `out`), then write `out/duration.safetensors` and `report.json`.

    Raises ValueError: no utterances with durations, or a checkpoint of another network.
    """
    data = SpeechData(data_folder)
    rows = make_rows(data.select(split="train", is_aligned=True))
    held_out = data.select(split="dev", is_aligned=True)
    trainer = DurationTrainer(config or DurationConfig(), settings)
    out.mkdir(parents=True, exist_ok=True)
    _run(trainer, rows, out)
    _finish(out, trainer.state.ema, rows, make_rows(held_out) if held_out else rows)


def _run(trainer: DurationTrainer, rows: Rows, out: Path) -> None:
    settings, first = trainer.settings, 0
    restored = restore_state(out, trainer.state)
    if restored is not None:
        first, trainer.state, _ = restored
        _log.info("resuming at step %d", first)
    for step in tqdm(range(first, settings.num_steps), desc="duration", mininterval=5):
        trainer.state, loss = trainer.step(trainer.state, draw(rows, settings, step))
        num_done = step + 1
        is_last = num_done == settings.num_steps
        if num_done % settings.log_every == 0 or is_last:
            append_row(out / LOG_NAME, {"step": num_done, "loss": float(loss)})
        if num_done % settings.save_every_steps == 0 or is_last:
            save_state(out, num_done, trainer.state, {"settings": asdict(settings)})


def _finish(out: Path, ema: Any, rows: Rows, dev: Rows) -> None:
    """Correct the total length, write the result and what it scores on `dev`."""
    params = {name: np.array(value) for name, value in ema.items()}
    sample = Rows(*(part[:MAX_CORRECTED_ROWS] for part in rows))
    params["out.bias"] += np.log(total_ratio(params, sample))
    save_params(out / RESULT_NAME, params)
    figures = report(params, dev)
    (out / REPORT_NAME).write_text(json.dumps(figures, indent=1))
    _log.info("held-out: %s", figures)


def main(argv: list[str] | None = None) -> None:
    """Command line entry."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    parser = argparse.ArgumentParser(prog="python -m training.duration", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder made by training.prepare")
    parser.add_argument("--out", type=Path, required=True, help="checkpoints and result go here")
    add_flags(parser, DurationSettings())
    values = vars(parser.parse_args(argv))
    train(values.pop("data"), values.pop("out"), DurationSettings(**values))


if __name__ == "__main__":
    main()
