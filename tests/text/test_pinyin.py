"""Tokens equal to the reference's on the strings of specs: f5-tts 1.3 (compared with f5-tts)."""

from pathlib import Path

import pytest

from inference_types import InvalidTextError, ModelLoadError
from text.pinyin import Vocabulary, pinyin_tokens


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("你好，世界", [" ", "ni2", " ", "hao3", "，", " ", "shi4", " ", "jie4"]),
        ("(yes)", [*"( yes)"]),
        ("wait...", [*"wait ..."]),
        ("你好Python3.11", [" ", "ni2", " ", "hao3", *" Python3.11"]),
        ("a; b “c”", [*'a, b "c"']),
        ("U.S. 1,000 e-mail", [*"U.S. 1, 000 e-mail"]),
        ("it‘s 50% of AT&T", [*"it's 50% of AT&T"]),
        ("é café 日本の", ["é", *" café ", " ", "ri4", " ", "ben3", "の"]),
        ("a🎉b", ["a", "🎉", "b"]),
        ("", []),
    ],
)
def test_tokens_follow_the_reference_segmenter(text: str, tokens: list[str]) -> None:
    assert pinyin_tokens(text) == tokens


def test_lone_surrogate_is_the_callers_error() -> None:
    with pytest.raises(InvalidTextError, match="surrogate"):
        pinyin_tokens("a\ud800b")


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_vocabulary_reads_both_newlines_and_strips_nothing(tmp_path: Path, newline: str) -> None:
    path = tmp_path / "vocab.txt"
    path.write_bytes(newline.join([" ", "!", "a", "ni3", "\u2028", ""]).encode())
    vocabulary = Vocabulary.load(path)
    assert vocabulary.tokens == (" ", "!", "a", "ni3", "\u2028")
    assert vocabulary.encode_text("a 你#") == [2, 0, 0, 3, 0]


def test_last_line_without_newline_keeps_its_character(tmp_path: Path) -> None:
    path = tmp_path / "vocab.txt"
    path.write_bytes(b" \na\nzh")
    assert Vocabulary.load(path).tokens[-1] == "zh"


@pytest.mark.parametrize("content", [b"", b"a\n \n", b"\xff\xfe\n"])
def test_bad_vocabulary_is_a_load_error(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "vocab.txt"
    path.write_bytes(content)
    with pytest.raises(ModelLoadError):
        Vocabulary.load(path)


def test_missing_vocabulary_names_the_file_but_no_folder(tmp_path: Path) -> None:
    with pytest.raises(ModelLoadError, match="vocab.txt") as caught:
        Vocabulary.load(tmp_path / "vocab.txt")
    assert str(tmp_path) not in caught.value.message
