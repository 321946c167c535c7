"""The example client, run as a user runs it, against a real server on the fake engine."""

import subprocess
import sys
import threading
import wave
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from tests.server.harness import Running, Stack, serve

CLIENT = Path(__file__).parent.parent / "streaming_client_example.py"


@pytest.fixture(scope="module")
def running() -> Iterator[Running]:
    with serve(Stack()) as running:
        yield running


def run_client(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(CLIENT), "--no-play", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


def test_it_checks_streams_saves_and_compares(running: Running, tmp_path: Path) -> None:
    out = tmp_path / "out.wav"
    done = run_client("--server", running.url, "--out", str(out), "--seed", "3")
    assert done.returncode == 0, done.stderr
    assert "is_live=True" in done.stdout
    assert "time to first audio" in done.stdout and "(final)" in done.stdout
    assert "stream and batch are equal" in done.stdout
    with wave.open(str(out)) as file:
        assert file.getframerate() == 24_000 and file.getnframes() > 24_000


def test_errors_are_told_in_words(running: Running, tmp_path: Path) -> None:
    done = run_client("--server", running.url, "--voice", "nobody", "--out", str(tmp_path / "x"))
    assert done.returncode == 1
    assert done.stderr.startswith("error: 404:") and "Traceback" not in done.stderr
    for arguments in (
        ("--server", "http://127.0.0.1:9"),
        ("--reference", str(tmp_path / "no.wav")),
    ):
        done = run_client(*arguments)
        assert done.returncode == 1 and done.stderr.startswith("error: ")


def test_an_answer_that_is_not_the_servers_is_told_in_words() -> None:
    class Proxy(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_error(502)

    with HTTPServer(("127.0.0.1", 0), Proxy) as proxy:
        thread = threading.Thread(target=proxy.handle_request)
        thread.start()
        done = run_client("--server", f"http://127.0.0.1:{proxy.server_port}")
        thread.join()
    assert done.returncode == 1
    assert done.stderr.startswith("error: 502: Bad Gateway (not an answer of JetVoice")
