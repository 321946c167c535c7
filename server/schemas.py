"""Wire schemas: what clients may send, with closed ranges, and what the documents show.

Body models are strict (a string is no number) and refuse unknown fields; query models read the
same fields from text. `null` or an omitted field means the documented default.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Discriminator, Field, Tag
from pydantic_core import PydanticCustomError

from inference_types import ChunkPolicy

MAX_SEED = 2**31 - 1
MAX_STEPS = 100
MIN_SPEED, MAX_SPEED = 0.25, 4.0
MAX_BATCH_TEXTS = 32


def _check_unicode(text: str) -> str:
    """JSON can spell half a surrogate pair; nothing after this could encode it (M8)."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise PydanticCustomError("string_unicode", "lone surrogate") from None
    return text


Text = Annotated[str, AfterValidator(_check_unicode)]
FileFormat = Literal["wav", "pcm", "flac", "opus", "mp3"]
ChunkFormat = Literal["wav", "pcm"]

Steps = Annotated[
    int | None,
    Field(
        ge=1, le=MAX_STEPS, description="Euler steps; omitted: the model's recommended schedule."
    ),
]
Guidance = Annotated[
    float | None,
    Field(
        ge=0.0,
        le=10.0,
        description="Classifier-free guidance scale; omitted: the model's recommended value "
        "(2.0 for F5 checkpoints, 0.8 for the voice that ships with JetVoice, which takes up to "
        "2.0).",
    ),
]
Speed = Annotated[
    float,
    Field(
        ge=MIN_SPEED, le=MAX_SPEED, description="Pace; 2.0 takes half as long, higher is faster."
    ),
]
Sway = Annotated[
    bool | None,
    Field(description="Sway sampling of the time grid; omitted: as the model recommends."),
]
VoiceName = Annotated[
    Text | None,
    Field(max_length=200, description="A stored voice; omitted: the default voice speaks."),
]
Seed = Annotated[
    int, Field(ge=0, le=MAX_SEED, description="Equal requests with equal seeds sound equal.")
]
Policy = Annotated[
    ChunkPolicy | None,
    Field(description="How text is cut: pieces that grow, or equal ones."),
]
_SENTENCE = "Hello! You are hearing this while the rest is still being made."
_EXAMPLES: dict[str, Any] = {"examples": [{"gen_text": _SENTENCE}]}


def _shape_of(texts: Any) -> str | None:
    """Which half of `Texts` a value belongs to, or neither. Both names stay out of errors."""
    if isinstance(texts, str):
        return "one text"
    is_list = isinstance(texts, list) and all(isinstance(text, str) for text in texts)
    return "list of texts" if is_list and 1 <= len(texts) <= MAX_BATCH_TEXTS else None


_TextList = Annotated[list[Text], Field(min_length=1, max_length=MAX_BATCH_TEXTS)]
# The shape decides alone: a plain union blames its first half for every fault of the second.
Texts = Annotated[
    Annotated[Text, Tag("one text")] | Annotated[_TextList, Tag("list of texts")],
    Discriminator(
        _shape_of,
        custom_error_type="texts_shape",
        custom_error_message="neither a text nor a list",
        custom_error_context={"expected": f"a string or a list of 1 to {MAX_BATCH_TEXTS} strings"},
    ),
]


class SpeechFields(BaseModel):
    """The knobs every speech request has."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False, protected_namespaces=())

    num_inference_steps: Steps = None
    guidance_scale: Guidance = None
    speed_factor: Speed = 1.0
    use_sway_sampling: Sway = None
    voice: VoiceName = None
    seed: Seed = 0
    chunk_policy: Policy = None


class ReferenceFields(BaseModel):
    """An uploaded voice to speak with, instead of a stored one."""

    ref_audio_base64: Text | None = Field(
        None,
        description="WAV, FLAC, OGG or MP3 of 1 to 60 s of speech, in standard base64.",
    )
    ref_text: Text | None = Field(
        None,
        max_length=2000,
        description="The words of the reference; needed by F5 checkpoints only.",
    )


class StreamBody(SpeechFields, ReferenceFields):
    """Body of POST /v1/generate/stream and POST /v1/streams."""

    model_config = ConfigDict(strict=True, json_schema_extra=_EXAMPLES)

    gen_text: Text = Field(description="The text to speak.")
    response_format: ChunkFormat = Field("wav", description="Encoding of each chunk.")


class GenerateBody(SpeechFields, ReferenceFields):
    """Body of POST /v1/generate; a list of texts gives a list of results."""

    model_config = ConfigDict(strict=True, json_schema_extra=_EXAMPLES)

    gen_text: Texts = Field(description=f"The text to speak, or up to {MAX_BATCH_TEXTS} texts.")
    response_format: FileFormat = Field("wav", description="Encoding of the whole audio.")


LastEventId = Annotated[
    str | None,
    Field(max_length=200, description="For clients that cannot send the Last-Event-ID header."),
]


class DirectStreamQuery(SpeechFields):
    """Query of GET /v1/generate/stream: everything a browser's EventSource can say."""

    gen_text: Text = Field(
        description="The text to speak.",
        examples=["Hello from a browser."],
    )
    response_format: ChunkFormat = "wav"
    last_event_id: LastEventId = None


class AttachQuery(BaseModel):
    """Query of GET /v1/streams/{id}."""

    model_config = ConfigDict(extra="forbid")

    ticket: str = Field("", max_length=200, description="From the answer that made the stream.")
    last_event_id: LastEventId = None
    from_sample: int | None = Field(
        None, ge=0, le=2**53, description="Start exactly at this sample of the stream."
    )


class VoiceForm(BaseModel):
    """Form fields of POST /v1/voices beside the file `audio`."""

    model_config = ConfigDict(strict=True, extra="forbid")

    name: Text = Field(description="1 to 64 of a-z, 0-9, _ and -.", examples=["my-voice"])
    text: Text = Field("", description="The words of the recording, if known.")
    consent: Text = Field(
        "",
        description="Your statement that the speaker agrees to this use. Required.",
        examples=["I am the speaker and I agree that my voice is used here."],
    )
    language: Text = ""
    gender: Text = ""
    description: Text = ""


class VoiceBody(VoiceForm):
    """JSON body of POST /v1/voices."""

    audio_base64: Text = Field(description="WAV, FLAC, OGG or MP3 in standard base64.")


class ErrorDetail(BaseModel):
    """What went wrong, which field is to blame, and what to do about it."""

    code: str
    message: str
    field: str | None
    fix: str = ""
    retriable: bool = False


class ErrorAnswer(BaseModel):
    """Every answer with a status of 400 or more."""

    error: ErrorDetail


class GenerateAnswer(BaseModel):
    """One finished text."""

    audio_base64: str
    response_format: FileFormat
    generation_time: float = Field(description="Seconds from arrival to the last sample.")
    duration: float = Field(description="Seconds of audio.")
    sample_rate: int
    metadata: dict[str, Any]


class StreamAnswer(BaseModel):
    """A stream that has been accepted and waits for its listener."""

    stream_id: str
    stream_url: str
    expires_in: int = Field(description="Seconds within which stream_url must be opened.")
    estimate: dict[str, Any]


class VoiceAnswer(BaseModel):
    """A voice as listed. `id` equals `name`; other servers' clients look for it."""

    id: str
    name: str
    language: str
    gender: str
    description: str
    licence: str
    text: str
    is_builtin: bool
    is_default: bool
    preview_url: str
    created_at: str


ERROR_ANSWERS: dict[int | str, dict[str, Any]] = {
    status: {"model": ErrorAnswer, "description": words}
    for status, words in {
        400: "Not readable: JSON, event id or header.",
        403: "Asked by another site's page; see --cors-origins.",
        404: "Unknown voice or stream.",
        413: "Over a documented limit.",
        415: "Wrong content type.",
        422: "A field has a value that cannot work.",
        429: "Too much work is waiting; see Retry-After.",
        503: "Starting, draining or recovering.",
    }.items()
}
