"""Train the duration predictor: `python -m training.duration --help` (a few minutes).

The loss is a Huber distance of log durations; a last correction scales the output so that
predicted and true totals agree per language mix (a mean of logs is shorter than the mean).
"""

from __future__ import annotations

import argparse
import json
import logging
from collections.abc import Iterator
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
from models.duration.predictor import init_params, log_durations, save_params
from text.symbols import symbol_ids
from training.checkpoint import load_latest, save_checkpoint
from training.data import SpeechData, Utterance
from training.state import update_ema

_log = logging.getLogger(__name__)

HIDDEN_PACE_SHARE = 0.3
SAVE_EVERY_STEPS = 500
EMA_DECAY = 0.998


class Rows(NamedTuple):
    """ids, mask and durations in 25 ms units (b, nt); pace (b,)."""

    ids: Int[np.ndarray, "b nt"]
    mask: Float[np.ndarray, "b nt"]
    units: Float[np.ndarray, "b nt"]
    pace: Float[np.ndarray, " b"]


def make_rows(utterances: list[Utterance], max_symbols: int = 256) -> Rows:
    """All utterances that fit, padded to `max_symbols`; pace is relative to their language."""
    kept = [u for u in utterances if u.durations and len(u.durations) <= max_symbols]
    shape = (len(kept), max_symbols)
    rows = Rows(np.zeros(shape, np.int32), np.zeros(shape, np.float32), np.ones(shape, np.float32),
                np.ones(len(kept), np.float32))  # fmt: skip
    for i, utterance in enumerate(kept):
        assert utterance.phonemes is not None and utterance.durations is not None
        num = len(utterance.durations)
        rows.ids[i, :num] = with_silences(symbol_ids(utterance.phonemes))
        rows.mask[i, :num] = 1.0
        rows.units[i, :num] = np.maximum(utterance.durations, 0.5)
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


def _batches(rows: Rows, num_rows: int, seed: int) -> Iterator[Rows]:
    rng = np.random.default_rng(seed)
    while True:
        pick = rng.choice(len(rows.pace), num_rows, replace=False)
        batch = trim(Rows(*(part[pick] for part in rows)))
        hidden = rng.random(num_rows) < HIDDEN_PACE_SHARE
        yield batch._replace(pace=np.where(hidden, 1.0, batch.pace).astype(np.float32))


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
        "mean_abs_error_ms": 25 * float(absolute),
        "median_total_error": float(np.median(np.abs(totals - 1))),
        "loss_pace_hidden": float(loss_of(params, rows, jnp.ones(len(rows.pace)))),
        "loss": float(loss_of(params, rows, jnp.asarray(rows.pace))),
    }


def train(data_folder: Path, out: Path, *, num_steps: int, num_rows: int, seed: int) -> None:
    """Train (resuming from `out`), then write `out/duration.safetensors` and `report.json`."""
    data = SpeechData(data_folder)
    rows = make_rows(data.select(split="train", is_aligned=True))
    dev = make_rows(data.select(split="dev", is_aligned=True))
    schedule = optax.warmup_cosine_decay_schedule(0.0, 2e-3, 100, num_steps, 2e-5)
    optimiser = optax.chain(optax.clip_by_global_norm(1.0), optax.adamw(schedule, b2=0.98))
    params: Any = init_params(DurationConfig(), seed)
    state = (params, optimiser.init(params), params)
    first = 0
    found = load_latest(out)
    if found is not None:
        first, arrays, _ = found
        state = jax.tree.unflatten(jax.tree.structure(state), list(arrays.values()))

    @jax.jit
    def step(state: Any, batch: Rows) -> tuple[Any, Array]:
        params, moments, ema = state
        loss, grads = jax.value_and_grad(loss_of)(params, batch, jnp.asarray(batch.pace))
        updates, moments = optimiser.update(grads, moments, params)
        params = optax.apply_updates(params, updates)
        return (params, moments, update_ema(ema, params, jnp.float32(EMA_DECAY))), loss

    batches = _batches(rows, num_rows, seed + first)
    for number in tqdm(range(first, num_steps), desc="duration", mininterval=5):
        state, _ = step(state, next(batches))
        if (number + 1) % SAVE_EVERY_STEPS == 0:
            names = [f"{i:04d}" for i in range(len(jax.tree.leaves(state)))]
            leaves = [np.asarray(leaf) for leaf in jax.tree.leaves(state)]
            save_checkpoint(out, number + 1, dict(zip(names, leaves, strict=True)), {})
    _finish(out, state[2], rows, dev)


def _finish(out: Path, ema: Any, rows: Rows, dev: Rows) -> None:
    params = {name: np.array(value) for name, value in ema.items()}
    sample = Rows(*(part[:512] for part in rows))
    params["out.bias"] += np.log(total_ratio(params, sample))
    out.mkdir(parents=True, exist_ok=True)
    save_params(out / "duration.safetensors", params)
    figures = report(params, dev)
    (out / "report.json").write_text(json.dumps(figures, indent=1))
    _log.info("held-out: %s", figures)


def main(argv: list[str] | None = None) -> None:
    """Command line entry."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    parser = argparse.ArgumentParser(prog="python -m training.duration", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder made by training.prepare")
    parser.add_argument("--out", type=Path, required=True, help="checkpoints and result go here")
    parser.add_argument("--num-steps", type=int, default=2500)
    parser.add_argument("--num-rows", type=int, default=32)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args(argv)
    train(args.data, args.out, num_steps=args.num_steps, num_rows=args.num_rows, seed=args.seed)


if __name__ == "__main__":
    main()
