"""Train the vocoder of the shipped voice: `python -m training.vocoder --help`.

Crops of real speech at random loudness are turned into mels inside the compiled step and spoken
back; the losses are in training.vocoder_losses. Killed at any moment, the same command goes on
from the last checkpoint, with the same crops it would have seen. Axis legend: b batch,
n mel frames, nw wave samples, f spectrum bins.
"""

from __future__ import annotations

import argparse
import csv
import json
import logging
import math
import time
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
from jaxtyping import Float
from tqdm import tqdm

from audio.mel import htk_filters
from models.vocos.config import VocosConfig
from models.vocos.modeling import Vocos, complex_spectrum, frame_mask, istft
from training.data import SpeechData
from training.optimiser import learning_rate_scale
from training.state import TrainState, restore_state, save_state, update_ema
from training.vocoder_losses import (
    MAGNITUDE_FLOOR,
    LossWeights,
    log_mel,
    magnitude,
    reconstruction_terms,
    stft,
    weighted_total,
)
from training.vocoder_validation import validate

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class VocoderSettings:
    """What a run is made of. `minutes` is time spent training, over all restarts."""

    minutes: float = 60.0
    num_rows: int = 16
    num_frames: int = 40
    peak_rate: float = 1.5e-3
    weight_decay: float = 0.01
    clip: float = 5.0
    ema_decay: float = 0.999
    min_gain_db: float = -12.0
    max_gain_db: float = 4.0
    seed: int = 0
    save_every_s: float = 180.0
    validate_every_s: float = 600.0
    log_every: int = 50


class WaveSampler:
    """Random crops, a pure function of (seed, step), so that a resumed run repeats nothing."""

    def __init__(self, data: SpeechData, settings: VocoderSettings, config: VocosConfig) -> None:
        self._data, self._settings, self._config = data, settings, config
        self._rows = data.select(split="train", min_frames=settings.num_frames + 1)
        if not self._rows:
            raise ValueError(f"no training utterance has {settings.num_frames + 1} frames")

    def batch(self, step: int) -> np.ndarray:
        """Float32 (b, (n - 1) * hop + n_fft): the crop and half a window on both sides."""
        settings, hop, n_fft = self._settings, self._config.hop_samples, self._config.n_fft
        rng = np.random.default_rng((settings.seed, step))
        waves = []
        for row in rng.integers(len(self._rows), size=settings.num_rows):
            utterance = self._rows[row]
            start = int(rng.integers(utterance.num_frames - settings.num_frames))
            length = (settings.num_frames - 1) * hop + n_fft
            wave = self._data.wave(utterance, start * hop - n_fft // 2, length)
            gain_db = rng.uniform(settings.min_gain_db, settings.max_gain_db)
            waves.append(wave * np.float32(10 ** (gain_db / 20)))
        return np.stack(waves)


def start_near_data(model: Vocos, waves: Float[Array, "b nw"]) -> None:
    """Set the head's bias to the mean log-magnitude and to the phase of a centred pulse."""
    config = model.config
    spectrum = stft(waves, config.n_fft, config.hop_samples)
    log_magnitude = jnp.log(jnp.maximum(magnitude(spectrum), MAGNITUDE_FLOOR)).mean((0, 1))
    centred_pulse = jnp.pi * (jnp.arange(config.num_bins) % 2)
    model.head.bias[...] = jnp.concatenate([log_magnitude, centred_pulse])


def make_vocoder_optimiser(settings: VocoderSettings) -> optax.GradientTransformation:
    """AdamW for a rate of one. Muon's orthogonalisation costs twice a step of this size."""
    return optax.chain(
        optax.clip_by_global_norm(settings.clip),
        optax.adamw(1.0, b1=0.9, b2=0.99, weight_decay=settings.weight_decay),
    )


class VocoderTrainer:
    """Owns the compiled step; `state` is replaced at every step."""

    def __init__(self, config: VocosConfig, settings: VocoderSettings, mesh: Mesh) -> None:
        self.config, self.settings = config, settings
        self.rows = NamedSharding(mesh, PartitionSpec("data"))
        self.filters = jnp.asarray(htk_filters())
        self.weights = LossWeights()
        self.model = Vocos(config, rngs=nnx.Rngs(settings.seed))
        self.optimiser = make_vocoder_optimiser(settings)
        self.reset()
        self.step = jax.jit(self._step, donate_argnums=0)

    def reset(self) -> None:
        """Fresh optimiser and EMA around the current `model`."""
        self.graph, self.state_like = nnx.split(self.model)
        params = nnx.to_pure_dict(self.state_like)
        self.state = TrainState(params, self.optimiser.init(params), jax.tree.map(jnp.copy, params))

    def build(self, params: Any) -> Vocos:
        """The network with these parameters."""
        state = jax.tree.map(lambda leaf: leaf, self.state_like)
        nnx.replace_by_pure_dict(state, params)
        return nnx.merge(self.graph, state)

    def terms(self, params: Any, waves: Float[Array, "b nw"]) -> dict[str, Array]:
        """Every reconstruction term for one batch of crops with half a window around them."""
        n_fft, hop = self.config.n_fft, self.config.hop_samples
        spectrum = stft(waves, n_fft, hop)
        mel = log_mel(magnitude(spectrum), self.filters)
        rows, num_frames = mel.shape[:2]
        num_valid = jnp.full(rows, num_frames)
        mask = frame_mask(num_frames, num_valid)
        log_magnitude, phase = self.build(params).spectrum(mel, mask)
        wave = istft(complex_spectrum(log_magnitude, phase), mask, num_valid, self.config)
        inner = waves[:, n_fft // 2 : -(n_fft // 2)]
        outputs = (log_magnitude, phase, wave[:, : inner.shape[1]])
        return reconstruction_terms(outputs, inner, spectrum, self.filters)

    def _loss(self, params: Any, waves: Array) -> tuple[Array, dict[str, Array]]:
        terms = self.terms(params, waves)
        return weighted_total(terms, self.weights), terms

    def _step(
        self, state: TrainState, waves: Array, rate: Array, decay: Array
    ) -> tuple[TrainState, dict[str, Array]]:
        (loss, terms), grads = jax.value_and_grad(self._loss, has_aux=True)(state.params, waves)
        updates, optimiser = self.optimiser.update(grads, state.optimiser, state.params)
        params = optax.apply_updates(state.params, jax.tree.map(lambda u: rate * u, updates))
        ema = update_ema(state.ema, params, decay)
        facts = {"total": loss, "grad_norm": optax.global_norm(grads)} | terms
        return TrainState(params, optimiser, ema), facts


def train(data_folder: Path, out: Path, config: VocosConfig, settings: VocoderSettings) -> None:
    """Train until the time budget is spent, resuming from `out` where possible."""
    data = SpeechData(data_folder)
    trainer = VocoderTrainer(config, settings, Mesh(np.array(jax.devices()), ("data",)))
    sampler = WaveSampler(data, settings, config)
    step, spent_s = 0, 0.0
    restored = restore_state(out, trainer.state)
    if restored is None:
        first = np.concatenate([sampler.batch(index) for index in range(16)])
        start_near_data(trainer.model, jnp.asarray(first))
        trainer.reset()
    else:
        step, trainer.state, meta = restored
        spent_s = meta["spent_s"]
        _log.info("resuming at step %d after %.1f minutes", step, spent_s / 60)
    out.mkdir(parents=True, exist_ok=True)
    (out / "config.json").write_text(json.dumps(asdict(config), indent=1))
    _run(trainer, sampler, data, out, step, spent_s)


def _run(
    trainer: VocoderTrainer,
    sampler: WaveSampler,
    data: SpeechData,
    out: Path,
    step: int,
    spent_s: float,
) -> None:
    settings = trainer.settings
    budget_s = settings.minutes * 60
    meta = {"config": asdict(trainer.config), "settings": asdict(settings)}
    saved_s = validated_s = spent_s
    begun = time.monotonic() - spent_s
    bar = tqdm(desc="vocoder", initial=step, unit="step", mininterval=10)
    recent: list[dict[str, Array]] = []
    while spent_s < budget_s:
        rate = settings.peak_rate * learning_rate_scale(step, spent_s / budget_s)
        decay = min(settings.ema_decay, (1 + step) / (10 + step))
        waves = jax.device_put(sampler.batch(step), trainer.rows)
        trainer.state, facts = trainer.step(
            trainer.state, waves, jnp.float32(rate), jnp.float32(decay)
        )
        step += 1
        bar.update()
        recent.append(jax.block_until_ready(facts))
        spent_s = time.monotonic() - begun
        is_done = spent_s >= budget_s
        if step % settings.log_every == 0 or is_done:
            means = {name: float(np.mean([f[name] for f in recent])) for name in facts}
            if not math.isfinite(means["total"]):
                raise FloatingPointError(f"the loss is {means['total']} at step {step}")
            _append(out / "log.csv", {"step": step, "spent_s": spent_s, "rate": rate} | means)
            bar.set_postfix(total=f"{means['total']:.3f}", mel=f"{means['mel']:.3f}")
            recent.clear()
        if spent_s - saved_s > settings.save_every_s or is_done:
            save_state(out, step, trainer.state, meta | {"spent_s": spent_s})
            saved_s = spent_s
        if spent_s - validated_s > settings.validate_every_s or is_done:
            facts_dev = validate(trainer.build(trainer.state.ema), data, out, step)
            _log.info("step %d dev %s", step, facts_dev)
            validated_s = spent_s


def _append(path: Path, row: dict[str, float]) -> None:
    is_new = not path.exists()
    with path.open("a", newline="") as file:
        writer = csv.writer(file)
        if is_new:
            writer.writerow(row)
        writer.writerow([f"{value:.6g}" for value in row.values()])


def _parse(argv: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m training.vocoder", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder made by training.prepare")
    parser.add_argument("--out", type=Path, required=True, help="checkpoints and logs go here")
    for name, value in asdict(VocoderSettings()).items():
        flag = "--" + name.replace("_", "-")
        parser.add_argument(flag, type=type(value), default=value, help=f"default {value}")
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> None:
    """Command line entry."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    values = vars(_parse(argv))
    data, out = values.pop("data"), values.pop("out")
    train(data, out, VocosConfig.small(), VocoderSettings(**values))


if __name__ == "__main__":
    main()
