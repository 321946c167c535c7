"""Every implementation of every kernel on the shapes that are served: milliseconds, one table.

    python -m benchmarks.kernels [--dtype bfloat16] [--only attention] [--all]

Takes a minute or two; `--all` adds the shapes of training and of large batches.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from statistics import median

import jax
import jax.numpy as jnp

from kernels.allocator import keep_freed_memory
from kernels.attention import attention
from kernels.attention.api import IMPLEMENTATIONS as ATTENTION
from kernels.attention.arg_specs import SPECS
from kernels.depthwise_conv import depthwise_conv
from kernels.depthwise_conv.api import IMPLEMENTATIONS as DEPTHWISE
from kernels.matmul import matmul

NUM_REPEATS = 7
# Served one request at a time; the others need --all.
SERVED_SPECS = ("shipped_voice", "v1_base")
# (rows, frames, width, taps) of the shipped voice's and of v1 base's convolutions.
DEPTHWISE_SHAPES = ((2, 192, 320, 11), (2, 1024, 512, 7))
# (positions, inputs, outputs): the feed-forward of the shipped voice, the projections of v1 base.
PRODUCT_SHAPES = ((384, 320, 640), (2048, 1024, 3072))


@dataclass(frozen=True, kw_only=True)
class Case:
    """One row of the table; `operations` counts multiplications and additions."""

    label: str
    implementation: str
    function: Callable[..., jax.Array]
    arguments: tuple[jax.Array, ...]
    operations: float


def cases(dtype: jnp.dtype, *, is_all: bool) -> Iterator[Case]:
    yield from _products(dtype)
    yield from _attentions(dtype, is_all=is_all)
    yield from _depthwise_convolutions()


def _products(dtype: jnp.dtype) -> Iterator[Case]:
    for rows, inner, outer in PRODUCT_SHAPES:
        yield Case(
            label=f"matmul {rows}x{inner}x{outer}",
            implementation="xla",
            function=partial(matmul, dtype=dtype),
            arguments=_normal((rows, inner), (inner, outer)),
            operations=2.0 * rows * inner * outer,
        )


def _attentions(dtype: jnp.dtype, *, is_all: bool) -> Iterator[Case]:
    for label, spec in SPECS.items():
        if not is_all and label not in SERVED_SPECS:
            continue
        size = f"{spec.num_rows}x{spec.num_frames}x{spec.num_heads}x{spec.head_dim}"
        width = spec.num_heads * spec.head_dim
        for name in ATTENTION:
            yield Case(
                label=f"attention {label} {size}",
                implementation=name,
                function=partial(attention, implementation=name, dtype=dtype),
                arguments=spec.arguments(),
                operations=4.0 * spec.num_rows * spec.num_frames**2 * width,
            )


def _depthwise_convolutions() -> Iterator[Case]:
    for rows, frames, width, taps in DEPTHWISE_SHAPES:
        for name in DEPTHWISE:
            yield Case(
                label=f"depthwise {rows}x{frames}x{width} k{taps}",
                implementation=name,
                function=partial(depthwise_conv, implementation=name),
                arguments=_normal((rows, frames, width), (taps, width), (width,)),
                operations=2.0 * rows * frames * width * taps,
            )


def _normal(*shapes: tuple[int, ...]) -> tuple[jax.Array, ...]:
    return tuple(jax.random.normal(jax.random.key(i), shape) for i, shape in enumerate(shapes))


def seconds(case: Case) -> list[float]:
    """Wall seconds of some calls, compilation left out. Raises what the implementation does."""
    call = jax.jit(case.function)
    jax.block_until_ready(call(*case.arguments))
    timings = []
    for _ in range(NUM_REPEATS):
        start = time.perf_counter()
        jax.block_until_ready(call(*case.arguments))
        timings.append(time.perf_counter() - start)
    return timings


def row(case: Case) -> str:
    try:
        timings = seconds(case)
    except NotImplementedError as error:
        return f"cannot: {error}"
    rate = case.operations / min(timings) / 1e9
    return f"{1e3 * median(timings):9.2f} {1e3 * min(timings):9.2f} {rate:9.0f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--dtype", choices=["float32", "bfloat16"], default="float32")
    parser.add_argument("--only", default="", help="kernels and shapes whose name contains this")
    parser.add_argument("--all", action="store_true", help="shapes of training and large batches")
    arguments = parser.parse_args()
    keep_freed_memory()
    print(
        f"{arguments.dtype} on {jax.devices()[0].device_kind}, {os.cpu_count()} cores,"
        f" load {os.getloadavg()[0]:.1f} before, {NUM_REPEATS} calls"
    )
    print(f"{'':40s} {'':14s} {'median ms':>9s} {'least ms':>9s} {'GFLOP/s':>9s}")
    for case in cases(jnp.dtype(arguments.dtype), is_all=arguments.all):
        if arguments.only in case.label:
            print(f"{case.label:40s} {case.implementation:14s} {row(case)}", flush=True)


if __name__ == "__main__":
    main()
