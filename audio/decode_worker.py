"""The process that decodes strangers' files: `python -m audio.decode_worker`.

It reads requests from stdin and writes answers to stdout, both in the frames below, until stdin
ends. Before the first request it gives up what it does not need: memory, files, sockets, core
dumps. If a file kills it all the same, only that file's request fails
(`audio.reference_decoder` starts another). It must never import jax: it starts in 0.11 s of CPU.

Linux knows all these limits. Without /proc (macOS) memory has no bound; without the module
`resource` (Windows) there is none at all, and the server's timer alone ends what spins.

Request: 8 bytes length, then the file.
Answer: 8 bytes length and a JSON object (`sample_rate` and `num_samples`, or `error`), then,
if it decoded, num_samples float32. No pickle: a hijacked worker can only send numbers.
"""

from __future__ import annotations

import json
import os
import struct
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import BinaryIO

import numpy as np

from audio.decode import AudioLimits, decode_audio
from inference_types import InvalidReferenceError, RequestTooLargeError, TTSError

LENGTH = struct.Struct("<Q")
READY = b"ready\n"

# Over the 103 MiB of address space that the started interpreter holds. The largest file within
# the limits (10 MiB, 54 s at 192 kHz) takes 91 MiB: itself, its samples in blocks and joined.
MAX_EXTRA_BYTES = 256 << 20
MAX_CPU_S = 5  # the slowest file within the limits (60 s of stereo Opus) takes 0.45 s
STATM = Path("/proc/self/statm")
_HAS_LIMITS = find_spec("resource") is not None  # each function imports it: Windows lacks it
_ERROR_KINDS = {c.__name__: c for c in (InvalidReferenceError, RequestTooLargeError)}


def main() -> None:
    limits = AudioLimits(**json.loads(sys.argv[1])) if len(sys.argv) > 1 else AudioLimits()
    requests, answers = sys.stdin.buffer, sys.stdout.buffer
    confine()
    answers.write(READY)
    answers.flush()
    while header := requests.read(LENGTH.size):
        (num_bytes,) = LENGTH.unpack(header)
        _allow_cpu_s(MAX_CPU_S)
        _answer(requests.read(num_bytes), limits, answers)
        answers.flush()


def confine() -> None:
    """Give up memory beyond a bound, new files and sockets, file writes and core dumps."""
    if not _HAS_LIMITS:
        return
    import resource

    bounds = {
        resource.RLIMIT_FSIZE: 0,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_NOFILE: 3,  # stdin, stdout, stderr: nothing else can be opened
    }
    if STATM.exists():  # elsewhere nothing says how much address space is taken already
        held_bytes = int(STATM.read_text("ascii").split()[0]) * os.sysconf("SC_PAGE_SIZE")
        bounds[resource.RLIMIT_AS] = held_bytes + MAX_EXTRA_BYTES
    for name, bound in bounds.items():
        resource.setrlimit(name, (bound, bound))


def _allow_cpu_s(num_s: int) -> None:
    """The kernel ends the process `num_s` CPU seconds from now (SIGXCPU, then no answer)."""
    if not _HAS_LIMITS:
        return
    import resource

    usage = resource.getrusage(resource.RUSAGE_SELF)
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    soft = int(usage.ru_utime + usage.ru_stime) + 1 + num_s
    resource.setrlimit(resource.RLIMIT_CPU, (soft, hard))


def _answer(data: bytes, limits: AudioLimits, answers: BinaryIO) -> None:
    try:
        decoded = decode_audio(data, limits)
    except TTSError as error:
        _write_header(answers, error=[type(error).__name__, error.code, error.message])
        return
    num_samples = len(decoded.samples)
    _write_header(answers, sample_rate=decoded.sample_rate, num_samples=num_samples)
    answers.write(np.ascontiguousarray(decoded.samples, "<f4").data)


def _write_header(answers: BinaryIO, **header: object) -> None:
    encoded = json.dumps(header).encode()
    answers.write(LENGTH.pack(len(encoded)) + encoded)


def rebuild_error(described: list[str]) -> TTSError:
    """The error an answer's `error` stands for. KeyError or ValueError if it is no such thing."""
    kind, code, message = described
    return _ERROR_KINDS[kind](message, field="reference", code=code)


if __name__ == "__main__":
    main()
