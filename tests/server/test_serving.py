"""The process: readiness, drain on a signal, exit codes, socket options (R5, R7, R20)."""

import http.client
import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
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


def open_stream(port: int, seed: int = 0) -> http.client.HTTPResponse:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    body = json.dumps({"gen_text": TEXT, "seed": seed})
    headers = {"Content-Type": "application/json"}
    connection.request("POST", "/v1/generate/stream", body, headers)
    response = connection.getresponse()
    assert response.status == 200 and response.readline() == b": ok\n"
    return response


def test_a_signal_lets_streams_finish_within_the_grace() -> None:
    with process("0.01", "20") as (child, port):
        streams = [open_stream(port) for _ in range(3)]
        child.send_signal(signal.SIGTERM)
        texts = [stream.read().decode() for stream in streams]
        assert all('"is_final":true' in text for text in texts)
        assert child.wait(timeout=20) == 0
        with pytest.raises(httpx.ConnectError):
            httpx.get(f"http://127.0.0.1:{port}/livez")


def test_streams_beyond_the_grace_get_a_terminal_event() -> None:
    with process("0.5", "1") as (child, port):
        streams = [open_stream(port) for _ in range(3)]
        start_s = time.monotonic()
        child.send_signal(signal.SIGTERM)
        for stream in streams:
            last = stream.read().decode().rstrip("\n").rpartition("\n\n")[2]
            assert "event: shutdown" in last and '"code":"shutting_down"' in last
        assert child.wait(timeout=20) == 0
        assert time.monotonic() - start_s < 15


def test_a_second_signal_ends_it_at_once() -> None:
    with process("0.5", "60") as (child, port):
        open_stream(port)
        child.send_signal(signal.SIGTERM)
        time.sleep(0.5)
        child.send_signal(signal.SIGTERM)
        assert child.wait(timeout=20) == 0


def test_a_hung_engine_ends_the_process() -> None:
    with process("0.001", "20", "hang") as (child, port):
        text = open_stream(port, seed=13).read().decode()
        assert "event: error" in text and '"code":"engine_restarting"' in text
        assert child.wait(timeout=30) == 70


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
