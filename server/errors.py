"""Errors at the border: every refusal leaves as `{"error": {"code", "message", "field", "fix"?}}`.

HTTP status appears only in this floor. Nothing the caller sent is repeated in an answer, with
one exception: the name of an unknown field, when it is a short plain identifier.
"""

from __future__ import annotations

import logging
import math
import re
from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.requests import Request

from inference_types import (
    ConflictError,
    DeadlineExceededError,
    EngineError,
    InvalidRequestError,
    ModelLoadError,
    NotFoundError,
    QueueFullError,
    RequestCancelledError,
    RequestTooLargeError,
    ShuttingDownError,
    TTSError,
)
from server.stamp import request_id_of

_log = logging.getLogger(__name__)

# Looked up along the class's bases, so a new error gets its parent's status.
STATUS_BY_ERROR: dict[type[TTSError], int] = {
    InvalidRequestError: 422,
    RequestTooLargeError: 413,
    NotFoundError: 404,
    ConflictError: 409,
    QueueFullError: 429,
    ShuttingDownError: 503,
    DeadlineExceededError: 504,
    RequestCancelledError: 409,
    ModelLoadError: 503,
    EngineError: 503,
    TTSError: 500,
}
_CODE_BY_STATUS = {
    400: ("bad_request", "the request could not be read"),
    404: ("not_found", "there is nothing at this address; /docs lists what there is"),
    405: ("method_not_allowed", "this address does not take that method; see the Allow header"),
    408: ("request_timeout", "the request body did not arrive in time; send it again"),
    413: ("too_large", "the request is too large"),
    415: ("unsupported_media_type", "send JSON with Content-Type: application/json"),
    416: ("range_not_satisfiable", "the range lies outside the file"),
    431: ("headers_too_large", "send fewer or shorter headers"),
}
_RETRY_AFTER_S = 2
_SAFE_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,39}\Z")


class RefusedError(HTTPException):
    """The HTTP layer refuses a request before any domain code sees it."""

    def __init__(
        self, status: int, code: str, message: str, *, field: str | None = None, fix: str = ""
    ) -> None:
        super().__init__(status, detail=code)
        self.body = error_body(code, message, field=field, fix=fix)


def error_body(
    code: str, message: str, *, field: str | None = None, fix: str = "", **extra: Any
) -> dict[str, Any]:
    """The one shape of every error answer."""
    error: dict[str, Any] = {"code": code, "message": message, "field": field}
    if fix:
        error["fix"] = fix
    return {"error": error | extra}


def status_of(error: TTSError) -> int:
    """The HTTP status of a domain error, by its nearest listed base class."""
    return next(STATUS_BY_ERROR[base] for base in type(error).__mro__ if base in STATUS_BY_ERROR)


def retry_after_s(error: TTSError) -> int | None:
    """Whole seconds for a Retry-After header, or None where waiting does not help."""
    if isinstance(error, QueueFullError):
        return max(1, math.ceil(error.retry_after_s))
    return _RETRY_AFTER_S if error.is_retriable else None


# The wire's names differ from the domain's, and a client can only fix what it sent.
_WIRE_FIELDS = {
    "text": "gen_text",
    "reference": "ref_audio_base64",
    "reference_text": "ref_text",
    "num_steps": "num_inference_steps",
    "speed": "speed_factor",
    "use_sway": "use_sway_sampling",
}


def body_of(error: TTSError) -> dict[str, Any]:
    """The JSON body of a domain error."""
    field = _WIRE_FIELDS.get(error.field or "", error.field)
    extra: dict[str, Any] = {"retriable": True} if error.is_retriable else {}
    return error_body(error.code, error.message, field=field, **extra)


def error_response(error: TTSError) -> JSONResponse:
    """A whole answer for a domain error, Retry-After included."""
    wait_s = retry_after_s(error)
    headers = {} if wait_s is None else {"Retry-After": str(wait_s)}
    return JSONResponse(body_of(error), status_of(error), headers)


def describe_validation(error: Mapping[str, Any]) -> dict[str, Any]:
    """One pydantic error as our shape, built from its type and limits, never from its input."""
    kind, limits = str(error.get("type", "")), error.get("ctx") or {}
    field = _field_name(error.get("loc", ()), is_known=kind != "extra_forbidden")
    if kind == "missing":
        return error_body("field_missing", f"{field} is required", field=field)
    if kind == "extra_forbidden":
        return error_body(
            "field_unknown",
            "this field is not known",
            field=field,
            fix="remove it; /docs lists the fields of each request",
        )
    return error_body("field_invalid", f"{field} {_expectation(kind, limits)}", field=field)


def _field_name(location: Any, *, is_known: bool) -> str | None:
    parts = [str(part) for part in location if part not in ("body", "query", "path", "header")]
    if not parts:
        return "body"
    if not is_known and not _SAFE_NAME.match(parts[-1]):
        return None
    return ".".join(part for part in parts if _SAFE_NAME.match(part) or part.isdigit())


_BOUNDS = {"ge": "at least", "gt": "more than", "le": "at most", "lt": "less than"}
_KINDS = {
    "finite_number": "must be a finite number",
    "string_unicode": "must be valid Unicode text without lone surrogates",
    "string_pattern_mismatch": "has characters that are not allowed",
    "model_attributes_type": "must be a JSON object",
    "dict_type": "must be a JSON object",
    "list_type": "must be a JSON array",
    "value_error": "is not valid",
}


def _expectation(kind: str, limits: Mapping[str, Any]) -> str:
    """What a value should have been, from the error's type and the schema's own limits."""
    for key, words in _BOUNDS.items():
        if key in limits:
            return f"must be {words} {limits[key]}"
    if "min_length" in limits:
        return f"must have at least {limits['min_length']} entries or characters"
    if "max_length" in limits:
        return f"must have at most {limits['max_length']} entries or characters"
    if kind == "literal_error":
        return f"must be one of {limits.get('expected', 'the documented values')}"
    if kind == "texts_shape":
        return f"must be {limits['expected']}"
    if kind in _KINDS:
        return _KINDS[kind]
    for name, words in {"int": "an integer", "float": "a number", "string": "a string"}.items():
        if kind.startswith(name):
            return f"must be {words}"
    return "must be true or false" if kind.startswith("bool") else "is not of the documented type"


async def _answer_domain(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, TTSError)
    if status_of(error) == 500:
        request_id = request_id_of(request.scope)
        _log.error("request %s: internal error %s", request_id, error.code, exc_info=error)
    return error_response(error)


async def _answer_validation(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    return JSONResponse(describe_validation(error.errors()[0]), 422)


async def _answer_http(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    if isinstance(error, RefusedError):
        return JSONResponse(error.body, error.status_code, error.headers)
    code, message = _CODE_BY_STATUS.get(error.status_code, ("refused", "the request was refused"))
    return JSONResponse(error_body(code, message), error.status_code, error.headers)


def install_error_handlers(app: FastAPI) -> None:
    """Give every refusal the one shape; `CrashGate` answers what nobody foresaw."""
    app.add_exception_handler(TTSError, _answer_domain)
    app.add_exception_handler(RequestValidationError, _answer_validation)
    app.add_exception_handler(HTTPException, _answer_http)
