"""Device maths of a bucket of rows: pure functions the engine compiles ahead of time.

A row is one segment on its way from noise to mel. Rows of a bucket share a padded length; each
has its own number of frames, guidance scale and place in its own time grid (design: engine 6).

Axis legend: s slots of a bucket, b rows of a step, k fused steps, c guidance branches (1 or 2),
n mel frames (padded), m mel bins, i positions (n / patch_frames), d width, w words of a seed (2),
nw wave samples.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.sharding import Sharding
from jaxtyping import Bool, Float, Int, UInt32

from inference_types import SegmentPlan
from models.f5 import F5Config, F5Model
from models.flow import euler_step
from models.vocos import Vocos


class Rows(NamedTuple):
    """State of `s` rows. `x` is standardised mel; `statics` the input projections of the
    network's guidance branches (`F5Model.encode`): the guided one, then the null one."""

    x: Float[Array, "s n m"]
    statics: Float[Array, "s c i d"]
    lengths: Int[Array, " s"]
    guidance_scales: Float[Array, " s"]


class RowInput(NamedTuple):
    """One padded request: numpy arrays on the host, tracers in `prefill_row`.

    `cond` is raw log-mel, zero-padded; ids beyond the row's frames are -1.
    """

    cond: Float[Any, "n m"]
    text_ids: Int[Any, " n"]
    num_ref_frames: Int[Any, ""]
    num_frames: Int[Any, ""]
    guidance_scale: Float[Any, ""]
    noise_scale: Float[Any, ""]
    seed_words: UInt32[Any, " w"]
    segment_index: Int[Any, ""]


def pad_plan(plan: SegmentPlan, max_frames: int) -> RowInput:
    """A plan as numpy arrays of a bucket's length. Ids beyond the row's frames are cut."""
    num_ref = plan.num_ref_frames
    cond = np.zeros((max_frames, plan.voice.mel.shape[1]), np.float32)
    cond[:num_ref] = plan.voice.mel
    ids = plan.text_ids[: plan.num_frames]
    text_ids = np.full(max_frames, -1, np.int32)
    text_ids[: len(ids)] = ids
    return RowInput(
        cond=cond,
        text_ids=text_ids,
        num_ref_frames=np.array(num_ref, np.int32),
        num_frames=np.array(plan.num_frames, np.int32),
        guidance_scale=np.array(plan.guidance_scale, np.float32),
        noise_scale=np.array(plan.noise_scale, np.float32),
        seed_words=np.array([(plan.seed >> 32) & 0xFFFFFFFF, plan.seed & 0xFFFFFFFF], np.uint32),
        segment_index=np.array(plan.segment_index, np.int32),
    )


def row_noise(
    seed_words: UInt32[Array, " w"], segment_index: Int[Array, ""], num_frames: int, mel_dim: int
) -> Float[Array, "n m"]:
    """Standard normal keyed by (seed, segment) alone.

    Partitionable threefry makes every prefix of a longer draw equal to the shorter draw, so the
    padded length does not matter (design: engine 2.4).
    """
    key = jax.random.wrap_key_data(seed_words, impl="threefry2x32")
    return jax.random.normal(jax.random.fold_in(key, segment_index), (num_frames, mel_dim))


def prefill_row(model: F5Model, row: RowInput) -> Rows:
    """Everything that does not change over the solve, as `Rows` of one row."""
    config = model.config
    num_frames, mel_dim = row.cond.shape
    positions = jnp.arange(num_frames)[:, None]
    standardised = (row.cond - config.mel_mean) / config.mel_std
    cond = jnp.where(positions < row.num_ref_frames, standardised, 0.0)[None]
    ids, lengths = row.text_ids[None], row.num_frames[None]
    noise = row.noise_scale * row_noise(row.seed_words, row.segment_index, num_frames, mel_dim)
    return Rows(
        x=jnp.where(positions < row.num_frames, noise, 0.0)[None],
        statics=model.encode_branches(cond, ids, lengths),
        lengths=lengths,
        guidance_scales=row.guidance_scale[None],
    )


def insert_row(rows: Rows, row: Rows, slot: Int[Array, ""]) -> Rows:
    """Overwrite one slot with a row of `prefill_row` (or with zeros, to scrub it)."""
    return jax.tree.map(
        lambda old, new: jax.lax.dynamic_update_slice_in_dim(old, new, slot, axis=0), rows, row
    )


def step_rows(
    model: F5Model,
    rows: Rows,
    slots: Int[Array, " b"],
    times: Float[Array, "k b"],
    step_sizes: Float[Array, "k b"],
    sharding: Sharding | None = None,
) -> tuple[Float[Array, "s n m"], Bool[Array, " b"]]:
    """`k` Euler steps for the rows in `slots`; a slot number beyond the end is a padding row.

    Returns the new x of the whole bucket and whether each stepped row is still finite.
    `sharding` spreads the gathered rows over the devices, wherever their slots live.
    """

    def take(leaf: Array) -> Array:
        taken = jnp.take(leaf, slots, axis=0, mode="fill", fill_value=0)
        return taken if sharding is None else jax.lax.with_sharding_constraint(taken, sharding)

    taken = jax.tree.map(take, rows)
    lengths = jnp.maximum(taken.lengths, 1)  # a padding row has no frames of its own

    def advance(x: Array, at: tuple[Array, Array]) -> tuple[Array, None]:
        stepped = euler_step(model, x, taken.statics, lengths, *at, taken.guidance_scales)
        return stepped, None

    x, _ = jax.lax.scan(advance, taken.x, (times, step_sizes))
    inside = jnp.arange(x.shape[1])[None, :, None] < lengths[:, None, None]
    is_finite = jnp.all(jnp.isfinite(jnp.where(inside, x, 0.0)), axis=(1, 2))
    return rows.x.at[slots].set(x, mode="drop"), is_finite


def vocode_row(
    config: F5Config,
    vocoder: Vocos,
    rows: Rows,
    slot: Int[Array, ""],
    num_ref_frames: Int[Array, ""],
) -> Float[Array, " nw"]:
    """Waveform of a finished row from its first generated frame on.

    The reference is shifted out and the last frame is held behind the end: n frames centred on
    multiples of the hop span only n - 1 hops, the held frame gives the last hop its sound.
    """
    x = jax.lax.dynamic_index_in_dim(rows.x, slot, axis=0, keepdims=False)
    length = jax.lax.dynamic_index_in_dim(rows.lengths, slot, axis=0, keepdims=False)
    source = jnp.minimum(num_ref_frames + jnp.arange(x.shape[0]), jnp.maximum(length - 1, 0))
    mel = x[source] * config.mel_std + config.mel_mean
    return vocoder(mel[None], (length - num_ref_frames + 1)[None])[0]
