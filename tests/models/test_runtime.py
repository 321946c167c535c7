"""The start-up choice between float32 and bfloat16 products."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import jax.numpy as jnp
import pytest

from models.runtime import PROBE_ROUNDS, choose_compute_dtype, faster_dtype


@dataclass(kw_only=True)
class BusyMachine:
    """A clock that stands still but for runs; neighbours slow the runs `is_busy` names."""

    is_busy: Callable[[int], bool]
    now_s: float = 0.0
    runs: list[float] = field(default_factory=list)

    def product(self, quiet_s: float) -> Callable[[], None]:
        def run() -> None:
            self.runs.append(quiet_s * (8.0 if self.is_busy(len(self.runs)) else 1.0))
            self.now_s += self.runs[-1]

        return run

    def choice(self, *, float32_s: float, bfloat16_s: float) -> str:
        products = self.product(float32_s), self.product(bfloat16_s)
        return faster_dtype(*products, clock=lambda: self.now_s).name


@pytest.mark.parametrize(
    ("bfloat16_s", "expected"), [(0.2, "bfloat16"), (0.75, "float32"), (1.3, "float32")]
)
def test_bfloat16_needs_a_clear_lead(bfloat16_s: float, expected: str) -> None:
    machine = BusyMachine(is_busy=lambda run: False)
    assert machine.choice(float32_s=1.0, bfloat16_s=bfloat16_s) == expected


@pytest.mark.parametrize("num_quiet_runs", [2, 10])
@pytest.mark.parametrize("quiet_first", [True, False])
def test_a_busy_stretch_does_not_flip_the_choice(num_quiet_runs: int, quiet_first: bool) -> None:
    """Five runs of the one and then five of the other would flip with the machine's load."""
    num_runs = 2 * PROBE_ROUNDS
    if quiet_first:
        machine = BusyMachine(is_busy=lambda run: run >= num_quiet_runs)
    else:
        machine = BusyMachine(is_busy=lambda run: run < num_runs - num_quiet_runs)
    assert machine.choice(float32_s=1.0, bfloat16_s=1.3) == "float32"
    assert len(machine.runs) == num_runs


def test_one_undisturbed_run_of_each_is_enough() -> None:
    machine = BusyMachine(is_busy=lambda run: run not in (6, 31))
    assert machine.choice(float32_s=1.0, bfloat16_s=1.3) == "float32"


def test_the_real_probe_answers_the_same_twice() -> None:
    first = choose_compute_dtype()
    assert first in (jnp.float32, jnp.bfloat16)
    assert choose_compute_dtype() == first
