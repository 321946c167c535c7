"""From a validated body to a `SynthesisRequest`: the checks a schema cannot make.

Whatever can be refused without the engine is refused here, before anything is queued.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from audio.base64_text import decode_base64
from inference_types import (
    ChunkPolicy,
    InvalidReferenceError,
    InvalidRequestError,
    InvalidTextError,
    Priority,
    ReferenceAudio,
    RequestTooLargeError,
    SynthesisRequest,
)
from server.schemas import ReferenceFields, SpeechFields

MAX_REFERENCE_BYTES = 10 * 2**20
# A request costs steps x seconds of device time; the product is bounded, not only its factors.
MAX_STEP_CHARS = 2_000_000
_OFF_LOOP_CHARS = 64 * 1024


@dataclass(frozen=True, kw_only=True)
class IntakeRules:
    """What this server accepts and assumes."""

    max_text_chars: int
    chunk_policy: ChunkPolicy
    max_guidance: float | None = None


def check_text(text: str, rules: IntakeRules) -> None:
    """Raises RequestTooLargeError or InvalidTextError for what no model can speak."""
    if len(text) > rules.max_text_chars:
        raise RequestTooLargeError(
            f"gen_text may have at most {rules.max_text_chars} characters; send it in parts",
            field="gen_text",
            code="text_too_long",
        )
    if not any(character.isalnum() for character in text):
        raise InvalidTextError(
            "gen_text holds nothing that can be spoken; send letters or digits",
            field="gen_text",
            code="text_empty",
        )


def check_guidance(scale: float | None, rules: IntakeRules) -> None:
    """Raises InvalidRequestError for a scale beyond those the loaded network has learned."""
    if scale is not None and rules.max_guidance is not None and scale > rules.max_guidance:
        raise InvalidRequestError(
            f"guidance_scale may be at most {rules.max_guidance:g} with this model; leave it out"
            " for the recommended one",
            field="guidance_scale",
        )


async def decode_upload(text: str, *, field: str) -> bytes:
    """Audio file bytes from base64, off the event loop when there is much of it."""
    if not text:
        raise InvalidReferenceError(
            f"{field} is empty; send an audio file or leave the field out",
            field=field,
            code="reference_empty",
        )
    if len(text) > _OFF_LOOP_CHARS:
        return await asyncio.to_thread(decode_base64, text, MAX_REFERENCE_BYTES, field)
    return decode_base64(text, MAX_REFERENCE_BYTES, field)


async def read_reference(fields: SpeechFields) -> ReferenceAudio | None:
    """The uploaded voice of a request, if it has one."""
    if not isinstance(fields, ReferenceFields) or fields.ref_audio_base64 is None:
        return None
    if fields.voice is not None:
        raise InvalidRequestError(
            "voice and ref_audio_base64 exclude each other; send one of them", field="voice"
        )
    data = await decode_upload(fields.ref_audio_base64, field="ref_audio_base64")
    return ReferenceAudio(data=data, text=fields.ref_text or "")


async def make_request(
    fields: SpeechFields,
    text: str,
    *,
    request_id: str,
    rules: IntakeRules,
    priority: Priority = Priority.INTERACTIVE,
) -> SynthesisRequest:
    """The domain's request. Raises InvalidRequestError and its children, naming wire fields."""
    check_text(text, rules)
    check_guidance(fields.guidance_scale, rules)
    if (fields.num_inference_steps or 0) * len(text) > MAX_STEP_CHARS:
        raise RequestTooLargeError(
            f"num_inference_steps times characters of gen_text may be at most {MAX_STEP_CHARS}",
            field="num_inference_steps",
        )
    return SynthesisRequest(
        request_id=request_id,
        text=text,
        voice=fields.voice,
        reference=await read_reference(fields),
        num_steps=fields.num_inference_steps,
        guidance_scale=fields.guidance_scale,
        speed=fields.speed_factor,
        use_sway=fields.use_sway_sampling,
        seed=fields.seed,
        chunk_policy=fields.chunk_policy or rules.chunk_policy,
        priority=priority,
    )
