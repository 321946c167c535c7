"""Decoding apart from the server: a crash, a hang or a bomb costs one request, not the process.

Life of a request: take an idle worker -> send it the file -> read the answer -> put it back. The
kernel kills a worker that spins, a timer one that waits, so a hang ends like a crash: the pipe
closes, the caller gets `reference_undecodable`, and a new worker takes the place (specs:
reliability section 2, "corrupt, truncated, wrong container").
"""

from __future__ import annotations

import json
import logging
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import IO

import numpy as np

from audio.container import undecodable
from audio.decode import DEFAULT_LIMITS, AudioLimits, DecodedAudio, check_size
from audio.decode_worker import LENGTH, READY, rebuild_error
from inference_types import EngineError, ShuttingDownError

# A spinning decoder ends after 5 CPU seconds (audio.decode_worker). This is for one that waits,
# and wide: as the lowest of a dozen busy processes on two cores, 0.45 s of CPU took 11 s.
DECODE_TIMEOUT_S = 15.0
START_TIMEOUT_S = 30.0  # 0.11 s of CPU; generous beside a compiling engine
_CLOSE_TIMEOUT_S = 2.0
_MAX_HEADER_BYTES = 4096
_FLOAT32_BYTES = 4
_ROOT = Path(__file__).resolve().parents[1]

_log = logging.getLogger(__name__)


class ReferenceDecoder:
    """Warm decode workers. Thread-safe; owned by main, which calls `close()` at the end."""

    def __init__(
        self,
        *,
        limits: AudioLimits = DEFAULT_LIMITS,
        num_workers: int = 1,
        timeout_s: float = DECODE_TIMEOUT_S,
    ) -> None:
        self._limits = limits
        self._timeout_s = timeout_s
        self._lock = threading.Lock()  # no worker starts after `close` began
        self._is_closed = False
        self._workers = [_Worker(limits) for _ in range(num_workers)]
        # Bounded by construction: a worker is in here once or in the hands of one thread.
        self._idle: queue.SimpleQueue[_Worker] = queue.SimpleQueue()
        for worker in self._workers:
            self._start(worker)
            self._idle.put(worker)

    def __enter__(self) -> ReferenceDecoder:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def worker_pids(self) -> list[int]:
        """Process ids at the moment; a replaced worker has another."""
        return [worker.pid for worker in self._workers]

    def decode(self, data: bytes) -> DecodedAudio:
        """What `decode_audio` gives and raises, from another process.

        Raises EngineError if no worker can be started and ShuttingDownError after `close`.
        """
        check_size(len(data), self._limits)
        worker = self._idle.get()
        try:
            self._start(worker)
            return worker.decode(data, self._timeout_s)
        except _WorkerDiedError as error:
            if self._is_closed:
                raise ShuttingDownError("The server is shutting down.") from None
            _log.error("decode worker died: %s", error)
            message = "The reference audio is damaged and cannot be decoded."
            raise undecodable(message) from error
        finally:
            # The next caller finds a warm worker; if that fails now, `decode` tries again.
            with suppress(EngineError, ShuttingDownError):
                self._start(worker)
            self._idle.put(worker)

    def close(self) -> None:
        """End all workers; those that wait for one get ShuttingDownError."""
        with self._lock:
            self._is_closed = True
            for worker in self._workers:
                worker.stop()

    def _start(self, worker: _Worker) -> None:
        with self._lock:
            if self._is_closed:
                raise ShuttingDownError("The server is shutting down.")
            worker.ensure_running()


class _WorkerDiedError(Exception):
    """It crashed, was killed for its time or memory, or talks nonsense."""


class _Worker:
    """One process and its pipes. One thread at a time, but `stop` may come from another."""

    def __init__(self, limits: AudioLimits) -> None:
        self._limits = limits
        self._process: subprocess.Popen[bytes] | None = None
        self._is_ready = False

    @property
    def pid(self) -> int:
        return self._process.pid if self._process else 0

    def ensure_running(self) -> None:
        if self._process and self._process.poll() is None:
            return
        self.stop()
        try:
            self._process = _spawn(self._limits)
        except OSError as error:
            raise EngineError("The audio decoder cannot be started; try again.") from error
        self._is_ready = False

    def stop(self) -> None:
        process = self._process
        if process is None:
            return
        process.kill()
        process.wait(_CLOSE_TIMEOUT_S)
        for pipe in (process.stdin, process.stdout):
            # A writer that was cut off tries to write its rest when closed.
            if pipe:
                with suppress(OSError):
                    pipe.close()

    def decode(self, data: bytes, timeout_s: float) -> DecodedAudio:
        process = self._process
        assert process and process.stdin and process.stdout
        self._await_ready(process, process.stdout)
        try:
            with _killed_after(process, timeout_s):
                process.stdin.write(LENGTH.pack(len(data)))
                process.stdin.write(data)
                process.stdin.flush()
                header = _read_header(process.stdout)
                if "error" in header:
                    raise rebuild_error(header["error"])
                return _read_samples(process.stdout, header, self._limits)
        except (EOFError, OSError, ValueError, KeyError, TypeError) as error:
            process.kill()
            raise _WorkerDiedError(f"{error!r}, exit code {process.wait()}") from error

    def _await_ready(self, process: subprocess.Popen[bytes], stdout: IO[bytes]) -> None:
        if self._is_ready:
            return
        with _killed_after(process, START_TIMEOUT_S):
            self._is_ready = stdout.read(len(READY)) == READY
        if not self._is_ready:
            process.kill()
            process.wait()
            raise EngineError("The audio decoder did not start; try again.")


def _spawn(limits: AudioLimits) -> subprocess.Popen[bytes]:
    """The worker in its own session: a Ctrl-C at the terminal is for the server, not for it."""
    # One BLAS thread: each more would reserve address space, which the worker limits.
    environment = {
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
        "OPENBLAS_NUM_THREADS": "1",
        "OMP_NUM_THREADS": "1",
    }
    return subprocess.Popen(
        [sys.executable, "-m", "audio.decode_worker", json.dumps(asdict(limits))],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,  # mpg123 comments on strangers' files there
        cwd=_ROOT,
        env=environment,
        start_new_session=True,
    )


@contextmanager
def _killed_after(process: subprocess.Popen[bytes], timeout_s: float) -> Iterator[None]:
    """Ends every blocked read and write on the process's pipes, by ending the process."""
    timer = threading.Timer(timeout_s, process.kill)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _read_header(stdout: IO[bytes]) -> dict:
    (num_bytes,) = LENGTH.unpack(_read_exactly(stdout, LENGTH.size))
    if num_bytes > _MAX_HEADER_BYTES:
        raise ValueError("oversized answer header")
    header = json.loads(_read_exactly(stdout, num_bytes))
    if not isinstance(header, dict):
        raise ValueError("answer header is not an object")
    return header


def _read_samples(stdout: IO[bytes], header: dict, limits: AudioLimits) -> DecodedAudio:
    """Believes nothing: a hijacked worker must not make the server allocate without bound."""
    sample_rate, num_samples = int(header["sample_rate"]), int(header["num_samples"])
    is_rate_sane = limits.min_sample_rate <= sample_rate <= limits.max_sample_rate
    if not is_rate_sane or not 0 <= num_samples <= limits.max_duration_s * sample_rate:
        raise ValueError("answer out of range")
    data = _read_exactly(stdout, num_samples * _FLOAT32_BYTES)
    return DecodedAudio(samples=np.frombuffer(data, "<f4"), sample_rate=sample_rate)


def _read_exactly(stdout: IO[bytes], num_bytes: int) -> bytes:
    data = stdout.read(num_bytes)
    if len(data) < num_bytes:
        raise EOFError("the pipe closed")
    return data
