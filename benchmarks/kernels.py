"""Every implementation of every kernel on the shapes that are served: milliseconds, one table.

python -m benchmarks.kernels [--dtype bfloat16] [--only attention]
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from functools import partial

import jax
import jax.numpy as jnp

from kernels.allocator import keep_freed_memory
from kernels.attention import attention
from kernels.attention.api import IMPLEMENTATIONS as ATTENTION
from kernels.attention.arg_specs import SPECS
from kernels.depthwise_conv import depthwise_conv
from kernels.depthwise_conv.api import IMPLEMENTATIONS as DEPTHWISE
from kernels.grouped_conv import grouped_conv
from kernels.grouped_conv.api import IMPLEMENTATIONS as GROUPED

NUM_REPEATS = 5
# (rows, frames, width, taps) of the shipped voice's and of v1 base's convolutions.
DEPTHWISE_SHAPES = ((2, 192, 320, 11), (2, 1024, 512, 7))
GROUPED_SHAPES = ((2, 1024, 1024, 31), (16, 512, 384, 31))
NUM_GROUPS = 16

Case = tuple[str, str, Callable[..., jax.Array], tuple[jax.Array, ...]]


def cases(dtype: jnp.dtype) -> Iterator[Case]:
    """(kernel and shape, implementation, function, arguments)."""
    for label, spec in SPECS.items():
        for name in ATTENTION:
            function = partial(attention, implementation=name, dtype=dtype)
            yield f"attention {label}", name, function, spec.arguments()
    for rows, frames, width, taps in DEPTHWISE_SHAPES:
        arguments = _normal((rows, frames, width), (taps, width), (width,))
        for name in DEPTHWISE:
            function = partial(depthwise_conv, implementation=name)
            yield f"depthwise {rows}x{frames}x{width} k{taps}", name, function, arguments
    for rows, frames, width, taps in GROUPED_SHAPES:
        shapes = (rows, frames, width), (taps, width // NUM_GROUPS, width), (width,)
        for name in GROUPED:
            function = partial(grouped_conv, implementation=name, dtype=dtype)
            yield f"grouped {rows}x{frames}x{width} k{taps}", name, function, _normal(*shapes)


def _normal(*shapes: tuple[int, ...]) -> tuple[jax.Array, ...]:
    return tuple(jax.random.normal(jax.random.key(i), shape) for i, shape in enumerate(shapes))


def milliseconds(function: Callable[..., jax.Array], arguments: tuple[jax.Array, ...]) -> float:
    """Least of some timed calls."""
    call = jax.jit(function)
    jax.block_until_ready(call(*arguments))
    timings = []
    for _ in range(NUM_REPEATS):
        start = time.perf_counter()
        jax.block_until_ready(call(*arguments))
        timings.append(time.perf_counter() - start)
    return 1e3 * min(timings)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--dtype", choices=["float32", "bfloat16"], default="float32")
    parser.add_argument("--only", default="", help="kernels and shapes whose name contains this")
    arguments = parser.parse_args()
    keep_freed_memory()
    print(f"{arguments.dtype} on {jax.devices()[0].device_kind}, least of {NUM_REPEATS}, ms")
    for label, name, function, operands in cases(jnp.dtype(arguments.dtype)):
        if arguments.only not in label:
            continue
        try:
            cell = f"{milliseconds(function, operands):10.2f}"
        except NotImplementedError as error:
            cell = f"  ({error})"
        print(f"{label:36s} {name:14s} {cell}", flush=True)


if __name__ == "__main__":
    main()
