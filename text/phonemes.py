"""Normalised text to the symbols of the shipped voice: English, Chinese and both in one sentence.

`phonemize` keeps every symbol tied to the characters it came from, so that durations of symbols
become times of words. Numbers, abbreviations and signs must have been written out before
(`text.normalise`); digits that are left are read one by one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from text.english import phrase_symbols
from text.mandarin import han_words
from text.symbols import SYMBOL_IDS

_HAN = "\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_LATIN = "A-Za-zÀ-ÖØ-öø-ɏ\u0300-\u036f"
_TOKEN = re.compile(
    rf"(?P<han>[{_HAN}]+)"
    rf"|(?P<latin>[{_LATIN}]+(?:['’-][{_LATIN}]+)*['’]?)"
    r"|(?P<digit>[0-9])"
    r"|(?P<space>\s+)"
    r"|(?P<other>.)",
    re.DOTALL,
)
_PUNCTUATION = {
    **{mark: mark for mark in '!"(),.:;?“”'},
    **dict(zip("，。！？；：、．～（）【】｛｝〔〕", ",.!?;:,.,()“”“”“”", strict=True)),
    **dict(zip("《》〈〉「」『』«»", "“”" * 5, strict=True)),
    **{"[": "(", "]": ")", "{": "(", "}": ")", "—": ",", "–": ",", "―": ",", "…": "."},
    **{"‥": ".", "⋯": ".", "„": "“", "‟": "“", "¿": "", "¡": ""},
}
_OPENING = frozenset("(“")
_PAUSES = frozenset(",.:;!?")
# Of several pauses in a row only one is spoken, the strongest.
_STRENGTH = ",:;.!?"
_DIGITS = "zero one two three four five six seven eight nine".split()


@dataclass(frozen=True)
class PhonemeWord:
    """A word, space or mark: `text` is `[start:end]` of the given text, `symbols` its sound.

    A space that Chinese words need between them has an empty `text`.
    """

    text: str
    start: int
    end: int
    symbols: str

    @property
    def is_spoken(self) -> bool:
        """Whether this is a word rather than a space or a mark."""
        return any(symbol.isalpha() for symbol in self.symbols)


@dataclass(frozen=True)
class _Token:
    kind: str
    text: str
    start: int
    is_opening: bool = False

    @property
    def end(self) -> int:
        return self.start + len(self.text)


def phonemize(text: str) -> list[PhonemeWord]:
    """Words, spaces and marks in order; the joined `symbols` are the model's input.

    Characters without a sound leave nothing, so an unspeakable text gives an empty list.
    """
    builder = _Builder()
    phrase: list[_Token] = []
    for token in _tokens(text):
        if token.kind in ("latin", "digit"):
            phrase.append(token)
        elif token.kind == "space":
            phrase.append(token) if phrase else builder.add_space(token)
        else:
            builder.add_phrase(phrase)
            phrase = []
            if token.kind == "han":
                builder.add_han(token)
            else:
                builder.add_mark(token)
    builder.add_phrase(phrase)
    return builder.words()


def _tokens(text: str) -> Iterator[_Token]:
    for match in _TOKEN.finditer(text):
        kind, start = match.lastgroup or "other", match.start()
        if kind == "other" and match[0] not in _PUNCTUATION:
            kind = "space" if not match[0].isalnum() else "silent"
        is_opening = match[0] == '"' and (start == 0 or text[start - 1].isspace())
        yield _Token(kind, match[0], start, is_opening)


class _Builder:
    """Collects words and decides where the symbol strings need spaces."""

    def __init__(self) -> None:
        self._words: list[PhonemeWord] = []
        self._space: tuple[str, int] | None = None

    def words(self) -> list[PhonemeWord]:
        return self._words

    def add_space(self, token: _Token) -> None:
        if self._space is None or not self._space[0]:
            self._space = (token.text, token.start)

    def add_phrase(self, phrase: Sequence[_Token]) -> None:
        """English words up to a pause; spaces inside may vanish where words run together."""
        spoken = [token for token in phrase if token.kind != "space"]
        if not spoken:
            return
        forms = phrase_symbols([_english_word(token) for token in spoken])
        index = 0
        for token in phrase:
            if token.kind == "space":
                if not (0 < index < len(spoken) and forms[index - 1][1]):
                    self.add_space(token)
                continue
            if not index and self._follows_word():
                self._space = self._space or ("", token.start)
            self._add_word(token.text, token.start, forms[index][0])
            index += 1

    def add_han(self, token: _Token) -> None:
        start = token.start
        for num_chars, symbols in han_words(token.text):
            if start > token.start or self._follows_word():
                self._space = self._space or ("", start)
            place = start - token.start
            self._add_word(token.text[place : place + num_chars], start, symbols)
            start += num_chars

    def add_mark(self, token: _Token) -> None:
        symbol = _PUNCTUATION.get(token.text, "")
        if not symbol:
            return
        is_wide = token.text != symbol
        if symbol in _OPENING or token.is_opening:
            if is_wide:
                self._space = self._space or ("", token.start)
            self._add_word(token.text, token.start, symbol)
            return
        previous = self._words[-1] if self._words else None
        if symbol in _PAUSES and previous is not None and previous.symbols in _PAUSES:
            if _STRENGTH.index(symbol) > _STRENGTH.index(previous.symbols):
                self._words[-1] = PhonemeWord(token.text, token.start, token.end, symbol)
        elif previous is not None:
            self._words.append(PhonemeWord(token.text, token.start, token.end, symbol))
        self._space = ("", token.end) if is_wide or symbol in _PAUSES else None

    def _follows_word(self) -> bool:
        return bool(self._words) and self._words[-1].is_spoken

    def _add_word(self, text: str, start: int, symbols: str) -> None:
        symbols = "".join(symbol for symbol in symbols if symbol in SYMBOL_IDS)
        if not symbols:
            return
        if self._words and self._space is not None:
            space, place = self._space
            self._words.append(PhonemeWord(space, place, place + len(space), " "))
        self._words.append(PhonemeWord(text, start, start + len(text), symbols))
        self._space = None


def _english_word(token: _Token) -> str:
    if token.kind == "digit":
        return _DIGITS[int(token.text)]
    return token.text.replace("’", "'")
