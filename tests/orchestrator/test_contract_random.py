"""2,000 streams with random cancels, faults, slow, leaving and double readers: 0 violations.

Every stream is checked from what its readers received (harness.check_events: I1, I2, I4-I6),
against what its own fate allows; the engine, the queues and the threads are checked after.
"""

import asyncio
import random
import sys
import time
from collections import Counter
from contextlib import aclosing
from dataclasses import dataclass, field

import pytest

from inference_types import (
    AudioChunk,
    Priority,
    QueueFullError,
    StreamEvent,
    StreamFailure,
    SynthesisRequest,
    TTSError,
)
from orchestrator import OrchestratorSettings, RequestStream, event_position
from tests.fakes import EngineCall, KillThread
from tests.orchestrator.harness import (
    Bench,
    check_events,
    expected_pcm,
    pcm_of,
    run,
    stage_threads,
)

NUM_STREAMS = 2000
NUM_CLIENTS = 60
MAX_SAMPLES_AHEAD = 6000
SETTINGS = OrchestratorSettings(
    max_concurrent_requests=50,
    max_queued_work_s=0.4,
    chunk_samples=700,
    pause_ahead_bytes=2 * MAX_SAMPLES_AHEAD,
    offline_ahead_bytes=4 * MAX_SAMPLES_AHEAD,
    max_restarts=1000,
    restart_backoff_s=0.001,
)
# Ends that any request may meet when the engine fails around it.
INNOCENT_ENDS = {"final", "engine_restarting"}


@dataclass
class Fate:
    """What is planned for one stream."""

    request: SynthesisRequest
    behaviour: str
    fault: str
    ends: list[str] = field(default_factory=list)

    @property
    def allowed_ends(self) -> set[str]:
        allowed = set(INNOCENT_ENDS)
        if self.fault == "poison_rows":
            allowed = {"internal", "engine_restarting"}
        if self.fault in ("nan_rows", "nan_waves"):
            allowed = {"numeric", "engine_restarting"}
        if self.behaviour in ("cancel", "unread_cancel"):
            allowed |= {"cancelled"}
        return allowed


def make_fate(number: int, dice: random.Random) -> Fate:
    pieces = [
        "x" * dice.randint(1, 6) + " y" * dice.randint(0, 3) for _ in range(dice.randint(1, 4))
    ]
    request = SynthesisRequest(
        request_id=f"r{number}",
        text=". ".join(pieces),
        seed=number,
        num_steps=dice.randint(1, 6),
        priority=dice.choice([Priority.INTERACTIVE] * 4 + [Priority.OFFLINE]),
    )
    behaviours = ["read"] * 5 + ["cancel", "unread_cancel", "slow", "resume", "two", "leave_early"]
    faults = ["none"] * 17 + ["poison_rows", "nan_rows", "nan_waves"]
    return Fate(request, dice.choice(behaviours), dice.choice(faults))


class Chaos:
    """Faults of the engine as a whole, at random; seeded, on the device thread."""

    def __init__(self, bench: Bench, dice: random.Random) -> None:
        self._engine = bench.engine
        self._dice = dice
        self.counts: Counter[str] = Counter()

    def __call__(self, call: EngineCall) -> None:
        if call.verb not in ("insert", "step", "vocode"):
            return
        lot = self._dice.random()
        if lot < 0.002:
            self._note(f"{call.verb} raises", RuntimeError("chaos"))
        elif lot < 0.0025:
            self._note("out of memory", MemoryError())
        elif lot < 0.003:
            self._note("thread dies", KillThread())
        elif lot < 0.005 and call.verb != "insert":
            self.counts[f"late {call.verb}"] += 1
            self._engine.late_errors[call.verb] = RuntimeError("late chaos")

    def _note(self, name: str, error: BaseException) -> None:
        self.counts[name] += 1
        raise error


class Clients:
    """Sixty listeners that work through all fates."""

    def __init__(self, bench: Bench, fates: list[Fate], dice: random.Random) -> None:
        self.bench = bench
        self.todo = list(reversed(fates))
        self.dice = dice
        self.cancelled_at: dict[int, float] = {}
        self.num_refused = 0

    async def work(self) -> None:
        while self.todo:
            fate = self.todo.pop()
            self._plant(fate)
            await self._live(fate)

    def _plant(self, fate: Fate) -> None:
        if fate.fault != "none":
            num_segments = fate.request.text.count(".") + 1
            guilty = (fate.request.seed, self.dice.randrange(num_segments))
            getattr(self.bench.engine, fate.fault).add(guilty)

    async def _live(self, fate: Fate) -> None:
        stream = await self._submit(fate)
        if stream is None:
            return
        events = await getattr(self, f"_{fate.behaviour}")(stream)
        if events is None:
            events = await self._read(stream)
        wanted = expected_pcm(self.bench.frontend, self.bench.engine, fate.request)
        check_events(events, wanted)
        last = events[-1]
        end = last.code if isinstance(last, StreamFailure) else "final"
        fate.ends.append(end)
        assert end in fate.allowed_ends, (fate, end)

    async def _submit(self, fate: Fate) -> RequestStream | None:
        """Comes back while refused; None when preparation ended with the engine."""
        while True:
            try:
                submit = self.bench.orchestrator.submit(fate.request)
                if fate.behaviour != "leave_early":
                    return await submit
                task = asyncio.create_task(submit)
                await asyncio.sleep(self.dice.random() * 0.002)
                task.cancel()
                (outcome,) = await asyncio.gather(task, return_exceptions=True)
                if isinstance(outcome, RequestStream):
                    self._cancel_now(outcome)
                fate.ends.append("left")
                return None
            except QueueFullError as error:
                assert error.retry_after_s >= 1
                self.num_refused += 1
                await asyncio.sleep(0.03)
            except TTSError as error:
                assert error.code == "engine_restarting", error
                await asyncio.sleep(0.005)

    async def _read(self, stream: RequestStream, after: int = -1) -> list[StreamEvent]:
        async with aclosing(stream.events(after)) as events:  # type: ignore[type-var]
            return [event async for event in events]

    async def _slow(self, stream: RequestStream) -> list[StreamEvent]:
        """Never more unread than may be, plus one segment (here at most 24 frames)."""
        events: list[StreamEvent] = []
        async with aclosing(stream.events()) as follow:  # type: ignore[type-var]
            async for event in follow:
                events.append(event)
                await asyncio.sleep(0.003)
                unread = stream.log.num_samples - stream.log.read_samples
                assert unread <= 2 * MAX_SAMPLES_AHEAD + 24 * 256
        return events

    async def _resume(self, stream: RequestStream) -> list[StreamEvent]:
        """Leaves after each few events and comes back, at last from a sample."""
        events: list[StreamEvent] = []
        while not (events and _is_terminal(events[-1])):
            after = event_position(events[-1]) if events else -1
            num_wanted = self.dice.randint(1, 3)
            async with aclosing(stream.events(after)) as follow:  # type: ignore[type-var]
                async for event in follow:
                    events.append(event)
                    num_wanted -= 1
                    if num_wanted == 0:
                        break
        whole = pcm_of(events)
        sample = self.dice.randint(0, len(whole))
        async with aclosing(stream.events(from_sample=sample)) as tail:  # type: ignore[type-var]
            rest = [event async for event in tail]
        assert pcm_of(rest).tobytes() == whole[sample:].tobytes()
        assert _is_terminal(rest[-1])
        return events

    async def _two(self, stream: RequestStream) -> list[StreamEvent]:
        first, second = await asyncio.gather(self._read(stream), self._read(stream))
        assert first == second
        return first

    async def _cancel(self, stream: RequestStream) -> None:
        """In the middle of reading, at a random moment."""
        reader = asyncio.create_task(self._read(stream))
        await asyncio.sleep(self.dice.random() * 0.05)
        self._cancel_now(stream)
        await reader

    async def _unread_cancel(self, stream: RequestStream) -> None:
        await asyncio.sleep(self.dice.random() * 0.02)
        self._cancel_now(stream)

    def _cancel_now(self, stream: RequestStream) -> None:
        if not stream.is_ended:
            stream.cancel()
            self.cancelled_at[int(stream.request_id[1:])] = time.monotonic()


def _is_terminal(event: StreamEvent) -> bool:
    return isinstance(event, StreamFailure) or (isinstance(event, AudioChunk) and event.is_final)


def check_cancelled_rows(bench: Bench, cancelled_at: dict[int, float]) -> None:
    """I8: after its cancel a request is in at most one more step."""
    late: Counter[int] = Counter()
    for call in bench.engine.calls_of("step"):
        for seed, _ in call.rows:
            if call.time_s > cancelled_at.get(seed, float("inf")):
                late[seed] += 1
    assert max(late.values(), default=0) <= 1


async def watch_bounds(bench: Bench) -> None:
    """I10 while everything runs."""
    while True:
        health = bench.orchestrator.health()
        assert health.num_live_requests <= SETTINGS.max_concurrent_requests
        await asyncio.sleep(0.01)


def run_streams(num_streams: int, seed: int) -> Counter[str]:
    """All fates through one orchestrator; how many streams ended how."""
    ends: Counter[str] = Counter()

    async def body() -> None:
        dice = random.Random(seed)
        bench = Bench(SETTINGS)
        fates = [make_fate(number, dice) for number in range(num_streams)]
        clients = Clients(bench, fates, dice)
        chaos = Chaos(bench, random.Random(seed + 1))
        async with bench.running() as orchestrator:
            bench.engine.on_call = chaos
            watcher = asyncio.create_task(watch_bounds(bench))
            async with asyncio.TaskGroup() as group:
                for _ in range(NUM_CLIENTS):
                    group.create_task(clients.work())
            bench.engine.on_call = None
            assert not watcher.done()
            watcher.cancel()
            await bench.settled()
            assert orchestrator.health().is_ready
            assert len(stage_threads()) == 6
            check_cancelled_rows(bench, clients.cancelled_at)
        assert all(len(fate.ends) == 1 for fate in fates), "each stream has exactly one end"
        ends.update(fate.ends[0] for fate in fates)
        ends.update({f"chaos: {name}": count for name, count in chaos.counts.items()})
        ends["refused"] = clients.num_refused

    run(body(), timeout_s=400)
    return ends


def test_two_thousand_streams_keep_the_contract() -> None:
    """12 s of CPU; every kind of end and of fault must have happened, or nothing was shown."""
    ends = run_streams(NUM_STREAMS, seed=20261121)
    assert ends["final"] > 0.4 * NUM_STREAMS
    kinds = {"numeric", "internal", "cancelled", "left", "engine_restarting", "refused"}
    faults = {"step raises", "late step", "late vocode", "thread dies", "out of memory"}
    missing = (kinds | {f"chaos: {name}" for name in faults}) - set(+ends)
    assert not missing


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_the_contract_holds_when_threads_switch_all_the_time(seed: int) -> None:
    interval_s = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        assert run_streams(300, seed)["final"] > 0
    finally:
        sys.setswitchinterval(interval_s)
