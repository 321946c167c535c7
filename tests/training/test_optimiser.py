"""The learning-rate plan and which leaves get which update."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from training.optimiser import COOLDOWN_SHARE, FINAL_SCALE, WARMUP_STEPS, learning_rate_scale
from training.optimiser import make_optimiser as make


def test_rate_warms_up_by_step() -> None:
    scales = [learning_rate_scale(step, 0.0) for step in range(WARMUP_STEPS + 5)]
    assert scales[0] == pytest.approx(1 / WARMUP_STEPS)
    assert np.diff(scales[:WARMUP_STEPS]).min() > 0 and set(scales[WARMUP_STEPS - 1 :]) == {1.0}


def test_rate_cools_down_by_used_share() -> None:
    late = WARMUP_STEPS * 10
    assert learning_rate_scale(late, 1 - COOLDOWN_SHARE) == pytest.approx(1.0)
    assert learning_rate_scale(late, 1 - COOLDOWN_SHARE / 2) == pytest.approx(0.5)
    for share in (1.0, 1.2):
        assert learning_rate_scale(late, share) == FINAL_SCALE


def test_chosen_matrices_get_orthogonal_updates_per_layer() -> None:
    rng = np.random.default_rng(0)
    left, right = (np.linalg.qr(rng.normal(size=(2, 8, 8)))[0] for _ in range(2))
    steep = jnp.asarray(left * np.geomspace(0.15, 1.0, 8) @ right, jnp.float32)
    params = {"muon": steep, "adam": steep}
    optimiser = make(lambda path, _: "muon" in str(path), weight_decay=0.0, clip=1e9)
    updates, _ = jax.jit(optimiser.update)(params, jax.jit(optimiser.init)(params), params)
    values = np.linalg.svd(updates["muon"], compute_uv=False)
    assert (values.max(1) < 2 * values.min(1)).all()  # those of the gradient differ sevenfold
    assert np.ptp(np.abs(updates["adam"])) < 1e-3  # Adam's first step: every entry the same


def test_large_gradients_are_clipped() -> None:
    params = {"w": jnp.ones(4)}
    grads = {"w": jnp.array([100.0, 1.0, 1.0, 1.0])}
    tight, loose = (make(lambda *_: False, weight_decay=0.0, clip=clip) for clip in (1e-9, 1e9))
    sizes = [
        float(jnp.abs(jax.jit(o.update)(grads, o.init(params), params)[0]["w"]).min())
        for o in (tight, loose)
    ]
    assert sizes[0] < 0.5 * sizes[1]  # far below Adam's epsilon
