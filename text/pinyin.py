"""Tokens of the F5 checkpoints: pinyin syllables and characters, and their vocabulary file.

Follows specs: f5-tts 1.2 and 1.3. The segmenter is rjieba, the one the reference uses: it decides
where spaces go between ASCII words, so another one changes the ids.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import rjieba
from pypinyin import Style, lazy_pinyin

from inference_types import InvalidTextError, ModelLoadError

UNKNOWN_ID = 0
_SUBSTITUTIONS = str.maketrans({";": ",", "“": '"', "”": '"', "‘": "'", "’": "'"})
_NO_SPACE_AFTER = frozenset(" :'\"")
_UTF8_BYTES_PER_HAN = 3


def pinyin_tokens(text: str) -> list[str]:
    """Characters and tone-numbered syllables of one string (reference text + text to speak).

    Raises InvalidTextError for a lone surrogate. Source: specs: f5-tts 1.3.
    """
    text = text.translate(_SUBSTITUTIONS)
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise InvalidTextError(
            "The text holds a lone surrogate; send valid Unicode.", field="gen_text"
        ) from error
    tokens: list[str] = []
    for segment in rjieba.cut(text):
        num_bytes = len(segment.encode())
        if num_bytes == len(segment):
            if len(segment) > 1 and tokens and tokens[-1] not in _NO_SPACE_AFTER:
                tokens.append(" ")
            tokens.extend(segment)
        elif num_bytes == _UTF8_BYTES_PER_HAN * len(segment):
            tokens.extend(_east_asian_tokens(segment))
        else:
            for char in segment:
                tokens.extend(_east_asian_tokens(char) if ord(char) >= 256 else char)
    return tokens


def _east_asian_tokens(segment: str) -> Iterator[str]:
    syllables = lazy_pinyin(segment, style=Style.TONE3, tone_sandhi=True)
    if len(syllables) != len(segment):
        # pypinyin merges runs it has no reading for; characters then stand for themselves.
        syllables = [lazy_pinyin(c, style=Style.TONE3, tone_sandhi=True)[0] for c in segment]
    for char, syllable in zip(segment, syllables, strict=True):
        if "\u3100" <= char <= "\u9fff":
            yield " "
            yield syllable
        else:
            yield char


@dataclass(frozen=True, kw_only=True)
class Vocabulary:
    """Tokens of a checkpoint in the order of their ids; id 0 is the space and every unknown."""

    tokens: tuple[str, ...]
    ids: dict[str, int]

    @classmethod
    def from_tokens(cls, tokens: Sequence[str]) -> Vocabulary:
        """Ids are places in `tokens`; of a repeated token the last place counts, as upstream.

        Raises ModelLoadError unless the first token is one space.
        """
        if not tokens:
            raise ModelLoadError("The vocabulary is empty; expected one token per line.")
        if tokens[0] != " ":
            raise ModelLoadError("Line 1 of the vocabulary must be a single space (id 0).")
        return cls(tokens=tuple(tokens), ids={token: i for i, token in enumerate(tokens)})

    @classmethod
    def load(cls, path: str | Path) -> Vocabulary:
        """Read a vocabulary file, LF or CRLF, one token per line, nothing stripped.

        Raises ModelLoadError for a file that is missing, empty or not UTF-8.
        """
        try:
            content = Path(path).read_bytes().decode("utf-8")
        except OSError as error:
            raise ModelLoadError(
                f"Cannot read the vocabulary {Path(path).name}; give the vocab.txt that "
                "belongs to the checkpoint."
            ) from error
        except UnicodeDecodeError as error:
            raise ModelLoadError(f"The vocabulary {Path(path).name} is not UTF-8.") from error
        lines = content.replace("\r\n", "\n").split("\n")
        return cls.from_tokens(lines[:-1] if lines[-1] == "" else lines)

    def __len__(self) -> int:
        return len(self.tokens)

    def encode(self, tokens: Sequence[str]) -> list[int]:
        """Ids as in the file, without the model's own shift of one; unknown tokens become 0."""
        return [self.ids.get(token, UNKNOWN_ID) for token in tokens]

    def encode_text(self, text: str) -> list[int]:
        """Ids of `pinyin_tokens(text)`, the input official checkpoints expect."""
        return self.encode(pinyin_tokens(text))
