"""Lengths and scripts: which texts a voice refuses, and what it says then."""

import pytest

from inference_types import InvalidTextError, RequestTooLargeError
from text.characters import check_length, clean, require_scripts, script_of


def test_length_limit_is_inclusive() -> None:
    check_length("a" * 10, 10)
    with pytest.raises(RequestTooLargeError, match="11 characters; at most 10"):
        check_length("a" * 11, 10)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("Привет", "Cyrillic"),
        ("مرحبا", "Arabic"),
        ("こんにちは", "Hiragana"),
        ("カタカナ", "Katakana"),
        ("안녕", "Hangul"),
        ("नमस्ते", "Devanagari"),
        ("Hello สวัสดี", "Thai"),
        ("Γειά", "Greek"),
    ],
)
def test_other_scripts_are_named_with_the_way_out(text: str, named: str) -> None:
    with pytest.raises(InvalidTextError, match=named) as caught:
        require_scripts(text, {"latin", "han"})
    assert caught.value.code == "script_unsupported"
    assert "--model" in caught.value.message


def test_own_scripts_pass() -> None:
    require_scripts("Café, 你好 𠀀〇 – 3!", {"latin", "han"})
    require_scripts("Привет", {"latin", "cyrillic"})


def test_clean_keeps_offsets() -> None:
    text = "a\x00b\u0301\u0301 \r\nc"
    cleaned, origins = clean(text)
    assert cleaned == "ab\u0301\u0301 \n\nc"
    assert [text[i] for i in origins if text[i] in "abc"] == ["a", "b", "b", "b", "c"]


def test_script_names() -> None:
    assert [script_of(char) for char in "é汉あア한я"] == [
        "latin", "han", "hiragana", "katakana", "hangul", "cyrillic",
    ]  # fmt: skip
