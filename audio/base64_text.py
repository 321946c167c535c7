"""Base64 of audio files, as they come in JSON bodies."""

from __future__ import annotations

import binascii
import re

import pybase64

from inference_types import InvalidReferenceError, RequestTooLargeError

# Browsers' FileReader and many examples send this prefix: "data:audio/ogg;codecs=opus;base64,".
_DATA_URL = re.compile(r"data:audio/[a-z0-9.+-]{1,40}(;[a-z0-9=._+-]{1,40}){0,4};base64,", re.I)
_MAX_PREFIX_CHARS = 300


def decode_base64(text: str, max_bytes: int, field: str = "reference") -> bytes:
    """Standard base64 (padding required, no line breaks), with or without `data:audio/...`.

    The size is known from the length, so nothing large is decoded to be refused. Raises
    RequestTooLargeError, or InvalidReferenceError for anything that is not strict base64
    (specs: reliability M15).
    """
    prefix = _DATA_URL.match(text[:_MAX_PREFIX_CHARS])
    start = prefix.end() if prefix else 0
    num_chars = len(text) - start
    # Four characters hold three bytes; the last four may hold one or two.
    if num_chars // 4 * 3 - 2 > max_bytes:
        raise _too_large(max_bytes, field)
    try:
        data = pybase64.b64decode(text[start:].encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError):
        message = f"{field} must be standard base64 of an audio file, padded, without spaces."
        raise InvalidReferenceError(message, field=field, code="reference_undecodable") from None
    if len(data) > max_bytes:
        raise _too_large(max_bytes, field)
    return data


def _too_large(max_bytes: int, field: str) -> RequestTooLargeError:
    message = f"{field} may have at most {max_bytes / (1 << 20):g} MiB of audio."
    return RequestTooLargeError(message, field=field, code="reference_too_large")
