"""One guided forward of the full-size F5 v1 base (random weights): ours beside the torch code.

    python -m benchmarks.f5_step [--torch-python /path/to/venv/bin/python] [--num-frames 1024]

Every line of the table runs in its own process, one after the other, with all cores. Wall time is
the least of some repeats; processor seconds show how much of it was spent waiting for others.
`tests/golden/make_f5_goldens.py` says how to make the environment with torch.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
JEMALLOC = Path("/usr/lib/x86_64-linux-gnu/libjemalloc.so.2")
JEMALLOC_SETTINGS = "dirty_decay_ms:-1,muzzy_decay_ms:-1,thp:always"
CHILD_LIMIT_S = 3600
# Published sizes of v1 base, specs: f5-tts 1.1.
WIDTH, DEPTH, FF_MULT, POSITION_TAPS, GROUP_WIDTH = 1024, 22, 2, 31, 64


@dataclass(frozen=True, kw_only=True)
class Column:
    """One measured program."""

    framework: str
    dtype: str
    allocator: str = "glibc"

    @property
    def name(self) -> str:
        return f"{self.framework} {self.dtype} {self.allocator}"


COLUMNS = tuple(
    Column(framework="ours", dtype=dtype, allocator=allocator)
    for dtype in ("float32", "bfloat16")
    for allocator in ("glibc", "tuned", "jemalloc")
)
TORCH_COLUMNS = tuple(Column(framework="torch", dtype=d) for d in ("float32", "bfloat16"))


def num_operations(num_frames: int) -> float:
    """Multiplications and additions of one guided forward (two rows) in the blocks and convs."""
    per_frame = DEPTH * (4 + 2 * FF_MULT) * WIDTH**2
    per_frame += DEPTH * 2 * num_frames * WIDTH
    per_frame += 2 * POSITION_TAPS * GROUP_WIDTH * WIDTH
    return 2.0 * 2 * num_frames * per_frame


def measure(column: Column, python: str, num_frames: int, num_repeats: int) -> dict[str, float]:
    """Runs one child process. Raises CalledProcessError with the child's words on stderr."""
    environment = dict(os.environ, PYTHONPATH=str(ROOT))
    environment.pop("LD_PRELOAD", None)
    if column.allocator == "jemalloc":
        environment.update(LD_PRELOAD=str(JEMALLOC), MALLOC_CONF=JEMALLOC_SETTINGS)
    command = [python, "-m", f"benchmarks.f5_step_{column.framework}", column.dtype]
    command += [str(num_frames), str(num_repeats)]
    if column.allocator == "tuned":
        command.append("--tuned")
    done = subprocess.run(
        command,
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        timeout=CHILD_LIMIT_S,
    )
    return json.loads(done.stdout.splitlines()[-1])


def print_row(column: Column, result: dict[str, float], num_frames: int, baseline: float) -> None:
    rate = num_operations(num_frames) / result["wall_s"] / 1e9
    speed = f"{baseline / result['wall_s']:6.2f}x" if baseline else "      -"
    print(
        f"{column.name:26s} {result['wall_s']:8.2f} {result['processor_s']:11.2f} {rate:9.0f} "
        f"{speed:>14s}",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--torch-python", help="interpreter with torch and f5-tts; else no column")
    parser.add_argument("--num-frames", type=int, default=1024)
    parser.add_argument("--num-repeats", type=int, default=3)
    parser.add_argument("--only", help="measure the lines whose name contains this")
    arguments = parser.parse_args()
    columns = (*(TORCH_COLUMNS if arguments.torch_python else ()), *COLUMNS)
    columns = [c for c in columns if (arguments.only or "") in c.name]
    columns = [c for c in columns if c.allocator != "jemalloc" or JEMALLOC.exists()]
    print(f"F5 v1 base, 2 rows x {arguments.num_frames} frames, {os.cpu_count()} cores")
    print(f"{'':26s} {'wall s':>8s} {'processor s':>11s} {'GFLOP/s':>9s} {'vs torch fp32':>14s}")
    baseline = 0.0
    for column in columns:
        python = arguments.torch_python if column.framework == "torch" else sys.executable
        result = measure(column, python, arguments.num_frames, arguments.num_repeats)
        if column == TORCH_COLUMNS[0]:
            baseline = result["wall_s"]
        print_row(column, result, arguments.num_frames, baseline)


if __name__ == "__main__":
    main()
