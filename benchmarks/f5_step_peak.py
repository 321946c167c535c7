"""Child of benchmarks.f5_step: the fastest large product per dtype, floating-point operations/s."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from kernels.allocator import keep_freed_memory

NUM_REPEATS = 10
# Rows, inner and outer width: as large as the largest product of v1 base's blocks.
SHAPE = (2048, 1024, 3072)


def operations_per_s(product: Callable[[], object]) -> float:
    """Best of some calls."""
    product()
    best = float("inf")
    for _ in range(NUM_REPEATS):
        start = time.perf_counter()
        product()
        best = min(best, time.perf_counter() - start)
    rows, inner, outer = SHAPE
    return 2.0 * rows * inner * outer / best


def _run(product: Callable[..., Any], operands: tuple[Any, ...]) -> None:
    product(*operands).block_until_ready()


def main() -> None:
    keep_freed_memory()
    import jax

    from kernels.matmul import matmul

    rows, inner, outer = SHAPE
    x, w = np.ones((rows, inner), np.float32), np.ones((inner, outer), np.float32)
    out = np.empty((rows, outer), np.float32)
    peaks = {}
    for dtype in ("float32", "bfloat16"):
        operands = jax.device_put(x), jax.device_put(w).astype(dtype)
        product = jax.jit(partial(matmul, dtype=dtype))
        peaks[dtype] = operations_per_s(partial(_run, product, operands))
    # NumPy's library is the other good product on this machine.
    peaks["float32"] = max(peaks["float32"], operations_per_s(lambda: np.matmul(x, w, out=out)))
    print(json.dumps(peaks))


if __name__ == "__main__":
    main()
