"""Training state as plain pytrees, and its journey to and from checkpoints."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from training.checkpoint import load_latest, save_checkpoint


class TrainState(NamedTuple):
    """Parameters, optimiser state and the running mean of the parameters (EMA)."""

    params: Any
    optimiser: Any
    ema: Any


def update_ema(ema: Any, params: Any, decay: jax.Array) -> Any:
    """ema <- decay ema + (1 - decay) params."""
    return jax.tree.map(lambda e, p: e + (1.0 - decay) * (p - e), ema, params)


def save_state(
    folder: Path, step: int, state: TrainState, meta: dict[str, Any], keep: int = 2
) -> Path:
    """Write the state as one checkpoint, the newest `keep` stay.

    Leaf names are their places in the tree, as ".ema['output']['bias']".
    """
    leaves = jax.tree_util.tree_leaves_with_path(state)
    arrays = {jax.tree_util.keystr(path): np.asarray(leaf) for path, leaf in leaves}
    return save_checkpoint(folder, step, arrays, meta, keep)


def restore_state(folder: Path, like: TrainState) -> tuple[int, TrainState, dict[str, Any]] | None:
    """Newest checkpoint shaped as `like`; None when there is none.

    Raises ValueError listing the leaves that are missing or of another shape.
    """
    found = load_latest(folder)
    if found is None:
        return None
    step, arrays, meta = found
    paths, tree = jax.tree_util.tree_flatten_with_path(like)
    names = [jax.tree_util.keystr(path) for path, _ in paths]
    wrong = [
        name
        for name, (_, leaf) in zip(names, paths, strict=True)
        if name not in arrays or arrays[name].shape != np.shape(leaf)
    ]
    if wrong:
        raise ValueError(
            f"checkpoint in {folder} does not fit this model (train into another folder):"
            f" {len(wrong)} of {len(names)} leaves, such as {wrong[:10]}"
        )
    return step, jax.tree.unflatten(tree, [jnp.asarray(arrays[n]) for n in names]), meta
