"""Train the acoustic model of the shipped voice: `python -m training.acoustic --help`.

Flow matching on crops (training.batches): x_t = (1 - t) x0 + t x1, the network predicts
x1 - x0, the loss counts the frames to be spoken (specs: f5-tts 3, and arXiv 2410.06885).
Killed at any moment, the same command goes on from the last checkpoint.
"""

from __future__ import annotations

import argparse
import csv
import json
import logging
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx
from jax import Array
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from jaxtyping import Float, Int
from tqdm import tqdm

from models.f5 import F5Config, F5Model
from models.f5.modeling import frame_mask
from training.batches import Batch, CropSampler, prefetched
from training.data import SpeechData
from training.optimiser import learning_rate_scale, make_optimiser
from training.state import TrainState, restore_state, save_state, update_ema

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class AcousticSettings:
    """What a run is made of. `minutes` is time spent training, over all restarts."""

    minutes: float = 60.0
    num_rows: int = 9
    num_frames: int = 704  # serving adds a sentence to 3 s of reference: 500 to 800 frames
    peak_rate: float = 1.5e-3
    weight_decay: float = 0.02
    clip: float = 1.0
    ema_decay: float = 0.999
    null_share: float = 0.15  # rows that learn the unguided branch
    unvoiced_share: float = 0.1  # rows with text but without a reference
    seed: int = 0
    save_every_s: float = 240.0
    log_every: int = 20


def flow_loss(
    model: F5Model,
    mel: Float[Array, "b n m"],
    text_ids: Int[Array, "b n"],
    num_ref: Int[Array, " b"],
    lengths: Int[Array, " b"],
    key: Array,
    settings: AcousticSettings,
) -> Float[Array, ""]:
    """Mean squared velocity error per mel bin over the frames to be spoken."""
    config = model.config
    noise_key, time_key, null_key, unvoiced_key = jax.random.split(key, 4)
    b, n, _ = mel.shape
    is_ref, inside = frame_mask(num_ref, n), frame_mask(lengths, n)
    target = jnp.where(inside, (mel - config.mel_mean) / config.mel_std, 0.0)
    noise = jax.random.normal(noise_key, target.shape)
    # Logit-normal times: most of the error is in the middle of the path (arXiv 2403.03206).
    times = jax.nn.sigmoid(jax.random.normal(time_key, (b,)))
    x = noise + times[:, None, None] * (target - noise)
    is_unvoiced = jax.random.bernoulli(unvoiced_key, settings.unvoiced_share, (b, 1, 1))
    cond = jnp.where(is_ref & ~is_unvoiced, target, 0.0)
    is_null = jax.random.bernoulli(null_key, settings.null_share, (b, 1, 1))
    guided = model.encode(cond, text_ids, lengths)
    null = model.encode(cond, text_ids, lengths, is_null=True)
    velocity = model.velocity(x, jnp.where(is_null, null, guided), model.modulate(times), lengths)
    error = jnp.square(velocity - (target - noise))
    counted = inside & ~is_ref
    return jnp.sum(jnp.where(counted, error, 0.0)) / (jnp.sum(counted) * config.mel_dim)


def is_muon_matrix(path: tuple[Any, ...], leaf: Array) -> bool:
    """Muon takes the blocks' products; tables, convolutions, AdaLN and the output stay AdamW."""
    name = jax.tree_util.keystr(path)
    return (
        leaf.ndim >= 2
        and any(
            part in name for part in ("'qkv'", "'out'", "'expand'", "'project'", "'input_proj'")
        )
        and "kernel" in name
    )


class AcousticTrainer:
    """Owns the compiled step; `state` is replaced at every step."""

    def __init__(self, config: F5Config, settings: AcousticSettings, mesh: Mesh) -> None:
        self.config, self.settings = config, settings
        self.rows = NamedSharding(mesh, PartitionSpec("data"))
        self.graph, self.state_like = nnx.split(F5Model(config, rngs=nnx.Rngs(settings.seed)))
        params = nnx.to_pure_dict(self.state_like)
        self.optimiser = make_optimiser(
            is_muon_matrix, weight_decay=settings.weight_decay, clip=settings.clip
        )
        self.replicas = NamedSharding(mesh, PartitionSpec())
        state = TrainState(params, self.optimiser.init(params), jax.tree.map(jnp.copy, params))
        self.state = self.replicate(state)
        self.step = jax.jit(self._step, donate_argnums=0)
        self.evaluate = jax.jit(self._loss)

    def replicate(self, state: TrainState) -> TrainState:
        """The state on every device of the mesh; without it the second step compiles again."""
        return jax.device_put(state, self.replicas)

    def build(self, params: Any) -> F5Model:
        """The network with these parameters."""
        state = jax.tree.map(lambda leaf: leaf, self.state_like)
        nnx.replace_by_pure_dict(state, params)
        return nnx.merge(self.graph, state)

    def _loss(self, params: Any, batch: tuple[Array, ...], key: Array) -> Float[Array, ""]:
        return flow_loss(self.build(params), *batch, key, self.settings)

    def _step(
        self, state: TrainState, batch: tuple[Array, ...], key: Array, rate: Array, decay: Array
    ) -> tuple[TrainState, Array, Array]:
        loss, grads = jax.value_and_grad(self._loss)(state.params, batch, key)
        updates, optimiser = self.optimiser.update(grads, state.optimiser, state.params)
        updates = jax.tree.map(lambda u: rate * u, updates)
        params = optax.apply_updates(state.params, updates)
        ema = update_ema(state.ema, params, decay)
        return TrainState(params, optimiser, ema), loss, optax.global_norm(grads)

    def place(self, batch: Batch) -> tuple[Array, ...]:
        """Rows spread over the mesh's data axis."""
        parts = (batch.mel, batch.text_ids, batch.num_ref, batch.lengths)
        return tuple(jax.device_put(part, self.rows) for part in parts)


def train(data_folder: Path, out: Path, config: F5Config, settings: AcousticSettings) -> None:
    """Train until the time budget is spent, resuming from `out` where possible."""
    data = SpeechData(data_folder)
    trainer = AcousticTrainer(config, settings, Mesh(np.array(jax.devices()), ("data",)))
    first, spent_s = 0, 0.0
    restored = restore_state(out, trainer.state)
    if restored is not None:
        first, state, meta = restored
        trainer.state = trainer.replicate(state)
        spent_s = meta["spent_s"]
        _log.info("resuming at step %d after %.1f minutes", first, spent_s / 60)
    out.mkdir(parents=True, exist_ok=True)
    (out / "config.json").write_text(json.dumps(config.to_dict(), indent=1))
    train_rows = data.select(split="train", is_aligned=True)
    sampler = CropSampler(data, train_rows, settings.num_frames, settings.seed + first)
    dev = CropSampler(data, data.select(split="dev", is_aligned=True), settings.num_frames, 7)
    dev_batch = trainer.place(dev.batch(settings.num_rows))
    _run(trainer, prefetched(sampler, settings.num_rows), dev_batch, out, first, spent_s)


def _run(
    trainer: AcousticTrainer, batches: Any, dev: Any, out: Path, step: int, spent_s: float
) -> None:
    settings = trainer.settings
    budget_s = settings.minutes * 60
    meta = {"config": trainer.config.to_dict(), "settings": asdict(settings)}
    saved_s = last_s = spent_s
    begun = time.monotonic() - spent_s
    bar = tqdm(desc="acoustic", initial=step, unit="step", mininterval=10)
    while spent_s < budget_s:
        rate = settings.peak_rate * learning_rate_scale(step, spent_s / budget_s)
        decay = min(settings.ema_decay, (1 + step) / (10 + step))
        key = jax.random.fold_in(jax.random.key(settings.seed), step)
        trainer.state, loss, norm = trainer.step(
            trainer.state, trainer.place(next(batches)), key, jnp.float32(rate), jnp.float32(decay)
        )
        step += 1
        bar.update()
        loss.block_until_ready()
        spent_s = time.monotonic() - begun
        if step % settings.log_every == 0:
            dev_loss = trainer.evaluate(trainer.state.ema, dev, jax.random.key(1))
            row = (step, spent_s, float(loss), float(dev_loss), float(norm), rate)
            _append(out / "log.csv", row)
            bar.set_postfix(loss=f"{row[2]:.3f}", dev=f"{row[3]:.3f}", s=f"{spent_s - last_s:.0f}")
            last_s = spent_s
        if spent_s - saved_s > settings.save_every_s or spent_s >= budget_s:
            save_state(out, step, trainer.state, meta | {"spent_s": spent_s})
            saved_s = spent_s


def _append(path: Path, row: tuple[float, ...]) -> None:
    is_new = not path.exists()
    with path.open("a", newline="") as file:
        writer = csv.writer(file)
        if is_new:
            writer.writerow(("step", "spent_s", "loss", "dev_loss", "grad_norm", "rate"))
        writer.writerow([f"{value:.6g}" for value in row])


def _parse(argv: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m training.acoustic", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder made by training.prepare")
    parser.add_argument("--out", type=Path, required=True, help="checkpoints and logs go here")
    defaults = AcousticSettings()
    for name, value in asdict(defaults).items():
        flag = "--" + name.replace("_", "-")
        parser.add_argument(flag, type=type(value), default=value, help=f"default {value}")
    return parser.parse_args(argv)


def main(argv: list[str] | None = None, configure: Callable[[], F5Config] | None = None) -> None:
    """Command line entry; `configure` names another model than the shipped voice's."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    values = vars(_parse(argv))
    data, out = values.pop("data"), values.pop("out")
    config = (configure or F5Config.shipped_voice)()
    train(data, out, config, AcousticSettings(**values))


if __name__ == "__main__":
    main()
