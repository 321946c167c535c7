"""Cuts at random bytes: the joined sound equals the uncut sound, made once (R15)."""

import http.client
import json
import random
from urllib.parse import urlsplit

import httpx
import numpy as np

from tests.server.harness import Running, audio_of
from tests.server.test_routes_generate import expected

TEXT = "One two three. Four five six seven. Eight nine. Ten eleven twelve thirteen."
NUM_CUTS = 300


class CutReader:
    """A stock EventSource in small: keeps complete events, resumes after the last id."""

    def __init__(self, running: Running, path: str) -> None:
        self._running = running
        self._path = path
        self.last_id = ""
        self.chunks: list[dict] = []
        self.num_cuts = 0

    def read(self, max_bytes: int | None) -> bool:
        """One connection, cut after `max_bytes`. True when the server says 204: all heard."""
        connection = http.client.HTTPConnection("127.0.0.1", self._running.port, timeout=20)
        headers = {"Accept": "text/event-stream"}
        if self.last_id:
            headers["Last-Event-ID"] = self.last_id
        connection.request("GET", self._path, headers=headers)
        response = connection.getresponse()
        if response.status == 204:
            connection.close()
            return True
        assert response.status == 200, response.read()
        data = response.read(max_bytes)
        connection.close()
        self.num_cuts += max_bytes is not None
        self._take(data)
        return False

    def _take(self, data: bytes) -> None:
        *blocks, _ = data.split(b"\n\n")  # a block without its blank line was never an event
        for block in blocks:
            fields = dict(line.split(b": ", 1) for line in block.split(b"\n"))
            if b"id" in fields:
                self.last_id = fields[b"id"].decode()
            if b"data" in fields and b"event" not in fields:
                self.chunks.append(json.loads(fields[b"data"]))


def make_stream(running: Running, seed: int) -> str:
    body = {"gen_text": TEXT, "seed": seed}
    return httpx.post(f"{running.url}/v1/streams", json=body).json()["stream_url"]


def check(running: Running, reader: CutReader, seed: int) -> None:
    assert [chunk["chunk_index"] for chunk in reader.chunks] == list(range(len(reader.chunks)))
    pcm = np.concatenate([audio_of(chunk) for chunk in reader.chunks])
    np.testing.assert_array_equal(pcm, expected(running.stack, TEXT, seed=seed))


def test_random_cuts_lose_and_repeat_nothing(running: Running) -> None:
    rng = random.Random(5)
    num_cuts = num_streams = 0
    while num_cuts < NUM_CUTS:
        seed = num_streams % 30
        reader = CutReader(running, make_stream(running, seed))
        while not reader.read(rng.choice([1, 5, 40, 300, 2000, 7000, 20_000])):
            pass
        check(running, reader, seed)
        num_cuts, num_streams = num_cuts + reader.num_cuts, num_streams + 1
    # Device work equals that of uncut runs: each segment of each stream was made once.
    assert len(running.stack.engine.calls_of("prefill")) == 4 * num_streams


def test_a_cut_after_every_event(running: Running) -> None:
    path = make_stream(running, 9)
    whole = httpx.get(running.url + path).content
    boundaries = [i + 2 for i in range(len(whole)) if whole[i : i + 2] == b"\n\n"]
    for boundary in boundaries:
        reader = CutReader(running, path)
        reader.read(boundary)
        while not reader.read(None):
            pass
        check(running, reader, 9)


def test_direct_get_survives_cuts(running: Running) -> None:
    query = urlsplit("?" + str(httpx.QueryParams({"gen_text": TEXT, "seed": 11}))).query
    num_before = len(running.stack.engine.calls_of("prefill"))
    reader = CutReader(running, f"/v1/generate/stream?{query}")
    while not reader.read(9000):
        pass
    check(running, reader, 11)
    assert reader.num_cuts > 3
    assert len(running.stack.engine.calls_of("prefill")) == num_before + 4
