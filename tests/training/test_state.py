"""Training state to disk and back."""

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from training.checkpoint import list_checkpoints, load_latest
from training.state import TrainState, restore_state, save_state, update_ema


def _state(width: int = 3) -> TrainState:
    params = {"out": {"kernel": jnp.arange(2.0 * width).reshape(2, width), "bias": jnp.ones(width)}}
    return TrainState(params, optax.adam(1.0).init(params), params)


def test_round_trip_keeps_every_leaf_and_type(tmp_path: Path) -> None:
    save_state(tmp_path, 4, _state(), {"spent_s": 1.5})
    restored = restore_state(tmp_path, _state())
    assert restored is not None
    step, state, meta = restored
    assert step == 4 and meta == {"spent_s": 1.5}
    assert jax.tree.structure(state) == jax.tree.structure(_state())
    for one, two in zip(jax.tree.leaves(state), jax.tree.leaves(_state()), strict=True):
        np.testing.assert_array_equal(one, two)
        assert one.dtype == two.dtype


def test_leaf_names_are_those_of_earlier_runs(tmp_path: Path) -> None:
    save_state(tmp_path, 1, _state(), {})
    latest = load_latest(tmp_path)
    assert latest is not None
    assert {".params['out']['kernel']", ".ema['out']['bias']", ".optimiser[0].count"} <= {
        *latest[1]
    }


def test_misfits_are_listed_by_name(tmp_path: Path) -> None:
    save_state(tmp_path, 1, _state(), {})
    with pytest.raises(ValueError, match="does not fit") as caught:
        restore_state(tmp_path, _state(width=5))
    assert ".params['out']['kernel']" in str(caught.value) and "8 of 9" in str(caught.value)
    more = _state()._replace(ema={"new": jnp.ones(1)})
    with pytest.raises(ValueError, match=r"1 of 8 leaves.*\.ema\['new'\]"):
        restore_state(tmp_path, more)


def test_empty_folder_restores_nothing(tmp_path: Path) -> None:
    assert restore_state(tmp_path, _state()) is None


@pytest.mark.parametrize("keep", [1, 2])
def test_only_the_newest_are_kept(tmp_path: Path, keep: int) -> None:
    for step in (1, 2, 3):
        save_state(tmp_path, step, _state(), {}, keep=keep)
    assert [step for step, _ in list_checkpoints(tmp_path)] == [1, 2, 3][-keep:]


def test_ema_moves_by_what_decay_leaves() -> None:
    (ema,) = jax.tree.leaves(update_ema({"w": jnp.ones(2)}, {"w": jnp.zeros(2)}, jnp.float32(0.75)))
    np.testing.assert_allclose(ema, 0.75)
