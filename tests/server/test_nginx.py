"""Behind nginx with a stock configuration: events pass as they are made, cuts are noticed (R18)."""

import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.fakes import EngineCall, FakeEngine
from tests.server.harness import Running, Stack, serve
from tests.server.test_sockets import LONG, num_live, wait_for

NGINX = shutil.which("nginx", path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin")
pytestmark = pytest.mark.skipif(NGINX is None, reason="nginx is not installed")
# Everything about proxying is nginx's own default: buffering on, 60 s read timeout.
CONFIG = """
daemon off; pid {folder}/nginx.pid; error_log {folder}/error.log;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
    client_max_body_size 20m;
    server {{ listen 127.0.0.1:{port}; location / {{ proxy_pass http://127.0.0.1:{target}; }} }}
}}
"""


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


@pytest.fixture
def slow() -> Iterator[Running]:
    engine = FakeEngine()
    engine.delays = {"step": 0.1}
    with serve(Stack(engine=engine)) as running:
        yield running


@pytest.fixture
def proxy(slow: Running, tmp_path: Path) -> Iterator[str]:
    port = free_port()
    config = tmp_path / "nginx.conf"
    config.write_text(CONFIG.format(folder=tmp_path, port=port, target=slow.port))
    assert NGINX is not None
    child = subprocess.Popen([NGINX, "-c", str(config), "-p", str(tmp_path)])
    url = f"http://127.0.0.1:{port}"
    try:
        wait_for(lambda: answers(url))
        yield url
    finally:
        child.terminate()
        child.wait(timeout=10)


def answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/livez").status_code == 200
    except httpx.ConnectError:
        return False


def test_events_pass_one_by_one_and_a_cut_is_noticed(slow: Running, proxy: str) -> None:
    body, gate = {"gen_text": LONG}, threading.Event()

    def hold_fourth_segment(call: EngineCall) -> None:
        if call.verb == "step" and any(segment == 3 for _, segment in call.rows):
            gate.wait(8)  # less than the supervisor takes for a hang

    slow.stack.engine.on_call = hold_fourth_segment
    with httpx.stream("POST", f"{proxy}/v1/generate/stream", json=body, timeout=30) as response:
        # Kept in a name: an iterator that is let go hangs up, and the stream would end at once.
        pieces, text = response.iter_text(), ""
        while text.count("data: ") < 2:
            text += next(pieces)
        # The fourth segment is not made yet: had nginx kept events back, none would be here.
        assert num_live(slow) == 1
        assert text.startswith(": ok\n\n")
        gate.set()
    assert wait_for(lambda: num_live(slow) == 0) < 5


@pytest.mark.slow
def test_a_silent_minute_survives(slow: Running, proxy: str) -> None:
    slow.stack.engine.delays = {"step": 4.0}
    start_s = time.monotonic()
    body = {"gen_text": "Hi.", "num_inference_steps": 76}
    answer = httpx.post(f"{proxy}/v1/generate/stream", json=body, timeout=120)
    assert time.monotonic() - start_s > 69
    assert answer.text.count(": ping") >= 5 and '"is_final":true' in answer.text
