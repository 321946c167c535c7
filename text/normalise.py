"""Raw text to text that is spoken as written, with the way back to the original characters.

Order: `characters.clean`, then Chinese rules where a number or sign stands in Chinese, then
English rules for the rest, then spaces and line ends. Linear in the text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from inference_types import InvalidTextError
from text import chinese_reading, english_reading
from text.characters import FIELD, clean, has_speech
from text.chinese_characters import plain
from text.rules import Rule

_MAX_LOOK = 24
_HAN = re.compile("[\u3007\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")
_LATIN = re.compile("[A-Za-zÀ-ÖØ-öø-ɏ]")
# 5G, A4 and v2 are said in the language around them; addresses and file names are not taken apart.
_LETTERS_BEFORE = re.compile(r"(?<![A-Za-z@./:_-])[A-Za-z]{1,3}[-=]?\Z")
_LETTERS_AFTER = re.compile(r"[A-Za-z]{1,3}(?![A-Za-z@/:_-]|\.[A-Za-z])")
_ADDRESS_AFTER = re.compile(r"[A-Za-z0-9]*[@/:_]|[.-][A-Za-z]")
# They part a number from letters that say nothing about it (either way round).
_CLAUSE = re.compile(r"[,，、;；:：()（）。！？!?\n]|\.\s|\s\.")
_SENTENCE = re.compile(r"[。！？!?\n]|\.\s|\s\.")
_GAP = re.compile(r"\s+")
_ENDED = re.compile(r"[.!?。！？…,，;；:：、—]['\"”’)）」』》\]]*\Z")


@dataclass(frozen=True, kw_only=True, eq=False)
class NormalisedText:
    """`text` to be spoken; `starts[i]` and `ends[i]` bound the original of its character `i`."""

    text: str
    starts: Sequence[int]
    ends: Sequence[int]

    def original_span(self, start: int, end: int) -> tuple[int, int]:
        """Range of the original text that `text[start:end]` (not empty) was made from."""
        return self.starts[start], max(self.ends[start], self.ends[end - 1])


@dataclass(frozen=True)
class _Rewrite:
    start: int
    end: int
    spoken: str


class _RuleSet:
    """All rules of a language as one alternation; the first that reads its match wins."""

    def __init__(self, rules: Sequence[Rule], never: str) -> None:
        """`never` matches where no rule begins: twice as fast as trying all of them there."""
        self._readers = [(re.compile(pattern, re.ASCII), reader) for pattern, reader in rules]
        plain = [re.sub(r"\(\?P<\w+>", "(?:", pattern) for pattern, _ in rules]
        named = (f"(?P<rule{index}>{pattern})" for index, pattern in enumerate(plain))
        self._any = re.compile(f"(?!{never})(?:{'|'.join(named)})", re.ASCII)

    def rewrites(self, text: str, start: int, end: int) -> Iterator[_Rewrite]:
        """Non-overlapping rewrites in `text[start:end]`, left to right."""
        while (found := self._any.search(text, start, end)) is not None:
            first_rule = int((found.lastgroup or "rule0").removeprefix("rule"))
            rewrite = self._read(text, found.start(), end, first_rule)
            if rewrite is not None:
                yield rewrite
            start = max(found.start() + 1, rewrite.end if rewrite else 0)

    def _read(self, text: str, start: int, end: int, first_rule: int) -> _Rewrite | None:
        for pattern, reader in self._readers[first_rule:]:
            match = pattern.match(text, start, end)
            spoken = reader(match) if match else None
            if match is not None and spoken is not None:
                return _Rewrite(match.start(), match.end(), spoken)
        return None


_IN_WORD = "(?<=[a-z])[a-z]"
_CHINESE = _RuleSet(chinese_reading.RULES, never=_IN_WORD)
_ENGLISH = _RuleSet(english_reading.RULES, never=f"{_IN_WORD}|[\u3400-\u9fff]")


def normalise(text: str) -> NormalisedText:
    """Write out numbers, money, dates, times, units, signs, abbreviations and addresses.

    English or Chinese words are chosen by the letters around. Control characters and emoji are
    dropped, line ends stay as breaks. Raises InvalidTextError when nothing speakable is left
    (code `text_empty`) and for lone surrogates.
    """
    cleaned, origins = clean(text)
    if not has_speech(cleaned):
        raise InvalidTextError(
            "The text has no words to speak; send letters, digits or Chinese characters.",
            field=FIELD,
            code="text_empty",
        )
    output = _Output(cleaned, origins, len(text))
    place = 0
    for rewrite in _rewrites(cleaned):
        output.copy(place, rewrite.start)
        output.write(rewrite)
        place = rewrite.end
    output.copy(place, len(cleaned))
    return output.result()


def _rewrites(text: str) -> Iterator[_Rewrite]:
    """Chinese rewrites, and English ones in the gaps between them, in order."""
    place = 0
    for rewrite in _chinese_rewrites(text):
        yield from _ENGLISH.rewrites(text, place, rewrite.start)
        yield rewrite
        place = rewrite.end
    yield from _ENGLISH.rewrites(text, place, len(text))


def _chinese_rewrites(text: str) -> Iterator[_Rewrite]:
    num_han = len(_HAN.findall(text))
    if not num_han:
        return
    is_mostly_han = 2 * num_han > len(_LATIN.findall(text))
    for rewrite in _CHINESE.rewrites(plain(text), 0, len(text)):
        if _is_in_chinese(text, rewrite.start, rewrite.end, is_mostly_han):
            yield rewrite


def _is_in_chinese(text: str, start: int, end: int, default: bool) -> bool:
    """Whether the letters nearest to `text[start:end]` are Chinese; a tie is.

    Letters of the clause decide, then those of the sentence, then the whole text (`default`). A few
    letters attached to it do not count where the whole text is Chinese.
    """
    before, after = text[max(0, start - _MAX_LOOK) : start], text[end : end + _MAX_LOOK]
    if default and not _ADDRESS_AFTER.match(after):
        attached = _LETTERS_AFTER.match(after)
        before, after = _LETTERS_BEFORE.sub("", before), after[attached.end() if attached else 0 :]
    sides = (before[::-1], after)
    han, latin = (_distance(letter, _CLAUSE, sides) for letter in (_HAN, _LATIN))
    if han < _MAX_LOOK or latin < _MAX_LOOK:
        return han <= latin
    han, latin = (_distance(letter, _SENTENCE, sides) for letter in (_HAN, _LATIN))
    return default if (han < _MAX_LOOK) == (latin < _MAX_LOOK) else han < latin


def _distance(letter: re.Pattern[str], stop: re.Pattern[str], sides: tuple[str, str]) -> int:
    """Characters up to the nearest `letter` that no `stop` parts from a rewrite."""
    places = (letter.search(stop.split(side, 1)[0]) for side in sides)
    return min((place.start() for place in places if place), default=_MAX_LOOK)


class _Output:
    """Spoken text under construction, each character with the range it came from."""

    def __init__(self, cleaned: str, origins: Sequence[int], num_original: int) -> None:
        self._cleaned = cleaned
        self._origins = [*origins, num_original]
        self._parts: list[str] = []
        self._starts: list[int] = []
        self._ends: list[int] = []
        self._last = " "

    def copy(self, start: int, end: int) -> None:
        """Text as it is, but with one space for several and a stop before a line end."""
        place = start
        for gap in _GAP.finditer(self._cleaned, start, end):
            self._copy_run(place, gap.start())
            self._add_gap(gap)
            place = gap.end()
        self._copy_run(place, end)

    def write(self, rewrite: _Rewrite) -> None:
        """Words for a range; a space keeps them apart from letters beside them."""
        spoken = rewrite.spoken
        if _is_ascii_word(self._last) and _is_ascii_word(spoken[:1]):
            spoken = " " + spoken
        following = self._cleaned[rewrite.end : rewrite.end + 1]
        if _is_ascii_word(spoken[-1:]) and _is_ascii_word(following):
            spoken += " "
        if self._last.isspace():
            spoken = spoken.lstrip()
        if following.isspace():
            spoken = spoken.rstrip()
        self._add(spoken, rewrite.start, rewrite.end)

    def result(self) -> NormalisedText:
        return NormalisedText(text="".join(self._parts), starts=self._starts, ends=self._ends)

    def _copy_run(self, start: int, end: int) -> None:
        if start < end:
            self._parts.append(self._cleaned[start:end])
            self._starts.extend(self._origins[start:end])
            self._ends.extend(self._origins[start + 1 : end + 1])
            self._last = self._cleaned[end - 1]

    def _add_gap(self, gap: re.Match[str]) -> None:
        if "\n" not in gap[0]:
            self._add("" if self._last.isspace() else " ", gap.start(), gap.end())
        elif self._parts:
            is_ended = _ENDED.search("".join(self._parts[-2:])[-8:])
            stop = "" if is_ended else "。" if _HAN.match(self._last) else "."
            self._add(stop + "\n", gap.start(), gap.end())

    def _add(self, spoken: str, start: int, end: int) -> None:
        if spoken:
            self._parts.append(spoken)
            self._starts.extend([self._origins[start]] * len(spoken))
            self._ends.extend([self._origins[end]] * len(spoken))
            self._last = spoken[-1]


def _is_ascii_word(char: str) -> bool:
    return char.isascii() and char.isalnum()
