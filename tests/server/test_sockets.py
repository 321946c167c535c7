"""What only a socket shows: chunks that leave at once, listeners that leave, slow heads."""

import http.client
import json
import socket
import time
from collections.abc import Callable, Iterator

import httpx
import pytest

import server.protocol
import server.sse
from orchestrator import OrchestratorSettings
from tests.fakes import FakeEngine
from tests.server.harness import Running, Stack, serve

LONG = "One two three four five. " * 30


@pytest.fixture
def slow() -> Iterator[Running]:
    """An engine that takes 20 ms a step: 0.1 s a segment."""
    engine = FakeEngine()
    engine.delays = {"step": 0.02}
    with serve(Stack(engine=engine)) as running:
        yield running


def wait_for(condition: Callable[[], bool], timeout_s: float = 10.0) -> float:
    """Seconds until it held."""
    start_s = time.monotonic()
    while not condition():
        assert time.monotonic() - start_s < timeout_s, "it never came true"
        time.sleep(0.002)
    return time.monotonic() - start_s


def open_stream(port: int, body: dict) -> http.client.HTTPResponse:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    headers = {"Content-Type": "application/json"}
    connection.request("POST", "/v1/generate/stream", json.dumps(body), headers)
    response = connection.getresponse()
    assert response.status == 200
    response.connection_kept = connection  # type: ignore[attr-defined]
    return response


def num_live(running: Running) -> int:
    return len(running.stack.orchestrator.streams.live_jobs())


def test_the_first_chunk_arrives_while_the_rest_is_made(slow: Running) -> None:
    response = open_stream(slow.port, {"gen_text": LONG})
    assert response.readline() == b": ok\n"
    while not response.readline().startswith(b"data: "):
        pass
    assert num_live(slow) == 1
    assert len(slow.stack.engine.calls_of("vocode")) < 30
    response.connection_kept.close()  # type: ignore[attr-defined]


def test_a_listener_that_leaves_frees_its_slot(slow: Running) -> None:
    response = open_stream(slow.port, {"gen_text": LONG})
    response.readline()
    wait_for(lambda: slow.stack.engine.num_resident > 0)
    response.connection_kept.close()  # type: ignore[attr-defined]
    response.close()
    assert wait_for(lambda: num_live(slow) == 0) < 2
    wait_for(lambda: slow.stack.engine.num_resident == 0)
    counters = slow.stack.orchestrator.metrics_snapshot().counters
    assert sum(counters["requests_cancelled_total"].values()) == 1


def test_leaving_a_whole_answer_cancels_it(slow: Running) -> None:
    with pytest.raises(httpx.ReadTimeout):
        httpx.post(f"{slow.url}/v1/generate", json={"gen_text": LONG}, timeout=0.5)
    wait_for(lambda: num_live(slow) == 0)
    wait_for(lambda: slow.stack.engine.num_resident == 0)


def test_an_event_source_that_leaves_may_come_back(slow: Running) -> None:
    url = (
        slow.url
        + httpx.post(f"{slow.url}/v1/streams", json={"gen_text": LONG}).json()["stream_url"]
    )
    with httpx.stream("GET", url) as response:
        next(response.iter_bytes())
    time.sleep(0.2)
    assert num_live(slow) == 1
    httpx.delete(url.partition("?")[0])


def test_a_stream_nobody_hears_is_given_up() -> None:
    settings = OrchestratorSettings(abandon_after_s=0.2, log_retention_s=0.2)
    engine = FakeEngine()
    engine.delays = {"step": 0.05}
    with serve(Stack(engine=engine, orchestration=settings)) as running:
        for _ in range(5):
            httpx.post(f"{running.url}/v1/streams", json={"gen_text": LONG})
        wait_for(lambda: num_live(running) == 0)
        wait_for(lambda: len(running.stack.orchestrator.streams) == 0)
        wait_for(lambda: engine.num_resident == 0)


def test_a_reader_that_never_reads_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server.sse, "SEND_TIMEOUT_S", 0.3)
    with serve(Stack()) as running:
        with socket.create_connection(("127.0.0.1", running.port)) as raw:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            body = json.dumps({"gen_text": "a" * 50_000}).encode()
            raw.sendall(
                b"POST /v1/generate/stream HTTP/1.1\r\nHost: x\r\n"
                b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body) + body
            )
            wait_for(lambda: num_live(running) == 1)
            wait_for(lambda: num_live(running) == 0, timeout_s=30)
        wait_for(lambda: num_cancelled(running) == 1)  # counted just after it is gone
        assert httpx.get(f"{running.url}/readyz").status_code == 200


def num_cancelled(running: Running) -> float:
    counters = running.stack.orchestrator.metrics_snapshot().counters
    return sum(counters["requests_cancelled_total"].values())


def test_pings_fill_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server.sse, "PING_S", 0.05)
    engine = FakeEngine()
    engine.delays = {"step": 0.2}
    with serve(Stack(engine=engine)) as running:
        text = httpx.post(f"{running.url}/v1/generate/stream", json={"gen_text": "Hi."}).text
        assert text.count(": ping\n\n") >= 3
        assert text.startswith(": ok\n\n") and '"is_final":true' in text


@pytest.mark.parametrize("size", [100_000, 17 * 2**20])
def test_a_chunked_body_is_counted(running: Running, size: int) -> None:
    def pieces() -> Iterator[bytes]:
        yield from (b" " * 50_000 for _ in range(size // 50_000))

    try:
        answer = httpx.post(
            f"{running.url}/v1/generate",
            content=pieces(),
            headers={"Content-Type": "application/json"},
            timeout=30,
        )
    except httpx.WriteError:
        return  # refused and closed before all of it was sent
    assert answer.status_code == (413 if size > 16 * 2**20 else 400)


def exchange(port: int, data: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", port), timeout=10) as raw:
        raw.sendall(data)
        return raw.recv(65536)


HEADS = {
    "many headers": (b"".join(b"X-%d: 1\r\n" % i for i in range(100)), 431),
    "long header": (b"X: " + b"a" * 20_000 + b"\r\n", 431),
    "length not a number": (b"Content-Length: abc\r\n", 400),
    "negative length": (b"Content-Length: -1\r\n", 400),
    "length too large": (b"Content-Length: 99999999\r\n", 413),
    "two lengths": (b"Content-Length: 1\r\nContent-Length: 2\r\n", 400),
    "gzip": (b"Content-Length: 1\r\nContent-Encoding: gzip\r\n", 415),
}


@pytest.mark.parametrize("name", HEADS)
def test_bad_heads_are_refused_before_the_body(running: Running, name: str) -> None:
    lines, status = HEADS[name]
    head = b"POST /v1/generate HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    start_s = time.perf_counter()
    answer = exchange(running.port, head + lines + b"\r\n")
    assert answer.startswith(b"HTTP/1.1 %d " % status), answer[:100]
    assert time.perf_counter() - start_s < 1


def test_an_unfinished_head_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server.protocol, "HEAD_DEADLINE_S", 0.3)
    with serve(Stack(), protocol=server.protocol.PromptH11Protocol) as running:
        for sent in (b"", b"GET / HT", b"GET /livez HTTP/1.1\r\nHost: x\r\n"):
            start_s = time.monotonic()
            assert exchange(running.port, sent) == b""
            assert 0.2 < time.monotonic() - start_s < 5
        # A served request is not cut, however long it takes, nor is the next one on its socket.
        with httpx.Client(base_url=running.url) as client:
            for _ in range(2):
                time.sleep(0.2)
                assert client.get("/livez").status_code == 200


def test_answers_carry_id_timing_and_no_server_name(running: Running) -> None:
    first, second = (httpx.get(f"{running.url}/livez") for _ in range(2))
    assert first.headers["x-request-id"] != second.headers["x-request-id"]
    assert "app;dur=" in first.headers["server-timing"]
    assert first.headers["x-content-type-options"] == "nosniff"
