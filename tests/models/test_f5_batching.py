"""A row's result is the same alone, in any bucket, beside anything, and when it joins late."""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from jax import Array

from inference_types import StepSchedule
from models.f5 import F5Model, sample
from models.flow import euler_step, time_grid
from tests.golden import f5_cases as cases
from tests.golden.seeded_weights import seeded_normal
from tests.models.tiny_f5 import both_branches, padded_batch, tiny_inputs, tiny_model

TOLERANCE = 1e-5
BUCKET = 128
SHORT, MIDDLE, LONG = (tiny_inputs(utterance) for utterance in cases.UTTERANCES)


@partial(jax.jit, static_argnames="graph")
def _step(graph: nnx.GraphDef[F5Model], params: Any, *state: Array) -> Array:
    return euler_step(nnx.merge(graph, params), *state)


def run_batch(model: F5Model, rows: list[dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    times = jnp.linspace(0.1, 0.7, len(rows))
    return both_branches(model, *padded_batch(rows, BUCKET), times)


@pytest.fixture(scope="module", params=cases.VARIANTS)
def alone(request: pytest.FixtureRequest) -> tuple[F5Model, dict[str, np.ndarray]]:
    """The short utterance at its exact length, without any padding."""
    model = tiny_model(request.param)
    inputs = padded_batch([SHORT], len(SHORT["x"]))
    return model, both_branches(model, *inputs, jnp.asarray([0.1]))


@pytest.mark.parametrize("name", ["text.cond", "text.null", "velocity.cond", "velocity.null"])
def test_a_bucket_and_neighbours_change_nothing(
    alone: tuple[F5Model, dict[str, np.ndarray]], name: str
) -> None:
    model, expected = alone
    batched = run_batch(model, [SHORT, LONG, MIDDLE])[name][0, : len(SHORT["x"])]
    np.testing.assert_allclose(batched, expected[name][0], atol=TOLERANCE, rtol=0)


@pytest.mark.parametrize("name", ["velocity.cond", "velocity.null"])
def test_a_poisoned_neighbour_and_a_dirty_tail_change_nothing(
    alone: tuple[F5Model, dict[str, np.ndarray]], name: str
) -> None:
    model, expected = alone
    num_frames = len(SHORT["x"])
    x, cond, text_ids, lengths = padded_batch([SHORT, LONG, MIDDLE], BUCKET)
    x = x.at[1].set(jnp.nan).at[0, num_frames:].set(jnp.nan)
    cond = cond.at[1].set(jnp.inf)
    text_ids = text_ids.at[0, num_frames:].set(7)
    out = both_branches(model, x, cond, text_ids, lengths, jnp.asarray([0.1, 0.4, 0.7]))
    np.testing.assert_allclose(out[name][0, :num_frames], expected[name][0], atol=TOLERANCE, rtol=0)
    assert not np.isfinite(out[name][1]).any(), "the neighbour was meant to be poisoned"


def late_join(model: F5Model, first: StepSchedule, second: StepSchedule, delay: int) -> Array:
    """Row 0 runs `first`; row 1 sits idle (dt 0) for `delay` steps, then runs `second`."""
    x, cond, text_ids, lengths = padded_batch([MIDDLE, SHORT], BUCKET)
    noise = [seeded_noise_of(row) for row in (MIDDLE, SHORT)]
    x = jnp.stack([jnp.pad(n, ((0, BUCKET - len(n)), (0, 0))) for n in noise])
    zeros = jnp.zeros((2,))
    statics = both_branches(model, x, cond, text_ids, lengths, zeros)
    statics = jnp.stack([statics["static.cond"], statics["static.null"]], axis=1)
    graph, params = nnx.split(model)
    for step in range(max(first.num_steps, delay + second.num_steps)):
        places = [place_in(first, step), place_in(second, step - delay)]
        times, step_sizes = (
            jnp.asarray(column, jnp.float32) for column in zip(*places, strict=True)
        )
        x = _step(graph, params, x, statics, lengths, times, step_sizes, jnp.asarray([2.0, 1.5]))
    return x


def place_in(schedule: StepSchedule, step: int) -> tuple[float, float]:
    """Time and step size; before the start and after the end a row stands still."""
    if not 0 <= step < schedule.num_steps:
        return 0.0, 0.0
    start, end = schedule.times[step : step + 2]
    return start, end - start


def seeded_noise_of(row: dict[str, np.ndarray]) -> Array:
    return jnp.asarray(seeded_normal("noise", row["x"].shape))


def test_a_row_that_joins_late_gets_the_result_of_running_alone() -> None:
    model = tiny_model("v1")
    x = late_join(model, time_grid(7), time_grid(5), delay=3)
    rows = ((MIDDLE, cases.UTTERANCES[1], 7, 2.0), (SHORT, cases.UTTERANCES[0], 5, 1.5))
    for index, (inputs, (num_frames, _, num_ref), steps, guidance_scale) in enumerate(rows):
        solo = sample(
            model,
            inputs["cond"][:num_ref],
            inputs["text_ids"],
            num_frames,
            noise=seeded_noise_of(inputs),
            steps=steps,
            guidance_scale=guidance_scale,
        )
        joined = np.asarray(x[index, num_ref:num_frames])
        np.testing.assert_allclose(joined, solo[num_ref:], atol=TOLERANCE, rtol=0)
