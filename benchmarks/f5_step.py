"""One guided forward of the full-size F5 v1 base (random weights): ours beside the torch code.

    python -m benchmarks.f5_step [--torch-python /path/to/venv/bin/python] [--num-frames 1024]

Every line of the table runs in its own process, one after the other, with all cores. Wall and
processor seconds are medians of some repeats: where the two together say less than all cores were
had, neighbours held the rest. The share compares GFLOP/s with the best large product measured
at the start of the same run. `tests/golden/make_f5_goldens.py` says how to make the environment
with torch.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
JEMALLOC = Path("/usr/lib/x86_64-linux-gnu/libjemalloc.so.2")
JEMALLOC_SETTINGS = "dirty_decay_ms:-1,muzzy_decay_ms:-1,thp:always"
CHILD_LIMIT_S = 3600
# Published sizes of v1 base, specs: f5-tts 1.1.
WIDTH, DEPTH, FF_MULT, POSITION_TAPS, GROUP_WIDTH = 1024, 22, 2, 31, 64
DTYPES = ("float32", "bfloat16")


@dataclass(frozen=True, kw_only=True)
class Column:
    """One measured program; "tuned" is the allocator as main.py sets it."""

    framework: str
    dtype: str
    allocator: str = "glibc"

    @property
    def name(self) -> str:
        return f"{self.framework} {self.dtype} {self.allocator}"


COLUMNS = tuple(
    Column(framework="ours", dtype=dtype, allocator=allocator)
    for dtype in DTYPES
    for allocator in ("tuned", "glibc", "jemalloc")
)
TORCH_COLUMNS = tuple(Column(framework="torch", dtype=dtype) for dtype in DTYPES)


def num_operations(num_frames: int) -> float:
    """Multiplications and additions of one guided forward (two rows) in the blocks and convs."""
    per_frame = DEPTH * (4 + 2 * FF_MULT) * WIDTH**2
    per_frame += DEPTH * 2 * num_frames * WIDTH
    per_frame += 2 * POSITION_TAPS * GROUP_WIDTH * WIDTH
    return 2.0 * 2 * num_frames * per_frame


def run_child(python: str, words: list[str], allocator: str = "glibc") -> dict[str, Any]:
    """The JSON a child prints last. Raises CalledProcessError, its words on stderr."""
    environment = dict(os.environ, PYTHONPATH=str(ROOT))
    environment.pop("LD_PRELOAD", None)
    if allocator == "jemalloc":
        environment.update(LD_PRELOAD=str(JEMALLOC), MALLOC_CONF=JEMALLOC_SETTINGS)
    done = subprocess.run(
        [python, "-m", *words],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        timeout=CHILD_LIMIT_S,
    )
    return json.loads(done.stdout.splitlines()[-1])


def measure(column: Column, python: str, num_frames: int, num_repeats: int) -> dict[str, float]:
    """Median wall and processor seconds of one column."""
    words = [f"benchmarks.f5_step_{column.framework}", column.dtype]
    words += [str(num_frames), str(num_repeats)]
    if column.allocator == "tuned":
        words.append("--tuned")
    return run_child(python, words, column.allocator)


def print_row(
    column: Column,
    result: dict[str, float],
    operations: float,
    peaks: dict[str, float],
    baseline: float,
) -> None:
    rate = operations / result["wall_s"]
    speed = f"{baseline / result['wall_s']:.2f}x" if baseline else "-"
    print(
        f"{column.name:26s} {result['wall_s']:8.2f} {result['processor_s']:11.2f}"
        f" {rate / 1e9:9.0f} {rate / peaks[column.dtype]:14.0%} {speed:>14s}",
        flush=True,
    )


def print_head(num_frames: int, peaks: dict[str, float]) -> None:
    load = os.getloadavg()[0]
    terms = ", ".join(f"{dtype} {rate / 1e9:.0f} GFLOP/s" for dtype, rate in peaks.items())
    print(
        f"F5 v1 base, 2 rows x {num_frames} frames, {num_operations(num_frames) / 1e12:.2f} TFLOP,"
        f" {os.cpu_count()} cores, load {load:.1f} before"
    )
    print(f"best product: {terms}")
    print(
        f"{'':26s} {'wall s':>8s} {'processor s':>11s} {'GFLOP/s':>9s} {'of the product':>14s}"
        f" {'vs torch fp32':>14s}",
        flush=True,
    )


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--torch-python", help="interpreter with torch and f5-tts; else no column")
    parser.add_argument("--num-frames", type=int, default=1024)
    parser.add_argument("--num-repeats", type=int, default=3)
    parser.add_argument("--allocators", action="store_true", help="ours with the other two as well")
    parser.add_argument("--only", default="", help="measure the lines whose name contains this")
    return parser.parse_args()


def chosen_columns(arguments: argparse.Namespace) -> list[Column]:
    columns = [*(TORCH_COLUMNS if arguments.torch_python else ()), *COLUMNS]
    columns.sort(key=lambda column: DTYPES.index(column.dtype))
    if not arguments.allocators:
        columns = [c for c in columns if c.framework == "torch" or c.allocator == "tuned"]
    return [
        c
        for c in columns
        if arguments.only in c.name and (c.allocator != "jemalloc" or JEMALLOC.exists())
    ]


def main() -> None:
    arguments = parse_arguments()
    peaks = run_child(sys.executable, ["benchmarks.f5_step_peak"])
    print_head(arguments.num_frames, peaks)
    operations, baseline = num_operations(arguments.num_frames), 0.0
    for column in chosen_columns(arguments):
        python = arguments.torch_python if column.framework == "torch" else sys.executable
        result = measure(column, python, arguments.num_frames, arguments.num_repeats)
        if column == TORCH_COLUMNS[0]:
            baseline = result["wall_s"]
        print_row(column, result, operations, peaks, baseline)


if __name__ == "__main__":
    main()
