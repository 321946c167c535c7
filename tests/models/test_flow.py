"""Time grids and the Euler step."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
import pytest
from jax import Array

from models.flow import Modulation, euler_step, modulated_euler_step, time_grid
from tests.golden import f5_cases as cases
from tests.models.tiny_f5 import goldens


class LinearFlow:
    """velocity = time * x + static: every answer below can be worked out by hand."""

    def modulate(self, times: Array, guidance_scales: Array) -> Modulation:
        del guidance_scales
        return Modulation(jnp.zeros((len(times), 1, 6, 1)), times[:, None, None])

    def velocity(self, x: Array, static: Array, modulation: Modulation, lengths: Array) -> Array:
        del lengths
        return modulation.final[:, :1] * x + static


X = jnp.asarray([[[1.0]], [[2.0]], [[4.0]]])
STATICS = jnp.asarray([[[[1.0]], [[3.0]]]] * 3)  # guided 1, null 3 in every row
LENGTHS = jnp.ones((3,), jnp.int32)
TIMES, STEP_SIZES = jnp.asarray([0.0, 0.5, 0.25]), jnp.asarray([0.5, 0.25, 1.0])


@pytest.mark.parametrize("num_steps", cases.GRID_STEPS)
@pytest.mark.parametrize("sway", [None, -1.0])
def test_grid_is_the_reference_in_float64(num_steps: int, sway: float | None) -> None:
    expected = goldens()[f"grid.{num_steps}"][0 if sway is None else 1]
    times = time_grid(num_steps, sway=sway).times
    np.testing.assert_allclose(times, expected, atol=1e-15, rtol=0)
    assert (times[0], times[-1]) == (0.0, 1.0)
    assert np.all(np.diff(times) > 0)


def test_grid_without_epss_is_uniform() -> None:
    assert time_grid(4, sway=None, use_epss=False).times == (0.0, 0.25, 0.5, 0.75, 1.0)
    assert time_grid(7, sway=None, use_epss=False).times != time_grid(7, sway=None).times


def test_grid_of_no_steps_is_refused() -> None:
    with pytest.raises(ValueError, match="num_steps"):
        time_grid(0)


def test_each_row_steps_at_its_own_time_size_and_guidance() -> None:
    guidance_scales = jnp.asarray([2.0, 0.5, 1.0])
    stepped = euler_step(LinearFlow(), X, STATICS, LENGTHS, TIMES, STEP_SIZES, guidance_scales)
    # guided - null = -2 in every row, so v = t x + 1 - 2 w.
    by_hand = [1 + 0.5 * (0 + 1 - 4), 2 + 0.25 * (1 + 1 - 1), 4 + 1.0 * (1 + 1 - 2)]
    np.testing.assert_allclose(stepped[:, 0, 0], by_hand, rtol=1e-6)


def test_guidance_under_the_threshold_follows_the_guided_branch() -> None:
    tiny_scales = jnp.asarray([0.0, 9e-6, -3.0])
    stepped = euler_step(LinearFlow(), X, STATICS, LENGTHS, TIMES, STEP_SIZES, tiny_scales)
    alone = modulated_euler_step(
        LinearFlow(),
        X,
        STATICS[:, :1],
        LENGTHS,
        LinearFlow().modulate(TIMES, TIMES),
        STEP_SIZES,
        jnp.asarray([7.0, 7.0, 7.0]),
    )
    by_hand = [1 + 0.5 * 1, 2 + 0.25 * 2, 4 + 1.0 * 2]
    np.testing.assert_allclose(stepped[:, 0, 0], by_hand, rtol=1e-6)
    np.testing.assert_allclose(alone, stepped, rtol=1e-6)
