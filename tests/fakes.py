"""A fake engine and frontend whose sums can be done by hand; shipped for every test to use.

Arithmetic. The row of segment `g` of a request with seed `s` starts at `1000 s + 10 g` and
every Euler step adds 1. Vocoding gives `num_new_frames * hop_samples` samples that all equal
the row, scaled by 1/32767, so in PCM16 one reads seed, segment and steps as decimal digits:
7034 is seed 7, segment 03, after 4 steps. (Seeds below 32, at most 100 segments and 9 steps
stay readable; larger values wrap modulo 32768.)

    FakeFrontend: "Abc. De." -> segments "Abc" and "De", `frames_per_char` new frames a letter
    FakeEngine:   the `Engine` protocol with its rules enforced, and hooks for every fault

    expected_pcm(frontend, engine, request)  the PCM a stream must deliver, joined end to end
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from inference_types import (
    BucketSpec,
    EngineSpec,
    InvalidReferenceError,
    InvalidTextError,
    NotFoundError,
    SegmentPlan,
    Slot,
    StepSchedule,
    SynthesisRequest,
    TextSegment,
    VoicePrompt,
    WordSpan,
)

PCM_SCALE = 32767
SMALL_SPEC = EngineSpec(
    sample_rate=24_000,
    hop_samples=256,
    mel_dim=4,
    buckets=(
        BucketSpec(max_frames=64, num_slots=4),
        BucketSpec(max_frames=128, num_slots=4),
        BucketSpec(max_frames=256, num_slots=4),
    ),
    batch_sizes=(1, 2, 4),
    fused_steps=(1, 2, 4),
    description={"kind": "fake"},
)
Row = tuple[int, int]  # (seed, segment_index)
CallHook = Callable[["EngineCall"], None]


class KillThread(BaseException):
    """Raised from a hook it ends the thread that called the engine (nothing catches it)."""


def row_value(seed: int, segment_index: int, num_steps: int) -> int:
    """The PCM16 sample that a row stands for after `num_steps` steps."""
    return (1000 * seed + 10 * segment_index + num_steps) % 32768


@dataclass(frozen=True)
class EngineCall:
    """One call of an engine verb, in the order made. `rows` are (seed, segment) pairs."""

    verb: str
    rows: tuple[Row, ...] = ()
    slots: tuple[Slot, ...] = ()
    num_fused: int = 0
    time_s: float = 0.0


@dataclass
class FakePending:
    """`result()` waits until `delay_s` have passed, then raises or returns."""

    value: np.ndarray
    delay_s: float = 0.0
    error: Exception | None = None
    gate: threading.Event | None = None

    def result(self) -> np.ndarray:
        if self.gate is not None:
            self.gate.wait()
        if self.delay_s:
            time.sleep(self.delay_s)
        if self.error is not None:
            raise self.error
        return self.value


@dataclass
class _Resident:
    plan: SegmentPlan
    num_done: int = 0

    @property
    def row(self) -> Row:
        return (self.plan.seed, self.plan.segment_index)


class FakeEngine:
    """The `Engine` protocol in integers. Breaking its rules raises, as the real one would.

    Hooks (change them at any time, from any thread):
      delays       {"step": 0.01}: seconds a verb takes, on the calling thread
      on_call      called with each EngineCall before it is carried out; may raise, wait, note
      nan_rows     rows (seed, segment) that are reported as not finite by every step
      nan_waves    rows whose waveform holds a NaN although their steps were finite
      poison_rows  rows that raise in prefill
      late_errors  {"step": error}: the next result() of that verb raises (asynchronous failure)
      step_costs   what calibrate() returns (default: 1 ms per row, so batching is neutral)
    """

    def __init__(self, spec: EngineSpec = SMALL_SPEC) -> None:
        self._spec = spec
        self._residents: dict[Slot, _Resident] = {}
        self._is_lost = False
        self._busy = threading.Lock()
        self.delays: dict[str, float] = {}
        self.on_call: CallHook | None = None
        self.nan_rows: set[Row] = set()
        self.nan_waves: set[Row] = set()
        self.poison_rows: set[Row] = set()
        self.late_errors: dict[str, Exception] = {}
        self.step_costs: dict[tuple[int, int], float] | None = None
        self.calls: list[EngineCall] = []
        self.num_compilations_value = 0
        self.num_resets = 0
        self.max_resident = 0

    @property
    def spec(self) -> EngineSpec:
        return self._spec

    @property
    def num_compilations(self) -> int:
        return self.num_compilations_value

    @property
    def num_resident(self) -> int:
        """Slots in use now; 0 when every row was freed (I7)."""
        return len(self._residents)

    def calls_of(self, verb: str) -> list[EngineCall]:
        return [call for call in list(self.calls) if call.verb == verb]

    def num_steps_of(self, row: Row) -> int:
        """Euler steps made for a row, over all its replays."""
        return sum(call.num_fused for call in self.calls_of("step") if row in call.rows)

    def warm_up(self) -> None:
        self._enter("warm_up")
        self.num_compilations_value += len(self._spec.buckets) * len(self._spec.batch_sizes)

    def calibrate(self) -> dict[tuple[int, int], float]:
        self._enter("calibrate")
        if self.step_costs is not None:
            return dict(self.step_costs)
        sizes = self._spec.batch_sizes
        return {(b.max_frames, n): 0.001 * n for b in self._spec.buckets for n in sizes}

    def prefill(self, plan: SegmentPlan) -> SegmentPlan:
        row = (plan.seed, plan.segment_index)
        self._enter("prefill", (row,))
        if row in self.poison_rows:
            raise RuntimeError(f"poisoned plan {row}")
        return plan

    def insert(self, prefix: SegmentPlan, slot: Slot) -> None:
        with self._losing_state():
            self._enter("insert", ((prefix.seed, prefix.segment_index),), (slot,))
        bucket = next(b for b in self._spec.buckets if b.max_frames == slot.bucket)
        if not 0 <= slot.index < bucket.num_slots or slot in self._residents:
            raise ValueError(f"{slot} is taken or does not exist")
        if prefix.num_frames > slot.bucket:
            raise ValueError(f"{prefix.num_frames} frames do not fit {slot}")
        self._residents[slot] = _Resident(prefix)
        self.max_resident = max(self.max_resident, len(self._residents))

    def step(self, slots: Sequence[Slot], num_fused: int = 1) -> FakePending:
        residents = [self._resident(slot) for slot in slots]
        self._check_step(slots, residents, num_fused)
        rows = tuple(resident.row for resident in residents)
        with self._losing_state():
            self._enter("step", rows, tuple(slots), num_fused)
        for resident in residents:
            resident.num_done += num_fused
        finite = np.array([row not in self.nan_rows for row in rows], dtype=bool)
        return FakePending(finite, error=self.late_errors.pop("step", None))

    def vocode(self, slot: Slot) -> FakePending:
        resident = self._resident(slot)
        if resident.num_done != resident.plan.schedule.num_steps:
            raise ValueError(f"{slot} is not finished")
        with self._losing_state():
            self._enter("vocode", (resident.row,), (slot,))
        value = row_value(*resident.row, resident.num_done) / PCM_SCALE
        num_samples = resident.plan.num_new_frames * self._spec.hop_samples
        wave = np.full(num_samples, value, dtype=np.float32)
        if resident.row in self.nan_waves:
            wave[num_samples // 2] = np.nan
        return FakePending(wave, error=self.late_errors.pop("vocode", None))

    def free(self, slot: Slot) -> None:
        resident = self._resident(slot)
        self._enter("free", (resident.row,), (slot,))
        del self._residents[slot]

    def reset(self) -> None:
        self._residents.clear()
        self._is_lost = False
        self.num_resets += 1
        self._enter("reset")

    def _check_step(
        self, slots: Sequence[Slot], residents: list[_Resident], num_fused: int
    ) -> None:
        if not slots or len(set(slots)) != len(slots):
            raise ValueError("a step needs distinct slots")
        if len({slot.bucket for slot in slots}) != 1:
            raise ValueError("a step takes slots of one bucket")
        if len(slots) > max(self._spec.batch_sizes) or num_fused not in self._spec.fused_steps:
            raise ValueError(f"no executable for {len(slots)} rows, {num_fused} fused steps")
        if any(r.num_done + num_fused > r.plan.schedule.num_steps for r in residents):
            raise ValueError("a row would be stepped past its end")

    def _resident(self, slot: Slot) -> _Resident:
        if self._is_lost:
            raise RuntimeError("Buffer has been deleted or donated.")
        if slot not in self._residents:
            raise ValueError(f"{slot} is empty")
        return self._residents[slot]

    def _losing_state(self) -> _LosingState:
        return _LosingState(self)

    def _enter(
        self,
        verb: str,
        rows: tuple[Row, ...] = (),
        slots: tuple[Slot, ...] = (),
        num_fused: int = 0,
    ) -> None:
        if not self._busy.acquire(blocking=False):
            raise RuntimeError(f"{verb} was called while another call is running")
        try:
            if self._is_lost:
                raise RuntimeError("Buffer has been deleted or donated.")
            call = EngineCall(verb, rows, slots, num_fused, time.monotonic())
            self.calls.append(call)
            if self.on_call is not None:
                self.on_call(call)
            if self.delays.get(verb):
                time.sleep(self.delays[verb])
        finally:
            self._busy.release()


class _LosingState:
    """A verb that donates its state: when it raises, the state is gone until reset()."""

    def __init__(self, engine: FakeEngine) -> None:
        self._engine = engine

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:
            self._engine._is_lost = True


@dataclass
class FakeFrontend:
    """Splits on full stops; `frames_per_char` new frames a letter; every voice has 10 frames.

    Voice "nobody" does not exist, reference bytes b"bad" cannot be decoded, text without a
    letter is refused. `delays` and `on_call(verb, request)` as in FakeEngine; verbs are
    load_voice, split, estimate and plan.
    """

    spec: EngineSpec = SMALL_SPEC
    frames_per_char: int = 2
    num_ref_frames: int = 10
    default_num_steps: int = 4
    max_segment_chars: int = 100
    delays: dict[str, float] = field(default_factory=dict)
    on_call: Callable[[str, SynthesisRequest], None] | None = None

    def load_voice(self, request: SynthesisRequest) -> VoicePrompt:
        self._enter("load_voice", request)
        if request.voice == "nobody":
            raise NotFoundError("There is no voice of that name.", field="voice")
        if request.reference is not None and request.reference.data == b"bad":
            raise InvalidReferenceError("The audio cannot be decoded.", field="reference")
        mel = np.zeros((self.num_ref_frames, self.spec.mel_dim), dtype=np.float32)
        return VoicePrompt(key=request.voice or "default", mel=mel)

    def split(self, request: SynthesisRequest, voice: VoicePrompt) -> list[TextSegment]:
        self._enter("split", request)
        spans = list(self._spans(request.text))
        if not spans:
            raise InvalidTextError("There is nothing to speak.", field="gen_text")
        return [
            TextSegment(
                index=index,
                text=request.text[start:end],
                start=start,
                end=end,
                is_last=index == len(spans) - 1,
            )
            for index, (start, end) in enumerate(spans)
        ]

    def estimate_duration_s(
        self, request: SynthesisRequest, voice: VoicePrompt, segments: Sequence[TextSegment]
    ) -> float:
        self._enter("estimate", request)
        num_chars = sum(len(segment.text) for segment in segments)
        frames = self.frames_per_char * num_chars
        return frames * self.spec.hop_samples / self.spec.sample_rate

    def plan(
        self, request: SynthesisRequest, voice: VoicePrompt, segment: TextSegment
    ) -> SegmentPlan:
        self._enter("plan", request)
        num_steps = request.num_steps or self.default_num_steps
        num_new_frames = self.frames_per_char * len(segment.text)
        return SegmentPlan(
            segment_index=segment.index,
            voice=voice,
            text_ids=np.zeros(self.num_ref_frames + num_new_frames, dtype=np.int32),
            num_frames=self.num_ref_frames + num_new_frames,
            seed=request.seed,
            guidance_scale=2.0,
            schedule=StepSchedule(times=tuple(i / num_steps for i in range(num_steps + 1))),
            words=tuple(self._words(segment.text)),
        )

    def _spans(self, text: str) -> list[tuple[int, int]]:
        """(start, end) of each piece between full stops, at most max_segment_chars long."""
        spans, start = [], 0
        for piece in text.split("."):
            lead = len(piece) - len(piece.lstrip())
            body = piece.strip()
            for at in range(0, len(body), self.max_segment_chars):
                end = min(at + self.max_segment_chars, len(body))
                spans.append((start + lead + at, start + lead + end))
            start += len(piece) + 1
        return spans

    def _words(self, text: str) -> list[WordSpan]:
        samples_per_char = self.frames_per_char * self.spec.hop_samples
        words, at = [], 0
        for word in text.split():
            at = text.index(word, at)
            words.append(
                WordSpan(
                    text=word,
                    start_sample=at * samples_per_char,
                    end_sample=(at + len(word)) * samples_per_char,
                )
            )
            at += len(word)
        return words

    def _enter(self, verb: str, request: SynthesisRequest) -> None:
        if self.on_call is not None:
            self.on_call(verb, request)
        if self.delays.get(verb):
            time.sleep(self.delays[verb])


def expected_pcm(
    frontend: FakeFrontend, engine: FakeEngine, request: SynthesisRequest
) -> np.ndarray:
    """PCM16 (nw,) of the whole request when segments are laid end to end, by arithmetic."""
    num_steps = request.num_steps or frontend.default_num_steps
    hop = engine.spec.hop_samples
    pieces = [
        np.full(
            frontend.frames_per_char * (end - start) * hop,
            row_value(request.seed, index, num_steps),
            dtype=np.int16,
        )
        for index, (start, end) in enumerate(frontend._spans(request.text))
    ]
    return np.concatenate(pieces)


class EndToEndJoiner:
    """A segment joiner that adds nothing and takes nothing away (for exact expectations)."""

    def __init__(self) -> None:
        self._num_samples = 0

    def push(self, segment_wave: np.ndarray, is_last: bool) -> tuple[np.ndarray, int]:
        """-> (samples now ready to send, where this segment starts in the stream)."""
        start = self._num_samples
        self._num_samples += len(segment_wave)
        return segment_wave, start
