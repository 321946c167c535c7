"""Stored voices: list, add with the speaker's consent, hear, delete."""

from __future__ import annotations

import asyncio
from typing import Any

from fastapi import APIRouter
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from frontend.voices import Voice, VoiceInfo
from inference_types import InvalidReferenceError, InvalidRequestError, RequestTooLargeError
from server.body import StrictRequest, UploadRoute, media_type_of
from server.errors import RefusedError
from server.intake import MAX_REFERENCE_BYTES, decode_upload
from server.ranges import ranged_response
from server.schemas import ERROR_ANSWERS, VoiceAnswer, VoiceBody, VoiceForm
from server.services import Services, Serving

router = APIRouter(route_class=UploadRoute, tags=["voices"], responses=ERROR_ANSWERS)
_MAX_FORM_PARTS = 16


def _describe(voice: Voice, services: Services) -> dict[str, Any]:
    info = voice.info
    return {
        "id": info.name,
        "name": info.name,
        "language": info.language,
        "gender": info.gender,
        "description": info.description,
        "licence": info.licence,
        "text": info.text,
        "is_builtin": voice.is_builtin,
        "is_default": info.name == services.default_voice,
        "preview_url": f"/v1/voices/{info.name}/preview",
        "created_at": info.created_at,
    }


@router.get("/v1/voices", response_model=dict[str, list[VoiceAnswer]])
async def list_voices(services: Serving) -> Response:
    """Every voice, the built-in ones first."""
    voices = [_describe(voice, services) for voice in services.voices.voices()]
    return JSONResponse({"voices": voices})


@router.get(
    "/v1/voices/{name}/preview",
    response_class=Response,
    responses={
        200: {"content": {"audio/flac": {}}},
        206: {"content": {"audio/flac": {}}},
        304: {"description": "You already have it."},
    },
)
async def preview_voice(name: str, request: Request, services: Serving) -> Response:
    """The voice's own recording; `Range` and `If-None-Match` are supported."""
    voice = services.voices.find(name)
    return ranged_response(
        request,
        [voice.audio],
        media_type=voice.media_type,
        etag=voice.sha256,
        caching="no-cache",
    )


def _form_schema() -> dict[str, Any]:
    """The form's fields and its file; first in the API page, which then offers a file chooser."""
    schema = VoiceForm.model_json_schema()
    audio = {"type": "string", "format": "binary", "description": "WAV, FLAC, OGG or MP3."}
    schema["properties"] = {"audio": audio} | schema["properties"]
    schema["required"] = ["audio", *schema["required"]]
    return schema


_UPLOAD_SCHEMA = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {"schema": _form_schema()},
            "application/json": {"schema": VoiceBody.model_json_schema()},
        },
    }
}


@router.post(
    "/v1/voices", status_code=201, response_model=VoiceAnswer, openapi_extra=_UPLOAD_SCHEMA
)
async def add_voice(request: Request, services: Serving) -> Response:
    """Store a voice. `consent` must state that the speaker agrees; without it nothing is kept."""
    if media_type_of(request.headers) == "multipart/form-data":
        fields, audio = await _read_form(request)
    else:
        fields, audio = await _read_json(request)
    if not fields.consent.strip():
        raise InvalidRequestError(
            "state in consent that the speaker agrees to the use of this voice", field="consent"
        )
    voice = await asyncio.to_thread(_store, services, fields, audio)
    return JSONResponse(_describe(voice, services), 201)


def _store(services: Services, fields: VoiceForm, audio: bytes) -> Voice:
    info = VoiceInfo(**fields.model_dump(exclude={"audio_base64"}))
    try:
        return services.voices.add(info, services.encode_voice(audio))
    except (InvalidReferenceError, RequestTooLargeError) as error:
        # What the recording is called here depends on how it came.
        error.field = "audio_base64" if isinstance(fields, VoiceBody) else "audio"
        raise


def _validated(model: type[VoiceForm], values: Any) -> Any:
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise RequestValidationError(error.errors(include_input=False)) from None


async def _read_json(request: Request) -> tuple[VoiceForm, bytes]:
    body = _validated(VoiceBody, await StrictRequest(request.scope, request.receive).json())
    return body, await decode_upload(body.audio_base64, field="audio_base64")


async def _read_form(request: Request) -> tuple[VoiceForm, bytes]:
    async with request.form(max_files=1, max_fields=_MAX_FORM_PARTS) as form:
        audio = form.get("audio")
        if len(form.multi_items()) != len(form):
            raise RefusedError(400, "bad_request", "the form has the same field twice")
        values = {name: value for name, value in form.items() if name != "audio"}
        fields = _validated(VoiceForm, values)
        if not isinstance(audio, UploadFile):
            raise InvalidReferenceError(
                "send the recording as a file in the field audio", field="audio"
            )
        if (audio.size or 0) > MAX_REFERENCE_BYTES:
            raise RequestTooLargeError(
                f"audio may have at most {MAX_REFERENCE_BYTES} bytes", field="audio"
            )
        return fields, await audio.read()


@router.delete("/v1/voices/{name}", status_code=204, response_class=Response)
async def delete_voice(name: str, services: Serving) -> Response:
    """Forget a stored voice; the built-in ones stay."""
    await asyncio.to_thread(services.voices.delete, name)
    return Response(status_code=204)
