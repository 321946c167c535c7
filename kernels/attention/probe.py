"""Start-up probe: which attention is fastest here, on the shapes that will be served."""

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import jax
import jax.numpy as jnp
from jax.typing import DTypeLike

from kernels.attention.api import Implementation, attention
from kernels.attention.arg_specs import AttentionSpec

logger = logging.getLogger(__name__)

CANDIDATES: dict[str, tuple[Implementation, ...]] = {
    "cpu": ("blocked", "xla"),
    "gpu": ("cudnn", "pallas", "xla"),
}
FALLBACK: tuple[Implementation, ...] = ("xla",)


@dataclass(frozen=True, kw_only=True)
class ProbeResult:
    """The choice, and per candidate its time for one call of every shape, or why it cannot."""

    choice: Implementation
    seconds: dict[Implementation, float]
    failures: dict[Implementation, str]


def choose_attention(
    specs: Sequence[AttentionSpec],
    *,
    dtype: DTypeLike = jnp.float32,
    candidates: Sequence[Implementation] | None = None,
    num_repeats: int = 5,
) -> ProbeResult:
    """Times every candidate on every shape, logs the table and picks the least total time.

    Args:
        specs: shapes that will be served; at least one.
        dtype: compute dtype that will be served.
        candidates: default: all that make sense on the default device.
        num_repeats: the least of so many timings counts.

    Raises:
        ValueError: no shapes.
        ExceptionGroup: every candidate failed, with each one's error.
    """
    if not specs:
        raise ValueError("choose_attention needs at least one shape")
    names = candidates or CANDIDATES.get(jax.default_backend(), FALLBACK)
    seconds: dict[Implementation, float] = {}
    errors: dict[Implementation, Exception] = {}
    for name in names:
        try:
            seconds[name] = sum(_time_once(name, spec, dtype, num_repeats) for spec in specs)
        except (NotImplementedError, jax.errors.JaxRuntimeError) as error:
            errors[name] = error
    failures: dict[Implementation, str] = {
        name: str(error).partition("\n")[0] for name, error in errors.items()
    }
    _log_table(seconds, failures)
    if not seconds:
        raise ExceptionGroup("every attention implementation failed", list(errors.values()))
    choice = min(seconds, key=seconds.__getitem__)
    return ProbeResult(choice=choice, seconds=seconds, failures=failures)


def _time_once(
    name: Implementation, spec: AttentionSpec, dtype: DTypeLike, num_repeats: int
) -> float:
    """Least wall time of one compiled call, seconds."""
    arguments = spec.arguments()
    call = jax.jit(partial(attention, dtype=dtype, implementation=name))
    jax.block_until_ready(call(*arguments))
    timings = []
    for _ in range(num_repeats):
        start = time.perf_counter()
        jax.block_until_ready(call(*arguments))
        timings.append(time.perf_counter() - start)
    return min(timings)


def _log_table(seconds: dict[Implementation, float], failures: dict[Implementation, str]) -> None:
    for name, taken in sorted(seconds.items(), key=lambda item: item[1]):
        logger.info("attention probe: %-10s %8.2f ms", name, 1e3 * taken)
    for name, reason in failures.items():
        logger.info("attention probe: %-10s cannot: %s", name, reason)
