"""Flow-matching maths: time grids, guidance and one Euler step for a batch of rows.

Grids are made on the host in float64 (the reference loses digits by computing them in half
precision). A step takes one time value, one step size and one guidance scale per row, so rows
at different places of different schedules share a batch (specs: f5-tts 3).
"""

from __future__ import annotations

import math
from typing import NamedTuple, Protocol

import jax.numpy as jnp
from jax import Array
from jaxtyping import Float, Int

from inference_types import StepSchedule

# Steps of the EPSS tables in units of 1/32, before sway (specs: f5-tts 3).
EPSS_GRIDS: dict[int, tuple[int, ...]] = {
    5: (0, 2, 4, 8, 16, 32),
    6: (0, 2, 4, 6, 8, 16, 32),
    7: (0, 2, 4, 6, 8, 16, 24, 32),
    10: (0, 2, 4, 6, 8, 12, 16, 20, 24, 28, 32),
    12: (0, 2, 4, 6, 8, 10, 12, 14, 16, 20, 24, 28, 32),
    16: (0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16, 20, 24, 28, 32),
}

# Below this the reference follows the guided branch alone, negative scales included.
MIN_GUIDANCE = 1e-5


def time_grid(num_steps: int, *, sway: float | None = -1.0, use_epss: bool = True) -> StepSchedule:
    """Times from 0 to 1: an EPSS table where one exists, else uniform; then sway sampling.

    sway s maps t to t + s (cos(pi t / 2) - 1 + t); None leaves the grid alone.
    Raises ValueError for fewer than one step.
    """
    if num_steps < 1:
        raise ValueError(f"num_steps must be at least 1, not {num_steps}")
    if use_epss and num_steps in EPSS_GRIDS:
        times = [k / 32 for k in EPSS_GRIDS[num_steps]]
    else:
        times = [k / num_steps for k in range(num_steps + 1)]
    if sway is not None:
        times = [t + sway * (math.cos(math.pi * t / 2) - 1 + t) for t in times]
    return StepSchedule(times=(0.0, *times[1:-1], 1.0))


class Modulation(NamedTuple):
    """AdaLN vectors for some time values (and guidance scales, where the network takes them);
    they depend on nothing else, so they can be tabled.

    blocks: (s, l, 6, d) in the order shift, scale, gate (attention), shift, scale, gate (mlp).
    final: (s, 2, d) in the order scale, shift.
    """

    blocks: Float[Array, "s l 6 d"]
    final: Float[Array, "s 2 d"]


class VelocityModel(Protocol):
    """What a step needs of a network (models.f5.F5Model has it)."""

    def modulate(
        self, times: Float[Array, " s"], guidance_scales: Float[Array, " s"]
    ) -> Modulation: ...

    def velocity(
        self,
        x: Float[Array, "b n m"],
        static: Float[Array, "b i d"],
        modulation: Modulation,
        lengths: Int[Array, " b"],
    ) -> Float[Array, "b n m"]: ...


def euler_step(
    model: VelocityModel,
    x: Float[Array, "b n m"],
    statics: Float[Array, "b c i d"],
    lengths: Int[Array, " b"],
    times: Float[Array, " b"],
    step_sizes: Float[Array, " b"],
    guidance_scales: Float[Array, " b"],
) -> Float[Array, "b n m"]:
    """One Euler step of the guided flow for every row, each at its own time.

    `statics` holds the guided (0) and the null branch (1) of `F5Model.encode`. Both branches
    run as one pass of 2 b rows: v = v_c + w (v_c - v_n), x <- x + dt v. A network that takes the
    scale as an input has one branch (c = 1) and gives v itself.
    """
    modulation = model.modulate(times, guidance_scales)
    return modulated_euler_step(model, x, statics, lengths, modulation, step_sizes, guidance_scales)


def modulated_euler_step(
    model: VelocityModel,
    x: Float[Array, "b n m"],
    statics: Float[Array, "b c i d"],
    lengths: Int[Array, " b"],
    modulation: Modulation,
    step_sizes: Float[Array, " b"],
    guidance_scales: Float[Array, " b"],
) -> Float[Array, "b n m"]:
    """`euler_step` with the rows' AdaLN vectors (s = b) already at hand, as from a table.

    With statics of the guided branch alone (c = 1) the pass is half as wide and the scale is
    not used here; with two, scales under MIN_GUIDANCE mean the same, as in the reference.
    """
    num_branches = statics.shape[1]
    velocity = model.velocity(
        jnp.concatenate([x] * num_branches),
        jnp.concatenate([statics[:, branch] for branch in range(num_branches)]),
        Modulation(*(jnp.concatenate([part] * num_branches) for part in modulation)),
        jnp.concatenate([lengths] * num_branches),
    )
    if num_branches == 2:
        guided, null = jnp.split(velocity, 2)
        scales = jnp.where(guidance_scales < MIN_GUIDANCE, 0.0, guidance_scales)
        velocity = guided + scales[:, None, None] * (guided - null)
    return x + step_sizes[:, None, None] * velocity
