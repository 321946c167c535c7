"""The JAX process: settings, the compile cache, the compilation counter, the choice of dtype."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import jax
import jax.numpy as jnp
from jax.typing import DTypeLike

from kernels.attention.api import Implementation
from kernels.attention.arg_specs import AttentionSpec
from kernels.attention.probe import choose_attention
from kernels.matmul import matmul
from models.f5 import F5Config

_COMPILE_EVENT = "/jax/core/compile/backend_compile_duration"
# The start-up probe of the two dtypes, see faster_dtype.
PROBE_ROUNDS = 25
CLEARLY_FASTER = 0.7
# Rows, inner and outer width. An accelerator needs milliseconds of work, or launches are timed.
CPU_PRODUCT = (512, 384, 768)
ACCELERATOR_PRODUCT = (4096, 4096, 4096)
_log = logging.getLogger(__name__)
_compile_seconds: list[float] = []


def _note_compilation(event: str, duration_secs: float, **kwargs: str | int) -> None:
    if event == _COMPILE_EVENT:
        _compile_seconds.append(duration_secs)


jax.monitoring.register_event_duration_secs_listener(_note_compilation)


def num_compilations() -> int:
    """Programs this process compiled or read from the compile cache so far."""
    return len(_compile_seconds)


def prepare_runtime(compile_cache_dir: Path | None) -> None:
    """Process-wide JAX settings; call before anything touches a device.

    The cache directory holds machine code that later starts will run: it must belong to the
    user alone. Where it cannot be made, every start compiles.
    """
    # Asynchronous dispatch on CPU oversubscribes the two thread pools (design: engine 3.4).
    jax.config.update("jax_cpu_enable_async_dispatch", False)
    if compile_cache_dir is not None and _is_made(compile_cache_dir):
        jax.config.update("jax_compilation_cache_dir", str(compile_cache_dir))
        jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)


def _is_made(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        _log.warning("no compile cache in %s: %s", folder, error)
        return False
    return True


def choose_compute_dtype() -> jnp.dtype:
    """bfloat16 where its products (with float32 sums) are clearly faster here, else float32.

    Takes 0.1 s: CPUs with and without bfloat16 units differ, accelerators all have them.
    """
    shape = CPU_PRODUCT if jax.default_backend() == "cpu" else ACCELERATOR_PRODUCT
    return faster_dtype(_product_call(shape, jnp.float32), _product_call(shape, jnp.bfloat16))


def faster_dtype(
    run_float32: Callable[[], object],
    run_bfloat16: Callable[[], object],
    *,
    clock: Callable[[], float] = time.perf_counter,
) -> jnp.dtype:
    """bfloat16 if its best of many runs is far ahead of float32's best, else float32.

    The answer must not change from start to start on one machine (other programs in the compile
    cache, other samples for the same seed), however busy: the two take turns, so neighbours
    slow both, and the margin lies far from both kinds of CPU (bfloat16 takes 0.2 of the time
    with units for it, 1.2 to 1.6 without).
    """
    float32_s, bfloat16_s = float("inf"), float("inf")
    for _ in range(PROBE_ROUNDS):
        float32_s = min(float32_s, _seconds(run_float32, clock))
        bfloat16_s = min(bfloat16_s, _seconds(run_bfloat16, clock))
    chosen = jnp.dtype(jnp.bfloat16 if bfloat16_s < CLEARLY_FASTER * float32_s else jnp.float32)
    _log.info(
        "products run in %s (probe: float32 %.2f ms, bfloat16 %.2f ms)",
        chosen.name,
        float32_s * 1e3,
        bfloat16_s * 1e3,
    )
    return chosen


def _seconds(run: Callable[[], object], clock: Callable[[], float]) -> float:
    start = clock()
    run()
    return clock() - start


def _product_call(shape: tuple[int, int, int], dtype: DTypeLike) -> Callable[[], object]:
    """One compiled product as the layers make it: float32 activations, weights and result."""
    rows, inner, outer = shape
    x, w = jnp.ones((rows, inner)), jnp.ones((inner, outer))
    product = jax.jit(partial(matmul, dtype=dtype))
    product(x, w).block_until_ready()
    return lambda: product(x, w).block_until_ready()


def recommended_attention(config: F5Config, max_frames: int, dtype: DTypeLike) -> Implementation:
    """The attention to serve rows of up to `max_frames` with.

    Accelerators are probed. On CPU a fixed rule keeps every start on the same compiled programs:
    beyond 512 positions the score matrix leaves the cache (a step of 192 positions costs 0.068
    CPU seconds whole and 0.071 in blocks, one of 416 0.185 and 0.174).
    """
    num_positions = max_frames // config.patch_frames
    if jax.default_backend() == "cpu":
        return "blocked" if num_positions > 512 else "xla"
    spec = AttentionSpec(
        num_rows=2, num_frames=num_positions, num_heads=config.heads, head_dim=config.dim_head
    )
    return choose_attention([spec], dtype=dtype).choice


def recommended_batch_sizes() -> tuple[int, ...]:
    """Rows to step together: as many as pay for the time their programs take to compile.

    On two cores a pair is a little cheaper than two alone, four are not cheaper than two pairs
    (22, 35 and 64 ms for 1, 2 and 4 rows of 384 frames of the shipped voice; 32, 56 and 127 of
    576): more would only delay first sounds.
    """
    if jax.default_backend() != "cpu":
        return (1, 2, 4, 8, 16)
    num_cores = os.cpu_count() or 1
    return tuple(size for size in (1, 2, 4, 8) if size <= max(2, num_cores // 2))


def recommended_fused_steps() -> tuple[int, ...]:
    """Fusing saves dispatches, which are nothing beside a CPU step."""
    return (1,) if jax.default_backend() == "cpu" else (1, 4)
