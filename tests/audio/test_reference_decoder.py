from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import numpy as np
import pytest

from audio.decode import AudioLimits, decode_audio
from audio.reference_decoder import ReferenceDecoder
from inference_types import (
    InvalidReferenceError,
    RequestTooLargeError,
    ShuttingDownError,
    TTSError,
)
from tests.audio.waves import file_bytes, speech_like

WAV = file_bytes(speech_like(1.5))


@pytest.fixture(scope="module")
def decoder() -> Iterator[ReferenceDecoder]:
    with ReferenceDecoder(timeout_s=60.0) as decoder:  # the test machine may be busy
        yield decoder


class Call(threading.Thread):
    """One `decode` on its own thread, and what came of it."""

    def __init__(self, decoder: ReferenceDecoder, data: bytes = WAV) -> None:
        super().__init__()
        self.decoder, self.data = decoder, data
        self.error: TTSError | None = None
        self.start()

    def run(self) -> None:
        try:
            self.decoder.decode(self.data)
        except TTSError as error:
            self.error = error

    def outcome(self) -> TTSError | None:
        self.join(30)
        assert not self.is_alive()
        return self.error


def test_worker_gives_what_the_plain_function_gives(decoder: ReferenceDecoder) -> None:
    for kind, subtype in [("WAV", "PCM_16"), ("FLAC", "PCM_24"), ("OGG", "OPUS")]:
        data = file_bytes(speech_like(2.0, 16_000), 16_000, kind, subtype)
        ours, plain = decoder.decode(data), decode_audio(data)
        assert ours.sample_rate == plain.sample_rate == 16_000
        np.testing.assert_array_equal(ours.samples, plain.samples)


def test_typed_errors_cross_the_process_border(decoder: ReferenceDecoder) -> None:
    pid = decoder.worker_pids[0]
    for data in [b"<html>", WAV[:5000], file_bytes(speech_like(0.3)), bytes(11 << 20)]:
        with pytest.raises(TTSError) as ours:
            decoder.decode(data)
        with pytest.raises(type(ours.value)) as plain:
            decode_audio(data)
        for name in ("message", "code", "field"):
            assert getattr(ours.value, name) == getattr(plain.value, name)
    assert decoder.worker_pids[0] == pid, "a refused file must not cost the worker"


@pytest.mark.parametrize("how", [signal.SIGSEGV, signal.SIGKILL, signal.SIGXCPU])
def test_a_crash_costs_one_request(decoder: ReferenceDecoder, how: signal.Signals) -> None:
    decoder.decode(WAV)
    pid = decoder.worker_pids[0]
    os.kill(pid, signal.SIGSTOP)  # so that the request is surely inside
    call = Call(decoder)
    time.sleep(0.05)
    os.kill(pid, how)
    os.kill(pid, signal.SIGCONT)
    error = call.outcome()
    assert isinstance(error, InvalidReferenceError) and error.code == "reference_undecodable"
    assert decoder.worker_pids[0] != pid
    assert decoder.decode(WAV).duration_s == 1.5


def test_a_worker_that_died_idle_costs_nothing(decoder: ReferenceDecoder) -> None:
    decoder.decode(WAV)
    os.kill(decoder.worker_pids[0], signal.SIGKILL)
    time.sleep(0.1)
    assert decoder.decode(WAV).duration_s == 1.5


@pytest.mark.parametrize("num_bytes", [1_000, 5 << 20])
def test_a_hang_ends_in_time(num_bytes: int) -> None:
    with ReferenceDecoder(timeout_s=0.5) as decoder:
        pid = decoder.worker_pids[0]
        # The start has a limit of its own: see the worker through it first.
        with pytest.raises(InvalidReferenceError):
            decoder.decode(b"<html>..........")
        os.kill(pid, signal.SIGSTOP)
        started = time.monotonic()
        error = Call(decoder, bytes(num_bytes)).outcome()
        assert isinstance(error, InvalidReferenceError)
        assert 0.4 < time.monotonic() - started < 10
        assert decoder.worker_pids[0] != pid


def test_many_threads_share_the_workers() -> None:
    with ReferenceDecoder(num_workers=2) as decoder:
        calls = [Call(decoder, WAV if i % 3 else b"<html>.........") for i in range(12)]
        outcomes = [call.outcome() for call in calls]
        assert [outcome is None for outcome in outcomes] == [bool(i % 3) for i in range(12)]


def test_limits_reach_the_worker() -> None:
    with ReferenceDecoder(limits=AudioLimits(max_duration_s=1.2)) as decoder:
        with pytest.raises(RequestTooLargeError, match="at most 1.2 s"):
            decoder.decode(WAV)


def test_close_ends_the_processes_and_refuses_calls() -> None:
    decoder = ReferenceDecoder()
    pid = decoder.worker_pids[0]
    decoder.close()
    decoder.close()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    with pytest.raises(ShuttingDownError):
        decoder.decode(WAV)


def test_close_frees_a_caller_inside() -> None:
    decoder = ReferenceDecoder()
    decoder.decode(WAV)
    os.kill(decoder.worker_pids[0], signal.SIGSTOP)
    call = Call(decoder)
    time.sleep(0.05)
    decoder.close()
    assert isinstance(call.outcome(), ShuttingDownError)


def confined(
    statements: str, *, first: str = "", before: str = ""
) -> subprocess.CompletedProcess[str]:
    """A worker that runs `first`, imports, `before`, confines itself and runs the statements."""
    imports = "import audio.decode_worker as w, socket, sys"
    program = "\n".join((first, imports, before, "w.confine()", statements))
    return subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        timeout=60,
        env={"PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "OPENBLAS_NUM_THREADS": "1"},
    )


@pytest.mark.parametrize(
    ("statements", "error"),
    [
        ("open('/etc/passwd')", "Too many open files"),
        ("socket.socket()", "Too many open files"),
        ("sys.stdout.write('x'); bytearray(512 << 20)", "MemoryError"),
    ],
)
def test_the_worker_is_confined(statements: str, error: str) -> None:
    done = confined(statements)
    assert done.returncode == 1 and error in done.stderr


def test_without_proc_the_other_limits_hold() -> None:
    done = confined(
        "w._allow_cpu_s(1); bytearray(512 << 20); print('roomy'); open('/etc/passwd')",
        before="w.STATM = w.Path('/nowhere')",
    )
    assert done.stdout == "roomy\n" and "Too many open files" in done.stderr


def test_where_there_are_no_limits_the_worker_works() -> None:
    done = confined(
        "w._allow_cpu_s(1); open('/etc/passwd').close()",
        first="import sys; sys.modules['resource'] = None",  # as on Windows: not importable
    )
    assert done.returncode == 0, done.stderr


def test_a_spinning_worker_is_killed_by_the_kernel() -> None:
    done = confined("w._allow_cpu_s(0)\nwhile True: pass")
    assert done.returncode == -signal.SIGXCPU


def test_the_worker_never_imports_jax() -> None:
    done = confined("print([m for m in sys.modules if m.split('.')[0] in ('jax', 'scipy')])")
    assert done.stdout.strip() == "[]", done.stderr


def test_the_largest_files_fit_into_the_workers_memory(decoder: ReferenceDecoder) -> None:
    data = file_bytes(np.tile(speech_like(1.0, 192_000), 54), 192_000, "WAV", "PCM_U8")
    assert len(data) > 0.98 * (10 << 20)
    assert len(decoder.decode(data).samples) == 54 * 192_000
