"""Train the vocoder of the shipped voice: `python -m training.vocoder --help`.

Crops of real speech at random loudness are turned into mels inside the compiled step and spoken
back (training.vocoder_trainer); the losses are in training.vocoder_losses. With `--respoken` some
of the mels are the acoustic model's own (training.respoken). Killed at any moment,
the same command goes on from the last checkpoint, with the crops it would have seen.
"""

from __future__ import annotations

import argparse
import json
import logging
import math
import time
from dataclasses import asdict, fields
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.sharding import Mesh
from tqdm import tqdm

from models.vocos.config import VocosConfig
from training.data import SpeechData
from training.flags import add_flags
from training.history import LOG_NAME, append_row
from training.optimiser import learning_rate_scale
from training.respoken import RespokenMels
from training.state import restore_state, save_state
from training.vocoder_losses import MEL_FLOOR, LossWeights
from training.vocoder_trainer import Crops, VocoderSettings, VocoderTrainer, start_near_data
from training.vocoder_validation import validate

_log = logging.getLogger(__name__)

LOG_COLUMNS = (
    "total",
    *(field.name for field in fields(LossWeights)),
    "fake",
    "real",
    "deception",
    "feature",
)


class WaveSampler:
    """Random crops, a pure function of (seed, step), so that a resumed run repeats nothing."""

    def __init__(
        self,
        data: SpeechData,
        settings: VocoderSettings,
        config: VocosConfig,
        respoken: RespokenMels | None = None,
    ) -> None:
        self._data, self._settings, self._config = data, settings, config
        self._rows = data.select(split="train", min_frames=settings.num_frames + 1)
        if not self._rows:
            raise ValueError(f"no training utterance has {settings.num_frames + 1} frames")
        self._respoken = respoken
        ids = set() if respoken is None else set(respoken.ids)
        self._respoken_rows = [row for row in self._rows if row.id in ids]

    def batch(self, step: int) -> Crops:
        """`num_rows` crops at random loudness."""
        rng = np.random.default_rng((self._settings.seed, step))
        rows = [self._crop(rng) for _ in range(self._settings.num_rows)]
        return Crops(*(np.stack(part) for part in zip(*rows, strict=True)))

    def _crop(self, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Wave, log-mel and whether the mel is given, of one crop."""
        settings, hop, n_fft = self._settings, self._config.hop_samples, self._config.n_fft
        is_given = bool(self._respoken_rows) and rng.random() < settings.respoken_share
        rows = self._respoken_rows if is_given else self._rows
        utterance = rows[int(rng.integers(len(rows)))]
        start = int(rng.integers(utterance.num_frames - settings.num_frames))
        length = (settings.num_frames - 1) * hop + n_fft
        wave = self._data.wave(utterance, start * hop - n_fft // 2, length)
        gain = 10 ** (rng.uniform(settings.min_gain_db, settings.max_gain_db) / 20)
        mel = np.zeros((settings.num_frames, self._config.mel_dim), np.float32)
        if is_given and self._respoken is not None:
            drawn = self._respoken.mel(utterance.id, start, settings.num_frames)
            mel = np.maximum(drawn + np.float32(np.log(gain)), np.float32(np.log(MEL_FLOOR)))
        return wave * np.float32(gain), mel, np.array(is_given)


def train(
    data_folder: Path,
    out: Path,
    config: VocosConfig,
    settings: VocoderSettings,
    respoken: Path | None = None,
) -> None:
    """Train until the time budget is spent, resuming from `out` where possible.

    `respoken` is a folder of training.respoken, to learn from the acoustic model's mels too.
    """
    data = SpeechData(data_folder)
    trainer = VocoderTrainer(config, settings, Mesh(np.array(jax.devices()), ("data",)))
    mels = None if respoken is None else RespokenMels(respoken)
    sampler = WaveSampler(data, settings, config, mels)
    step, spent_s = 0, 0.0
    restored = restore_state(out, trainer.state)
    if restored is None:
        first = np.concatenate([sampler.batch(index).waves for index in range(16)])
        trainer.start(start_near_data(config, settings.seed, jnp.asarray(first)))
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
    while spent_s < budget_s and step < settings.max_steps:
        rate, facts = _advance(trainer, sampler.batch(step), step, spent_s / budget_s)
        step += 1
        bar.update()
        recent.append(jax.block_until_ready(facts))
        spent_s = time.monotonic() - begun
        is_done = spent_s >= budget_s or step >= settings.max_steps
        if step % settings.log_every == 0 or is_done:
            row = {"step": step, "spent_s": spent_s, "rate": rate} | _means(recent)
            append_row(out / LOG_NAME, row)
            bar.set_postfix(total=f"{row['total']:.3f}", mel=f"{row['mel']:.3f}")
            recent.clear()
        if spent_s - saved_s > settings.save_every_s or is_done:
            save_state(out, step, trainer.state, meta | {"spent_s": spent_s})
            saved_s = spent_s
        if spent_s - validated_s > settings.validate_every_s or is_done:
            heard = validate(trainer.build(trainer.state.ema), data, out, step)
            _log.info("step %d dev %s", step, heard)
            validated_s = spent_s


def _advance(
    trainer: VocoderTrainer, crops: Crops, step: int, share: float
) -> tuple[float, dict[str, Array]]:
    """One step at the rates that belong to `share` of the budget; the vocoder's rate and facts."""
    settings = trainer.settings
    is_adversarial = share >= settings.adversarial_from
    scale = learning_rate_scale(step, share)
    rate = scale * (settings.adversarial_rate if is_adversarial else settings.peak_rate)
    decay = min(settings.ema_decay, (1 + step) / (10 + step))
    rates = jnp.float32(rate), jnp.float32(scale * settings.discriminator_rate), jnp.float32(decay)
    run = trainer.adversarial_step if is_adversarial else trainer.step
    trainer.state, facts = run(trainer.state, jax.device_put(crops, trainer.rows), rates)
    return rate, facts


def _means(recent: list[dict[str, Array]]) -> dict[str, float]:
    """Over the steps that have each column; 0 for the discriminators' while they wait.

    Raises FloatingPointError once the loss is not finite: nothing after it could be used.
    """
    means = {}
    for name in LOG_COLUMNS:
        values = [float(facts[name]) for facts in recent if name in facts]
        means[name] = float(np.mean(values)) if values else 0.0
    if not math.isfinite(means["total"]):
        raise FloatingPointError(f"the vocoder loss became {means['total']}; lower --peak-rate")
    return means


def _parse(argv: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m training.vocoder", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder made by training.prepare")
    parser.add_argument("--out", type=Path, required=True, help="checkpoints and logs go here")
    parser.add_argument("--respoken", type=Path, help="folder made by training.respoken")
    add_flags(parser, VocoderSettings())
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> None:
    """Command line entry."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    values = vars(_parse(argv))
    data, out, respoken = (values.pop(name) for name in ("data", "out", "respoken"))
    train(data, out, VocosConfig.small(), VocoderSettings(**values), respoken)


if __name__ == "__main__":
    main()
