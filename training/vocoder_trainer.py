"""One training step of the vocoder, without and with discriminators.

Axis legend: b batch, n mel frames, nw wave samples, f spectrum bins.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from flax import nnx
from jax import Array
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from jaxtyping import Bool, Float

from audio.mel import htk_filters
from models.vocos.config import VocosConfig
from models.vocos.modeling import Vocos, complex_spectrum, frame_mask, istft
from training.state import TrainState, update_ema
from training.vocoder_discriminator import (
    VocoderDiscriminator,
    deception_loss,
    fake_loss,
    feature_loss,
    real_loss,
)
from training.vocoder_losses import (
    MAGNITUDE_FLOOR,
    LossWeights,
    log_mel,
    magnitude,
    reconstruction_terms,
    stft,
    weighted_total,
)


@dataclass(frozen=True, kw_only=True)
class VocoderSettings:
    """What a run is made of. `minutes` is time spent training, over all restarts.

    The discriminators join after `adversarial_from` of that time (1.0: never), and the rates
    change to `adversarial_rate` and `discriminator_rate`.
    """

    minutes: float = 60.0
    num_rows: int = 16
    num_frames: int = 40
    peak_rate: float = 1.5e-3
    weight_decay: float = 0.01
    clip: float = 5.0
    adversarial_from: float = 0.35
    adversarial_rate: float = 7e-4
    discriminator_rate: float = 1e-3
    discriminator_width: int = 48
    respoken_share: float = 0.5  # of the crops, where there are respoken mels
    deception_weight: float = 1.0
    feature_weight: float = 2.0
    ema_decay: float = 0.999
    min_gain_db: float = -12.0
    max_gain_db: float = 4.0
    seed: int = 0
    save_every_s: float = 180.0
    validate_every_s: float = 600.0
    log_every: int = 50
    max_steps: int = 10_000_000


class Crops(NamedTuple):
    """Rows to learn from: waves with half a window on both sides of n frames.

    `mels` are what an acoustic model drew for them and count where `is_given`; elsewhere the
    mel is taken from the wave.
    """

    waves: Float[Any, "b nw"]
    mels: Float[Any, "b n m"]
    is_given: Bool[Any, " b"]


def start_near_data(config: VocosConfig, seed: int, waves: Float[Array, "b nw"]) -> Vocos:
    """A new network whose head starts at the mean log-magnitude and a centred pulse's phase."""
    model = Vocos(config, rngs=nnx.Rngs(seed))
    spectrum = stft(waves, config.n_fft, config.hop_samples)
    log_magnitude = jnp.log(jnp.maximum(magnitude(spectrum), MAGNITUDE_FLOOR)).mean((0, 1))
    centred_pulse = jnp.pi * (jnp.arange(config.num_bins) % 2)
    model.head.bias[...] = jnp.concatenate([log_magnitude, centred_pulse])
    return model


def make_optimisers(settings: VocoderSettings) -> dict[str, optax.GradientTransformation]:
    """AdamW for a rate of one. Muon's orthogonalisation costs twice a step of this size."""

    def adamw(b1: float, b2: float) -> optax.GradientTransformation:
        return optax.chain(
            optax.clip_by_global_norm(settings.clip),
            optax.adamw(1.0, b1=b1, b2=b2, weight_decay=settings.weight_decay),
        )

    # The judges chase a moving target: a short memory suits them better.
    return {"vocoder": adamw(0.9, 0.99), "discriminator": adamw(0.5, 0.9)}


Rates = tuple[Array, Array, Array]
"""Learning rates of vocoder and discriminators, and the EMA decay."""


class VocoderTrainer:
    """Owns the compiled steps; `state` is replaced at every step.

    `state.params` and `state.optimiser` have the entries "vocoder" and "discriminator",
    `state.ema` is the vocoder alone.
    """

    def __init__(self, config: VocosConfig, settings: VocoderSettings, mesh: Mesh) -> None:
        self.config, self.settings = config, settings
        self.rows = NamedSharding(mesh, PartitionSpec("data"))
        self.filters = jnp.asarray(htk_filters())
        self.weights = LossWeights()
        self.optimisers = make_optimisers(settings)
        rngs = nnx.Rngs(settings.seed)
        self.start(Vocos(config, rngs=rngs))
        self.step = jax.jit(self._step, donate_argnums=0)
        self.adversarial_step = jax.jit(self._adversarial_step, donate_argnums=0)

    def start(self, model: Vocos) -> None:
        """Train `model` from here with fresh discriminators, optimisers and EMA."""
        width = self.settings.discriminator_width
        judge = VocoderDiscriminator(width, rngs=nnx.Rngs(self.settings.seed + 1))
        self._graph, self._state_like = nnx.split(model)
        self._judge_graph, self._judge_like = nnx.split(judge)
        params = {
            "vocoder": nnx.to_pure_dict(self._state_like),
            "discriminator": nnx.to_pure_dict(self._judge_like),
        }
        optimiser = {name: self.optimisers[name].init(part) for name, part in params.items()}
        self.state = TrainState(params, optimiser, jax.tree.map(jnp.copy, params["vocoder"]))

    def build(self, params: Any) -> Vocos:
        """The network with these parameters."""
        return _merged(self._graph, self._state_like, params)

    def speak(self, params: Any, crops: Crops) -> tuple[Array, Array, Array]:
        """(log-magnitude, phase, wave) of the crops' mels."""
        n_fft, hop = self.config.n_fft, self.config.hop_samples
        mel = log_mel(magnitude(stft(crops.waves, n_fft, hop)), self.filters)
        mel = jnp.where(crops.is_given[:, None, None], crops.mels, mel)
        num_rows, num_frames = mel.shape[:2]
        num_valid = jnp.full(num_rows, num_frames)
        mask = frame_mask(num_frames, num_valid)
        log_magnitude, phase = self.build(params).spectrum(mel, mask)
        wave = istft(complex_spectrum(log_magnitude, phase), mask, num_valid, self.config)
        return log_magnitude, phase, wave[:, : (num_frames - 1) * hop]

    def reconstruction(
        self, outputs: tuple[Array, Array, Array], waves: Array
    ) -> tuple[Array, dict[str, Array]]:
        """Weighted total and terms of what `speak` gave for `waves`."""
        spectrum = stft(waves, self.config.n_fft, self.config.hop_samples)
        terms = reconstruction_terms(outputs, self._inner(waves), spectrum, self.filters)
        return weighted_total(terms, self.weights), terms

    def _inner(self, waves: Array) -> Array:
        half = self.config.n_fft // 2
        return waves[:, half:-half]

    def _step(
        self, state: TrainState, crops: Crops, rates: Rates
    ) -> tuple[TrainState, dict[str, Array]]:
        def loss(params: Any) -> tuple[Array, dict[str, Array]]:
            return self.reconstruction(self.speak(params, crops), crops.waves)

        (total, terms), grads = jax.value_and_grad(loss, has_aux=True)(state.params["vocoder"])
        return self._updated(state, {"vocoder": grads}, rates), {"total": total} | terms

    def _adversarial_step(
        self, state: TrainState, crops: Crops, rates: Rates
    ) -> tuple[TrainState, dict[str, Array]]:
        """Both sides learn from the same forward passes, each from the other's old weights."""
        settings, params = self.settings, state.params
        outputs, pull_outputs = jax.vjp(lambda p: self.speak(p, crops), params["vocoder"])
        (total, terms), slopes = jax.value_and_grad(self.reconstruction, has_aux=True)(
            outputs, crops.waves
        )
        made, pull_made = jax.vjp(self._judge, params["discriminator"], outputs[2])
        true, pull_true = jax.vjp(
            lambda p: self._judge(p, self._inner(crops.waves)), params["discriminator"]
        )

        def deception(scores: Any) -> tuple[Array, dict[str, Array]]:
            parts = {"deception": deception_loss(scores), "feature": feature_loss(scores, true)}
            weights = settings.deception_weight, settings.feature_weight
            return weights[0] * parts["deception"] + weights[1] * parts["feature"], parts

        deception_slope, parts = jax.grad(deception, has_aux=True)(made)
        wave_slope = slopes[2] + pull_made(deception_slope)[1]
        fake, fake_slope = jax.value_and_grad(fake_loss)(made)
        real, real_slope = jax.value_and_grad(real_loss)(true)
        grads = {
            "vocoder": pull_outputs((slopes[0], slopes[1], wave_slope))[0],
            "discriminator": jax.tree.map(
                jnp.add, pull_made(fake_slope)[0], pull_true(real_slope)[0]
            ),
        }
        facts = {"total": total, "fake": fake, "real": real} | terms | parts
        return self._updated(state, grads, rates), facts

    def _judge(self, params: Any, wave: Array) -> Any:
        return _merged(self._judge_graph, self._judge_like, params)(wave)

    def _updated(self, state: TrainState, grads: dict[str, Any], rates: Rates) -> TrainState:
        """The state after one optimiser step of every network that has gradients."""
        params, optimiser = dict(state.params), dict(state.optimiser)
        by_name: dict[str, Array] = {"vocoder": rates[0], "discriminator": rates[1]}
        for name, slopes in grads.items():
            update = self.optimisers[name].update
            updates, optimiser[name] = update(slopes, optimiser[name], params[name])
            scaled = jax.tree.map(lambda u, rate=by_name[name]: rate * u, updates)
            params[name] = optax.apply_updates(params[name], scaled)
        return TrainState(params, optimiser, update_ema(state.ema, params["vocoder"], rates[2]))


def _merged(graph: Any, like: Any, params: Any) -> Any:
    state = jax.tree.map(lambda leaf: leaf, like)
    nnx.replace_by_pure_dict(state, params)
    return nnx.merge(graph, state)
