"""One training step of the acoustic model: flow matching on crops (training.batches).

x_t = (1 - t) x0 + t x1, the network predicts x1 - x0, the loss counts the frames to be spoken
(specs: f5-tts 3, and arXiv 2410.06885). A network that takes the guidance scale w as an input
predicts x1 - x0 + w (v_c - v_n), the difference of the branches being a frozen teacher's: guidance
is distilled while it goes on learning from speech (arXiv 2210.03142 and 2502.12154).
Axis legend: b batch, n mel frames, m mel bins.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from flax import nnx
from jax import Array
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from jaxtyping import Bool, Float, Int

from models.f5 import F5Config, F5Model
from models.f5.modeling import frame_mask
from models.programs import DATA_AXIS, data_mesh
from training.batches import Batch
from training.optimiser import make_optimiser
from training.state import TrainState, update_ema

MUON_PARTS = ("'qkv'", "'out'", "'expand'", "'project'", "'input_proj'")


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
    short_share: float = 0.1  # rows that say one utterance of at most 2.5 s
    seed: int = 0
    save_every_s: float = 240.0
    num_checkpoints: int = 2  # kept; older ones are deleted
    log_every: int = 20
    num_devices: int = 0  # 0: all there are
    max_steps: int = 10_000_000


def rows_mesh(num_rows: int, num_devices: int) -> Mesh:
    """The devices that share a batch. Raises ValueError when its rows do not divide by them."""
    num = num_devices or len(jax.devices())
    if num_rows % num:
        fitting = max(num, num_rows // num * num)
        raise ValueError(
            f"num_rows {num_rows} must be a multiple of the {num} devices: take --num-rows"
            f" {fitting} or another --num-devices"
        )
    return data_mesh(num)


def flow_loss(
    model: F5Model,
    teacher: F5Model | None,
    mel: Float[Array, "b n m"],
    text_ids: Int[Array, "b n"],
    num_ref: Int[Array, " b"],
    lengths: Int[Array, " b"],
    key: Array,
    settings: AcousticSettings,
) -> Float[Array, ""]:
    """Mean squared velocity error per mel bin over the frames to be spoken.

    `teacher` is for a model with `max_guidance`, and only for one.
    """
    rows_key, branch_key = jax.random.split(key)
    rows = noised_rows(model.config, mel, num_ref, lengths, rows_key, settings)
    text = rows.cond, text_ids, lengths
    wanted, static, scales = rows.straight, model.encode(*text), jnp.zeros_like(rows.times)
    if teacher is None:
        is_null = jax.random.bernoulli(branch_key, settings.null_share, (len(mel), 1, 1))
        static = jnp.where(is_null, model.encode(*text, is_null=True), static)
    else:
        limit = model.config.max_guidance or 0.0
        scales = limit * jax.random.uniform(branch_key, (len(mel),))
        wanted = wanted + guidance_pull(teacher, rows.x, *text, rows.times, scales)
    velocity = model.velocity(rows.x, static, model.modulate(rows.times, scales), lengths)
    error = jnp.where(rows.is_counted, jnp.square(velocity - wanted), 0.0)
    return jnp.sum(error) / (jnp.sum(rows.is_counted) * mel.shape[-1])


class NoisedRows(NamedTuple):
    """Rows at random times of their straight path from noise to the standardised mel.

    `straight` is x1 - x0, `cond` the reference's frames, `is_counted` marks those to be spoken.
    """

    x: Float[Array, "b n m"]
    cond: Float[Array, "b n m"]
    times: Float[Array, " b"]
    straight: Float[Array, "b n m"]
    is_counted: Bool[Array, "b n 1"]


def noised_rows(
    config: F5Config,
    mel: Float[Array, "b n m"],
    num_ref: Int[Array, " b"],
    lengths: Int[Array, " b"],
    key: Array,
    settings: AcousticSettings,
) -> NoisedRows:
    """Draw noise, times, and which rows go without their reference."""
    noise_key, time_key, unvoiced_key = jax.random.split(key, 3)
    b, n, _ = mel.shape
    is_ref, inside = frame_mask(num_ref, n), frame_mask(lengths, n)
    target = jnp.where(inside, (mel - config.mel_mean) / config.mel_std, 0.0)
    noise = jax.random.normal(noise_key, target.shape)
    # Logit-normal times: most of the error is in the middle of the path (arXiv 2403.03206).
    times = jax.nn.sigmoid(jax.random.normal(time_key, (b,)))
    is_unvoiced = jax.random.bernoulli(unvoiced_key, settings.unvoiced_share, (b, 1, 1))
    return NoisedRows(
        x=noise + times[:, None, None] * (target - noise),
        cond=jnp.where(is_ref & ~is_unvoiced, target, 0.0),
        times=times,
        straight=target - noise,
        is_counted=inside & ~is_ref,
    )


def guidance_pull(
    teacher: F5Model,
    x: Float[Array, "b n m"],
    cond: Float[Array, "b n m"],
    text_ids: Int[Array, "b n"],
    lengths: Int[Array, " b"],
    times: Float[Array, " b"],
    scales: Float[Array, " b"],
) -> Float[Array, "b n m"]:
    """What guidance adds to the teacher's velocity: w (v_c - v_n), or, where the teacher takes
    the scale as an input, v(w) - v(0). No gradient."""
    none, static = jnp.zeros_like(scales), teacher.encode(cond, text_ids, lengths)
    plain = teacher.velocity(x, static, teacher.modulate(times, none), lengths)
    if teacher.config.max_guidance is not None:
        guided = teacher.velocity(x, static, teacher.modulate(times, scales), lengths)
        return jax.lax.stop_gradient(guided - plain)
    null = teacher.encode(cond, text_ids, lengths, is_null=True)
    pull = plain - teacher.velocity(x, null, teacher.modulate(times, none), lengths)
    return jax.lax.stop_gradient(scales[:, None, None] * pull)


def with_guidance_input(model: F5Model, max_guidance: float) -> F5Model:
    """The same network with the guidance scale as an input that does nothing yet."""
    config = replace(model.config, max_guidance=max_guidance)
    student = F5Model(config, rngs=nnx.Rngs(0))
    nnx.update(student, nnx.state(model, nnx.Param))
    return student


def is_muon_matrix(path: tuple[Any, ...], leaf: Array) -> bool:
    """Muon takes the blocks' products; tables, convolutions, AdaLN and the output stay AdamW."""
    name = jax.tree_util.keystr(path)
    return leaf.ndim >= 2 and "kernel" in name and any(part in name for part in MUON_PARTS)


class AcousticTrainer:
    """Owns the compiled step; `state` is replaced at every step.

    Starts from `model`, weights and EMA, or from a new network of `config`. A network with
    `max_guidance` needs a `teacher`, which stays as it is: see `guidance_pull`. Raises ValueError
    without one.
    """

    def __init__(
        self,
        config: F5Config,
        settings: AcousticSettings,
        mesh: Mesh,
        model: F5Model | None = None,
        teacher: F5Model | None = None,
    ) -> None:
        if (config.max_guidance is None) != (teacher is None):
            raise ValueError("a network with max_guidance, and no other, learns from a teacher")
        self.config, self.settings = config, settings
        self.rows = NamedSharding(mesh, PartitionSpec(DATA_AXIS))
        self.replicas = NamedSharding(mesh, PartitionSpec())
        start = F5Model(config, rngs=nnx.Rngs(settings.seed)) if model is None else model
        self._graph, self._state_like = nnx.split(start)
        self._teacher_graph, teacher_state = nnx.split(teacher)
        self._teacher = jax.device_put(teacher_state, self.replicas)
        # A step gives its state's memory away, and the teacher may be made of the same arrays.
        params = jax.tree.map(jnp.copy, nnx.to_pure_dict(self._state_like))
        self.optimiser = make_optimiser(
            is_muon_matrix, weight_decay=settings.weight_decay, clip=settings.clip
        )
        state = TrainState(
            params, jax.jit(self.optimiser.init)(params), jax.tree.map(jnp.copy, params)
        )
        self.state = self.replicate(state)
        self._compiled_step = jax.jit(self._step, donate_argnums=0)
        self._compiled_loss = jax.jit(self._loss)

    def replicate(self, state: TrainState) -> TrainState:
        """The state on every device of the mesh; without it the second step compiles again."""
        return jax.device_put(state, self.replicas)

    def build(self, params: Any) -> F5Model:
        """The network with these parameters."""
        state = jax.tree.map(lambda leaf: leaf, self._state_like)
        nnx.replace_by_pure_dict(state, params)
        return nnx.merge(self._graph, state)

    def place(self, batch: Batch) -> tuple[Array, ...]:
        """Rows spread over the mesh's data axis."""
        parts = (batch.mel, batch.text_ids, batch.num_ref, batch.lengths)
        return tuple(jax.device_put(part, self.rows) for part in parts)

    def step(
        self, batch: tuple[Array, ...], key: Array, rate: float, decay: float
    ) -> tuple[Array, Array]:
        """Replaces the state; returns the loss and the norm of its gradient."""
        scalars = jnp.float32(rate), jnp.float32(decay)
        self.state, loss, norm = self._compiled_step(
            self.state, self._teacher, batch, key, *scalars
        )
        return loss, norm

    def evaluate(self, batch: tuple[Array, ...], key: Array) -> float:
        """Loss of the EMA weights."""
        return float(self._compiled_loss(self.state.ema, self._teacher, batch, key))

    def _loss(
        self, params: Any, teacher: Any, batch: tuple[Array, ...], key: Array
    ) -> Float[Array, ""]:
        mel, text_ids, num_ref, lengths = batch
        networks = self.build(params), nnx.merge(self._teacher_graph, teacher)
        return flow_loss(*networks, mel, text_ids, num_ref, lengths, key, self.settings)

    def _step(
        self,
        state: TrainState,
        teacher: Any,
        batch: tuple[Array, ...],
        key: Array,
        rate: Array,
        decay: Array,
    ) -> tuple[TrainState, Array, Array]:
        """The next state, the loss and the norm of its gradient."""
        loss, grads = jax.value_and_grad(self._loss)(state.params, teacher, batch, key)
        updates, optimiser = self.optimiser.update(grads, state.optimiser, state.params)
        updates = jax.tree.map(lambda u: rate * u, updates)
        params = optax.apply_updates(state.params, updates)
        ema = update_ema(state.ema, params, decay)
        return TrainState(params, optimiser, ema), loss, optax.tree.norm(grads)
