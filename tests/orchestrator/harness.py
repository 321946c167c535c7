"""A running orchestrator on the fakes, and the stream contract as a checker.

Contract (specs: reliability 2), as far as it shows without a socket:
    I1 chunk indices 0..n-1, no gap, no repeat, samples contiguous   I2 one terminal event, last
    I4 PCM equal to the arithmetic of the request alone              I5 nobody else's samples
    I6 totals of the terminal event equal what was received          I7 every slot freed, once
    I8 a cancelled request is stepped at most once more              I9 every stream ends
    I10 queues stay within their bounds
"""

from __future__ import annotations

import asyncio
import hashlib
import threading
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from inference_types import (
    AudioChunk,
    Priority,
    StreamEstimate,
    StreamEvent,
    StreamFailure,
    SynthesisRequest,
)
from orchestrator import Orchestrator, OrchestratorSettings, RequestStream
from tests.fakes import EndToEndJoiner, FakeEngine, FakeFrontend, expected_pcm

STAGE_NAMES = ("preprocess-", "upload-", "dispatch-", "emit-", "supervisor-")
WAIT_S = 20.0  # generous: the machine is shared; nothing normally waits this long


def run(test: Coroutine[Any, Any, None], timeout_s: float = 60) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(timeout_s):
            await test

    asyncio.run(bounded())


def stage_threads() -> list[str]:
    return [t.name for t in threading.enumerate() if t.name.startswith(STAGE_NAMES)]


async def until(condition: Callable[[], bool], what: str, wait_s: float = WAIT_S) -> None:
    deadline_s = time.monotonic() + wait_s
    while not condition():
        assert time.monotonic() < deadline_s, f"waited in vain until {what}"
        await asyncio.sleep(0.002)


def make_request(request_id: str = "r", text: str = "Hello.", **fields: Any) -> SynthesisRequest:
    return SynthesisRequest(request_id=request_id, text=text, **fields)


def offline(request_id: str, text: str, **fields: Any) -> SynthesisRequest:
    return make_request(request_id, text, priority=Priority.OFFLINE, **fields)


@dataclass
class Bench:
    """Fakes plus orchestrator; `async with bench.running():` starts and stops it."""

    settings: OrchestratorSettings = field(default_factory=OrchestratorSettings)
    engine: FakeEngine = field(default_factory=FakeEngine)
    frontend: FakeFrontend = field(default_factory=FakeFrontend)
    clock: Callable[[], float] = time.monotonic
    make_joiner: Callable[[], Any] = EndToEndJoiner
    fatal: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.orchestrator = Orchestrator(
            self.engine,
            self.frontend,
            self.make_joiner,
            self.settings,
            clock=self.clock,
            on_fatal=self.fatal.append,
        )

    @asynccontextmanager
    async def running(self, *, may_hang: bool = False) -> AsyncIterator[Orchestrator]:
        await self.orchestrator.start()
        try:
            await self.orchestrator.wait_until_ready(WAIT_S)
            yield self.orchestrator
        finally:
            hung = await self.orchestrator.stop()
            assert may_hang or not hung

    async def settled(self) -> None:
        """No slot is in use, no request lives, no queue holds anything (I7)."""
        queues = self.orchestrator._pipeline.queues
        await until(
            lambda: (
                self.engine.num_resident == 0
                and not self.orchestrator.streams.live_jobs()
                and not any(len(queue) for queue in queues)
            ),
            "all slots and queues are free",
        )
        for queue in queues:
            assert queue.peak <= queue.max_items  # I10

    async def speak(self, request: SynthesisRequest) -> list[StreamEvent]:
        """All events of one request, checked."""
        stream = await self.orchestrator.submit(request)
        events = await collect(stream)
        self.check(request, events)
        return events

    def check(self, request: SynthesisRequest, events: list[StreamEvent]) -> None:
        check_events(events, expected_pcm(self.frontend, self.engine, request))


async def collect(
    stream: RequestStream, after: int = -1, from_sample: int | None = None
) -> list[StreamEvent]:
    async with aclosing(stream.events(after, from_sample=from_sample)) as events:  # type: ignore
        return [event async for event in events]


async def first_events(stream: RequestStream, num_events: int) -> list[StreamEvent]:
    """The first events, and then the reader leaves."""
    events: list[StreamEvent] = []
    async with aclosing(stream.events()) as follow:  # type: ignore
        async for event in follow:
            events.append(event)
            if len(events) == num_events:
                break
    return events


def pcm_of(events: list[StreamEvent]) -> np.ndarray:
    chunks = [event.pcm for event in events if isinstance(event, AudioChunk)]
    return np.concatenate([np.zeros(0, np.int16), *chunks])


def check_events(events: list[StreamEvent], wanted: np.ndarray) -> None:
    """I1, I2, I4, I5, I6 for one reader that saw the stream from its start."""
    assert isinstance(events[0], StreamEstimate), "the estimate comes first"
    body, last = events[1:], events[-1]
    is_terminal = [isinstance(e, StreamFailure) or _is_final(e) for e in body]
    assert is_terminal == [False] * (len(body) - 1) + [True], "one terminal event, at the end"
    chunks = [event for event in body if isinstance(event, AudioChunk)]
    assert [chunk.chunk_index for chunk in chunks] == list(range(len(chunks)))
    starts = np.cumsum([0, *(len(chunk.pcm) for chunk in chunks)])
    assert [chunk.start_sample for chunk in chunks] == list(starts[:-1])
    pcm = pcm_of(events)
    if isinstance(last, StreamFailure):
        assert (last.chunks_sent, last.samples_sent) == (len(chunks), len(pcm))
        assert np.array_equal(pcm, wanted[: len(pcm)])
        return
    assert np.array_equal(pcm, wanted)
    assert isinstance(last, AudioChunk) and last.summary is not None
    assert (last.summary.total_chunks, last.summary.total_samples) == (len(chunks), len(pcm))
    assert last.summary.pcm_sha256 == hashlib.sha256(pcm.astype("<i2").tobytes()).hexdigest()


def _is_final(event: StreamEvent) -> bool:
    return isinstance(event, AudioChunk) and event.is_final


class Gate:
    """A hook that holds the calls of one verb until opened; `num_held` counts who waits."""

    def __init__(self, verb: str) -> None:
        self.verb = verb
        self.num_held = 0
        self._open = threading.Event()

    def __call__(self, call: Any, *_: Any) -> None:
        if (call if isinstance(call, str) else call.verb) == self.verb:
            self.num_held += 1
            assert self._open.wait(30), "a gate was never opened"
            self.num_held -= 1

    def open(self) -> None:
        self._open.set()
