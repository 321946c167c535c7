"""Floor 0: what every part of JetVoice says to every other part.

Requests, voice prompts, segment plans, stream events, the two protocols the orchestrator
drives (`Frontend` on host threads, `Engine` on the device thread) and the error tree:

    TTSError                      code, message, field, is_retriable
    ├── InvalidRequestError       the caller can fix it; names the field and the fix
    │   ├── InvalidTextError
    │   ├── InvalidReferenceError
    │   └── RequestTooLargeError
    ├── NotFoundError             unknown voice, stream or event id
    ├── ConflictError             the name or key is taken by something else
    ├── QueueFullError            carries retry_after_s
    ├── ShuttingDownError         the server drains; try another replica
    ├── DeadlineExceededError     waited longer than the request allows
    ├── RequestCancelledError     the listener left, or somebody asked for the end
    ├── ModelLoadError            start-up only: weights, vocabulary or config do not fit
    └── EngineError               the device side failed; retriable
        └── NumericError          a row became NaN or Inf; only that request fails

Standard library and numpy only. Axis legend: n mel frames, m mel bins, nt text tokens,
nw wave samples.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

import numpy as np

ChunkPolicy = Literal["equal", "exponential"]
CHUNK_POLICIES: tuple[ChunkPolicy, ...] = ("equal", "exponential")


class TTSError(Exception):
    """Base of every error a user may see. `message` is one safe sentence, no paths."""

    code = "internal"
    is_retriable = False

    def __init__(self, message: str, *, field: str | None = None, code: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.field = field
        self.code = code or type(self).code


class InvalidRequestError(TTSError):
    """The caller sent something that cannot work; `field` names it, `message` the fix."""

    code = "invalid_request"


class InvalidTextError(InvalidRequestError):
    """Text that is empty, too long, or in a script the model cannot speak."""

    code = "text_invalid"


class InvalidReferenceError(InvalidRequestError):
    """Reference audio that cannot be decoded, or is too short, silent or not finite."""

    code = "reference_invalid"


class RequestTooLargeError(InvalidRequestError):
    """Body, text or audio over a documented limit."""

    code = "too_large"


class NotFoundError(TTSError):
    """A voice, stream or event that does not exist (any more)."""

    code = "not_found"


class ConflictError(TTSError):
    """A name or idempotency key that already stands for something else."""

    code = "conflict"


class QueueFullError(TTSError):
    """Admitting this request would break promises to others; come back in `retry_after_s`."""

    code = "overloaded"
    is_retriable = True

    def __init__(self, message: str, *, retry_after_s: float) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class ShuttingDownError(TTSError):
    """The server is draining."""

    code = "shutting_down"
    is_retriable = True


class DeadlineExceededError(TTSError):
    """The request waited or ran longer than allowed."""

    code = "deadline_exceeded"
    is_retriable = True


class RequestCancelledError(TTSError):
    """The listener left, was too slow, or asked for the end."""

    code = "cancelled"


class ModelLoadError(TTSError):
    """Weights, vocabulary or configuration that do not fit together (start-up only)."""

    code = "model_load"


class EngineError(TTSError):
    """The device side failed; the same request may succeed when sent again."""

    code = "engine_restarting"
    is_retriable = True


class NumericError(EngineError):
    """A row of the batch became NaN or Inf."""

    code = "numeric"


class Priority(enum.IntEnum):
    """Who is served first when there is not enough device time."""

    INTERACTIVE = 0
    OFFLINE = 1


@dataclass(frozen=True, kw_only=True)
class ReferenceAudio:
    """A voice to speak with: encoded audio file bytes and, for models that need it, its words."""

    data: bytes
    text: str = ""


@dataclass(frozen=True, kw_only=True)
class SynthesisRequest:
    """One text to speak. Validated ranges; `None` means the model's recommended value."""

    request_id: str
    text: str
    voice: str | None = None
    reference: ReferenceAudio | None = None
    num_steps: int | None = None
    guidance_scale: float | None = None
    speed: float = 1.0
    use_sway: bool | None = None
    seed: int = 0
    chunk_policy: ChunkPolicy = "exponential"
    priority: Priority = Priority.INTERACTIVE


@dataclass(frozen=True, kw_only=True, eq=False)
class VoicePrompt:
    """A reference voice ready for the model.

    `mel` is float32 (n_ref, m) log-mel, `key` names its content (equal keys mean equal mel),
    `output_gain` undoes the loudness normalisation of the reference, `text` is the reference
    transcript with the model's own ending rules applied (empty for models that need none),
    `pace` is this voice's mean phoneme length relative to the model's average.
    """

    key: str
    mel: np.ndarray
    output_gain: float = 1.0
    text: str = ""
    pace: float = 1.0


@dataclass(frozen=True, kw_only=True)
class TextSegment:
    """One piece of the text, spoken as one unit. `start`/`end` are offsets into the text."""

    index: int
    text: str
    start: int
    end: int
    is_last: bool


@dataclass(frozen=True, kw_only=True)
class WordSpan:
    """A word and when it is spoken, in samples from the start of its segment or stream."""

    text: str
    start_sample: int
    end_sample: int


@dataclass(frozen=True, kw_only=True)
class StepSchedule:
    """An ODE time grid: `times` has num_steps + 1 increasing values from 0 to 1."""

    times: tuple[float, ...]

    @property
    def num_steps(self) -> int:
        return len(self.times) - 1


@dataclass(frozen=True, kw_only=True, eq=False)
class SegmentPlan:
    """Everything the device needs to speak one segment; kept on the host for replays.

    `text_ids` is int32: (nt,) packed tokens for F5 checkpoints, or (num_frames,) one id per
    frame (-1 is the filler, so the reference part is all -1) for duration-aligned models.
    `num_frames` counts reference and generated frames together. `words` are relative to the
    first generated sample. `are_words_exact` is False where times are only estimated.
    The noise is keyed by (seed, segment_index) alone; `noise_scale` is its standard deviation.
    """

    segment_index: int
    voice: VoicePrompt
    text_ids: np.ndarray
    num_frames: int
    seed: int
    guidance_scale: float
    schedule: StepSchedule
    words: tuple[WordSpan, ...] = ()
    are_words_exact: bool = True
    noise_scale: float = 1.0

    @property
    def num_ref_frames(self) -> int:
        return int(self.voice.mel.shape[0])

    @property
    def num_new_frames(self) -> int:
        return self.num_frames - self.num_ref_frames


@dataclass(frozen=True, kw_only=True)
class StreamEstimate:
    """Event 0: what is coming, before any sound."""

    request_id: str
    sample_rate: int
    duration_s: float
    num_segments: int
    seed: int
    num_steps: int


@dataclass(frozen=True, kw_only=True, eq=False)
class AudioChunk:
    """PCM int16 (nw,) from `start_sample` of the stream, and the words that start in it."""

    chunk_index: int
    start_sample: int
    pcm: np.ndarray
    segment_index: int
    words: tuple[WordSpan, ...] = ()
    are_words_exact: bool = True
    is_final: bool = False
    summary: StreamSummary | None = None

    @property
    def end_sample(self) -> int:
        return self.start_sample + len(self.pcm)


@dataclass(frozen=True, kw_only=True)
class StreamSummary:
    """Carried by the final chunk. Times in seconds from the request's arrival."""

    total_chunks: int
    total_samples: int
    duration_s: float
    generation_time_s: float
    first_audio_s: float
    queue_s: float
    num_segments: int
    num_steps: int
    device_steps: int
    seed: int
    pcm_sha256: str


@dataclass(frozen=True, kw_only=True)
class StreamFailure:
    """The terminal event of a stream that did not end with its final chunk."""

    code: str
    message: str
    is_retriable: bool
    chunks_sent: int
    samples_sent: int


StreamEvent = StreamEstimate | AudioChunk | StreamFailure


@dataclass(frozen=True, kw_only=True)
class BucketSpec:
    """Rows of up to `max_frames` frames; `num_slots` of them live on the device at once."""

    max_frames: int
    num_slots: int


@dataclass(frozen=True, kw_only=True)
class EngineSpec:
    """What the orchestrator must know about an engine to schedule it.

    `batch_sizes` are the compiled numbers of rows a step may take (ascending; a step of three
    rows runs as the next larger size). `fused_steps` are the compiled numbers of Euler steps a
    dispatch may take (ascending, the first is 1). `max_guidance` is the largest guidance scale
    the network knows; None: any will do.
    """

    sample_rate: int
    hop_samples: int
    mel_dim: int
    buckets: tuple[BucketSpec, ...]
    batch_sizes: tuple[int, ...]
    fused_steps: tuple[int, ...] = (1,)
    max_guidance: float | None = None
    description: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, order=True)
class Slot:
    """A row of a bucket: `bucket` is its max_frames, `index` its place."""

    bucket: int
    index: int


class Pending(Protocol):
    """A result still on its way from the device; `result()` blocks, off the device thread."""

    def result(self) -> np.ndarray: ...


class Engine(Protocol):
    """The device side. Not thread-safe: one thread makes every call but `Pending.result`.

    Life of a row: prefill -> insert into a free slot -> step until `num_steps` are done ->
    vocode -> free. The engine keeps each slot's step counter; stepping a finished or empty
    slot is an error of the caller (ValueError). Any other exception means the device state is
    lost: call `reset()` and replay from the plans.
    """

    @property
    def spec(self) -> EngineSpec: ...

    def warm_up(self) -> None:
        """Compile and run every executable once; nothing compiles afterwards."""
        ...

    def calibrate(self) -> dict[tuple[int, int], float]:
        """Seconds of one Euler step per (bucket max_frames, batch size), measured."""
        ...

    def prefill(self, plan: SegmentPlan) -> Any:
        """Opaque prefix: reference mel, both text embeddings and noise, on the device."""
        ...

    def insert(self, prefix: Any, slot: Slot) -> None: ...

    def step(self, slots: Sequence[Slot], num_fused: int = 1) -> Pending:
        """Advance slots of ONE bucket by `num_fused` Euler steps -> bool (len(slots),) finite."""
        ...

    def vocode(self, slot: Slot) -> Pending:
        """Float32 (num_new_frames * hop,) waveform of the finished row, reference cropped."""
        ...

    def free(self, slot: Slot) -> None:
        """Forget the row and scrub its numbers, so that nothing leaks to the next tenant."""
        ...

    def reset(self) -> None:
        """Rebuild all device state from nothing; every slot is empty afterwards."""
        ...

    @property
    def num_compilations(self) -> int:
        """Compilations since the engine was made; constant after warm_up."""
        ...


class Frontend(Protocol):
    """Host-side preparation; called from several preprocessing threads at once."""

    def load_voice(self, request: SynthesisRequest) -> VoicePrompt:
        """Decode, check and encode the reference (cached by content).

        Raises InvalidReferenceError or NotFoundError.
        """
        ...

    def split(self, request: SynthesisRequest, voice: VoicePrompt) -> list[TextSegment]:
        """Normalise and cut the text. Raises InvalidTextError; never returns an empty list."""
        ...

    def estimate_duration_s(
        self, request: SynthesisRequest, voice: VoicePrompt, segments: Sequence[TextSegment]
    ) -> float:
        """Predicted seconds of speech of all `segments`; cheap, used before any planning."""
        ...

    def plan(
        self, request: SynthesisRequest, voice: VoicePrompt, segment: TextSegment
    ) -> SegmentPlan:
        """Ids, durations, words and schedule of one segment."""
        ...
