"""Optimiser and learning-rate plan shared by the trainers.

Muon for the matrices inside the network, AdamW for everything else (optax.contrib.muon): with a
few thousand steps to spend, orthogonalised updates learn clearly faster per step. The learning
rate follows the share of the time budget that is used up, so a run of any length ends cooled
down, however slow or busy the machine was.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import optax
from optax.contrib import MuonDimensionNumbers, muon

WARMUP_STEPS = 150
COOLDOWN_SHARE = 0.45
FINAL_SCALE = 0.02


def learning_rate_scale(step: int, used_share: float) -> float:
    """Factor on the peak rate: linear warm-up, flat, then linear to 2 % over the last 45 %."""
    warm = min(1.0, (step + 1) / WARMUP_STEPS)
    left = max(0.0, 1.0 - used_share) / COOLDOWN_SHARE
    return warm * max(FINAL_SCALE, min(1.0, left))


def make_optimiser(
    is_matrix: Callable[[tuple[Any, ...], jax.Array], bool], *, weight_decay: float, clip: float
) -> optax.GradientTransformation:
    """Updates for a learning rate of one; the caller scales them.

    `is_matrix(path, leaf)` says which leaves Muon takes; their last two axes are the matrix,
    axes before them are stacked layers.
    """

    def dimensions(params: Any) -> Any:
        def one(path: tuple[Any, ...], leaf: jax.Array) -> MuonDimensionNumbers | None:
            if not is_matrix(path, leaf):
                return None
            return MuonDimensionNumbers(reduction_axis=leaf.ndim - 2, output_axis=leaf.ndim - 1)

        return jax.tree_util.tree_map_with_path(one, params)

    # consistent_rms 0.2 gives Muon's updates the size of Adam's: one rate fits both.
    return optax.chain(
        optax.clip_by_global_norm(clip),
        muon(
            1.0,
            weight_decay=weight_decay,
            muon_weight_dimension_numbers=dimensions,
            consistent_rms=0.2,
            adam_b2=0.98,
        ),
    )
