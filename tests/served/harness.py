"""The shipped voice behind the real server, in this process, and what a listener checks of it.

The programs come from the user's compile cache, as in a second start; a first one adds 30 s.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import jax
import numpy as np
import pytest

from inference_types import Pending, Slot
from main import Product, build, make_app
from orchestrator import RequestStream
from server import ServerSettings
from tests.fakes import KillThread, Row
from tests.server.harness import audio_of, serve

Process = subprocess.Popen[str]
Record = Callable[[str, object], None]  # pytest's record_property: figures for --junitxml
ROOT = Path(__file__).resolve().parents[2]
TOLERANCE = 1e-4 * 32767
LONG = "The tide goes out and the harbour falls quiet until the boats come home. " * 12


@dataclass
class Spy:
    """Notes which rows, as (seed, segment), hold slots and take part in each step; may raise."""

    product: Product
    steps: list[tuple[float, tuple[Row, ...]]] = field(default_factory=list)
    is_to_die: bool = False
    died_s: float = 0.0
    rows: dict[Slot, Row] = field(default_factory=dict)

    def holds(self, seed: int) -> bool:
        return any(row[0] == seed for row in list(self.rows.values()))

    def steps_of(self, seed: int, segment: int | None = None) -> list[float]:
        """When steps began that a request, or one segment of it, took part in."""
        return [
            at_s
            for at_s, rows in self.steps
            if any(row[0] == seed and segment in (None, row[1]) for row in rows)
        ]

    def install(self, monkeypatch: pytest.MonkeyPatch) -> None:
        engine = self.product.engine
        insert, step, free = engine.insert, engine.step, engine.free

        def spied_insert(prefix: Any, slot: Slot) -> None:
            insert(prefix, slot)
            self.rows[slot] = prefix.plan.seed, prefix.plan.segment_index

        def spied_step(slots: Sequence[Slot], num_fused: int = 1) -> Pending:
            if self.is_to_die:
                self.is_to_die, self.died_s = False, time.monotonic()
                raise KillThread
            self.steps.append((time.monotonic(), tuple(self.rows[slot] for slot in slots)))
            return step(slots, num_fused)

        def spied_free(slot: Slot) -> None:
            free(slot)
            del self.rows[slot]

        monkeypatch.setattr(engine, "insert", spied_insert)
        monkeypatch.setattr(engine, "step", spied_step)
        monkeypatch.setattr(engine, "free", spied_free)


@dataclass(frozen=True)
class Served:
    """The product in this process behind a socket."""

    url: str
    spy: Spy

    def post(self, path: str, body: dict) -> httpx.Response:
        return httpx.post(self.url + path, json=body, timeout=120)

    def live(self, seed: int) -> RequestStream:
        jobs = self.spy.product.orchestrator.streams.live_jobs()
        return next(job.stream for job in jobs if job.request.seed == seed)

    def stages(self) -> list[str]:
        return [job.stage for job in self.spy.product.orchestrator.streams.live_jobs()]

    def count(self, name: str) -> float:
        snapshot = self.spy.product.orchestrator.metrics_snapshot()
        return sum(snapshot.counters.get(name, {}).values())

    def gauge(self, name: str) -> float:
        return sum(self.spy.product.orchestrator.metrics_snapshot().gauges[name].values())


@dataclass
class _App:
    app: Any


@contextmanager
def serve_shipped_voice(voice_dir: Path) -> Iterator[Served]:
    cache = jax.config.jax_compilation_cache_dir
    settings = ServerSettings(voice_dir=str(voice_dir))
    product = build(settings, lambda reason: None)
    app = make_app(product, settings)
    spy = Spy(product)
    with pytest.MonkeyPatch.context() as patch, product.decoder:
        spy.install(patch)
        with serve(_App(app)) as running:  # type: ignore[arg-type]
            yield Served(running.url, spy)
    jax.config.update("jax_compilation_cache_dir", cache)


def read_events(response: httpx.Response) -> Iterator[tuple[str, dict]]:
    name = "message"
    for line in response.iter_lines():
        if line.startswith("event: "):
            name = line[7:]
        elif line.startswith("data: "):
            yield name, json.loads(line[6:])
            name = "message"


def listen(url: str, body: dict) -> tuple[np.ndarray, dict]:
    """PCM and final metadata of a stream that must keep its contract (I1, I2, I6)."""
    with httpx.stream("POST", url + "/v1/generate/stream", json=body, timeout=120) as response:
        assert response.status_code == 200, response.read()
        events = list(read_events(response))
    assert [name for name, _ in events] == ["message"] * len(events), events[-1]
    chunks = [event for _, event in events]
    assert [chunk["chunk_index"] for chunk in chunks] == list(range(len(chunks)))
    assert [chunk["is_final"] for chunk in chunks] == [False] * (len(chunks) - 1) + [True]
    pieces = [audio_of(chunk) for chunk in chunks]
    spans = [(c["metadata"]["start_sample"], c["metadata"]["end_sample"]) for c in chunks]
    assert [end - start for start, end in spans] == [len(piece) for piece in pieces]
    assert all(end == start for (_, end), (start, _) in zip(spans, spans[1:], strict=False))
    pcm, last = np.concatenate(pieces), chunks[-1]["metadata"]
    assert last["total_chunks"] == len(chunks) and last["total_samples"] == len(pcm)
    assert last["pcm_sha256"] == hashlib.sha256(pcm.tobytes()).hexdigest()
    return pcm, last


def wait_for(is_true: Callable[[], object], timeout_s: float) -> float:
    """Seconds it took; fails after `timeout_s`."""
    start_s = time.monotonic()
    while not is_true():
        assert time.monotonic() - start_s < timeout_s
        time.sleep(0.002)
    return time.monotonic() - start_s


def difference(one: np.ndarray, other: np.ndarray) -> int:
    assert one.shape == other.shape
    return int(np.abs(one.astype(int) - other.astype(int)).max())


@contextmanager
def server_process(
    *arguments: str, **variables: str
) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """`python main.py` on a free port, once it says it is ready."""
    command = [sys.executable, "main.py", "--port", "0", *arguments]
    env = os.environ | variables
    child = subprocess.Popen(command, cwd=ROOT, env=env, stdout=subprocess.PIPE, text=True)
    try:
        assert child.stdout is not None
        ready = next(line for line in child.stdout if "ready: open " in line)
        yield child, ready.split()[-1].rstrip("/")
    finally:
        child.kill()
        child.communicate()
