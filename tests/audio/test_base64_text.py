from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audio.base64_text import decode_base64
from inference_types import InvalidReferenceError, RequestTooLargeError


@given(st.binary(max_size=200))
def test_round_trip(data: bytes) -> None:
    text = base64.b64encode(data).decode()
    assert decode_base64(text, 200) == data
    assert decode_base64("data:audio/ogg;codecs=opus;base64," + text, 200) == data


@pytest.mark.parametrize(
    "text",
    ["QUI", "Q U J D", "QUJ\n", "QUJDRA=", "====", "QQ==QQ==", "QUJD\0", "QUJ\xe9", "QUJ\ud800"]
    + ["Q-_D", "data:text/html;base64,QUJD", "data:audio/wav,QUJD"],
)
def test_anything_but_strict_base64_is_refused(text: str) -> None:
    with pytest.raises(InvalidReferenceError, match="ref_audio must be standard base64") as caught:
        decode_base64(text, 100, field="ref_audio")
    assert (caught.value.field, caught.value.code) == ("ref_audio", "reference_undecodable")


@pytest.mark.parametrize("num_bytes", [10, 11, 12])
def test_the_limit_is_exact(num_bytes: int) -> None:
    text = base64.b64encode(bytes(num_bytes)).decode()
    assert decode_base64(text, num_bytes) == bytes(num_bytes)
    with pytest.raises(RequestTooLargeError):
        decode_base64(text, num_bytes - 1)


def test_a_huge_text_is_refused_without_decoding_it() -> None:
    with pytest.raises(RequestTooLargeError, match="at most 1 MiB"):
        decode_base64("!" * (4 << 20), 1 << 20)  # not even base64: the length alone decides


def test_a_hostile_prefix_costs_nothing() -> None:
    with pytest.raises(InvalidReferenceError):
        decode_base64("data:audio/" + ";a=b" * 200_000, 1 << 20)
