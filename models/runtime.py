"""The JAX process: settings, the compile cache, the compilation counter, the choice of dtype."""

from __future__ import annotations

import logging
import os
import time
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import DTypeLike

from kernels.attention.api import Implementation
from kernels.attention.arg_specs import AttentionSpec
from kernels.attention.probe import choose_attention
from models.f5 import F5Config

_COMPILE_EVENT = "/jax/core/compile/backend_compile_duration"
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

    Only CPUs differ; a probe of 20 ms finds those with bfloat16 units.
    """
    if jax.default_backend() != "cpu":
        return jnp.dtype(jnp.bfloat16)
    seconds = {dtype: _time_product(dtype) for dtype in (jnp.float32, jnp.bfloat16)}
    is_faster = seconds[jnp.bfloat16] < 0.8 * seconds[jnp.float32]
    chosen = jnp.bfloat16 if is_faster else jnp.float32
    _log.info(
        "products run in %s (512x384x768: float32 %.2f ms, bfloat16 %.2f ms)",
        jnp.dtype(chosen).name,
        seconds[jnp.float32] * 1e3,
        seconds[jnp.bfloat16] * 1e3,
    )
    return jnp.dtype(chosen)


def _time_product(dtype: Any) -> float:
    """Best of a few runs of one product as the layers make it: float32 in, float32 out."""

    @jax.jit
    def product(x: jax.Array, w: jax.Array) -> jax.Array:
        return jnp.dot(x.astype(dtype), w, preferred_element_type=jnp.float32)

    x, w = np.ones((512, 384), np.float32), jnp.ones((384, 768), dtype)
    product(x, w).block_until_ready()
    runs = []
    for _ in range(5):
        start = time.perf_counter()
        product(x, w).block_until_ready()
        runs.append(time.perf_counter() - start)
    return min(runs)


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

    On two cores rows cost what they cost alone (0.07, 0.13 and 0.28 CPU seconds for 1, 2 and 4
    rows of 384 frames): a pair shares fairly, more would only delay first sounds.
    """
    if jax.default_backend() != "cpu":
        return (1, 2, 4, 8, 16)
    num_cores = os.cpu_count() or 1
    return tuple(size for size in (1, 2, 4, 8) if size <= max(2, num_cores // 2))


def recommended_fused_steps() -> tuple[int, ...]:
    """Fusing saves dispatches, which are nothing beside a CPU step."""
    return (1,) if jax.default_backend() == "cpu" else (1, 4)
