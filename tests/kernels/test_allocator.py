"""The allocator settings, in processes of their own: they cannot be taken back."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# Page faults of allocating, touching and freeing 64 MB ten times; printed as "took effect, faults".
PROBE = """
import ctypes, resource, sys
from kernels.allocator import keep_freed_memory
took_effect = keep_freed_memory() if sys.argv[1] == "tuned" else False
libc = ctypes.CDLL(None)
libc.malloc.restype, libc.malloc.argtypes = ctypes.c_void_p, (ctypes.c_size_t,)
libc.free.argtypes = (ctypes.c_void_p,)
def churn():
    block = libc.malloc(2**26)
    ctypes.memset(block, 1, 2**26)
    libc.free(block)
churn()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10):
    churn()
print(took_effect, resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def _churn(mode: str) -> tuple[bool, int]:
    environment = {k: v for k, v in os.environ.items() if k != "LD_PRELOAD"}
    done = subprocess.run(
        [sys.executable, "-c", PROBE, mode],
        cwd=ROOT,
        env={**environment, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    took_effect, num_faults = done.stdout.split()
    return took_effect == "True", int(num_faults)


@pytest.mark.skipif(sys.platform != "linux", reason="glibc only")
def test_freed_blocks_are_not_faulted_in_again() -> None:
    _, faults_before = _churn("plain")
    took_effect, faults_after = _churn("tuned")
    if not took_effect:
        pytest.skip("this process's malloc is not glibc's")
    # 16,384 pages of 4 kB a round, or 32 large ones; kept memory needs none.
    assert faults_after < 10 < faults_before
