"""The process: readiness, drain on a signal, exit codes, socket options (R5, R7, R20)."""

import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import pytest

from server.serving import USER_TIMEOUT_MS, address_of, open_socket
from server.settings import SettingsError

ROOT = Path(__file__).resolve().parents[2]
TEXT = "One two three four. " * 8


@contextmanager
def process(*arguments: str) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """A fake server's process and port, once it says it is ready."""
    command = [sys.executable, "-m", "tests.server.fake_server", *arguments]
    child = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        assert child.stdout is not None
        port = int(child.stdout.readline().rstrip("/\n").rpartition(":")[2])
        yield child, port
    finally:
        child.kill()
        child.communicate()


@contextmanager
def open_streams(port: int, num_streams: int, seed: int = 0) -> Iterator[list[httpx.Response]]:
    """Streams that have begun."""
    with ExitStack() as stack:
        client = stack.enter_context(httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30))
        body = {"gen_text": TEXT, "seed": seed}
        streams = [
            stack.enter_context(client.stream("POST", "/v1/generate/stream", json=body))
            for _ in range(num_streams)
        ]
        assert all(stream.status_code == 200 for stream in streams)
        yield streams


def test_a_signal_lets_streams_finish_within_the_grace() -> None:
    with process("0.01", "20") as (child, port):
        with open_streams(port, 3) as streams:
            child.send_signal(signal.SIGTERM)
            texts = [stream.read().decode() for stream in streams]
        assert all('"is_final":true' in text for text in texts)
        assert child.wait(timeout=20) == 0
        with pytest.raises(httpx.ConnectError):
            httpx.get(f"http://127.0.0.1:{port}/livez")


def test_streams_beyond_the_grace_get_a_terminal_event() -> None:
    with process("0.5", "1") as (child, port):
        with open_streams(port, 3) as streams:
            start_s = time.monotonic()
            child.send_signal(signal.SIGTERM)
            for stream in streams:
                last = stream.read().decode().rstrip("\n").rpartition("\n\n")[2]
                assert "event: shutdown" in last and '"code":"shutting_down"' in last
        assert child.wait(timeout=20) == 0
        assert time.monotonic() - start_s < 15


def test_a_second_signal_ends_it_at_once() -> None:
    with process("0.5", "60") as (child, port):
        with open_streams(port, 1):
            child.send_signal(signal.SIGTERM)
            time.sleep(0.5)
            assert child.poll() is None
            child.send_signal(signal.SIGTERM)
            assert child.wait(timeout=20) == 0


def test_a_hung_engine_ends_the_process() -> None:
    with process("0.001", "20", "hang") as (child, port):
        with open_streams(port, 1, seed=13) as (stream,):
            text = stream.read().decode()
        assert "event: error" in text and '"code":"engine_restarting"' in text
        assert child.wait(timeout=30) == 70


def test_a_signal_ends_the_process_while_it_compiles() -> None:
    with process("0", "5", "compile") as (child, port):
        with httpx.Client(transport=httpx.HTTPTransport(retries=20)) as client:
            assert client.get(f"http://127.0.0.1:{port}/livez").status_code == 200
        child.send_signal(signal.SIGTERM)
        assert child.wait(timeout=30) == 0


def test_the_listening_socket_notices_dead_peers() -> None:
    with open_socket("127.0.0.1", 0) as listener:
        assert listener.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        assert listener.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        timeout_ms = listener.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT)
        assert timeout_ms == USER_TIMEOUT_MS
        assert address_of(listener).startswith("http://127.0.0.1:")


def test_a_taken_port_and_an_unknown_host_are_said_in_words() -> None:
    with open_socket("127.0.0.1", 0) as listener:
        listener.listen()
        with pytest.raises(SettingsError, match="--port"):
            open_socket("127.0.0.1", listener.getsockname()[1])
    with pytest.raises(SettingsError, match="host"):
        open_socket("no.such.host.invalid", 0)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--port", "99999"], "--port must be from 0 to 65535"),
        (["--prot", "1"], "valid settings"),
        (["--model", "/nowhere"], "is not a model"),
        (["generate", "--text-file", "/nowhere.txt", "--out", "/tmp/x"], "--text-file"),
    ],
)
def test_start_up_faults_are_one_sentence(arguments: list[str], words: str) -> None:
    command = [sys.executable, "main.py", *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode in (1, 2)
    assert words in done.stderr and "Traceback" not in done.stderr
