"""Where spoken text may be cut: ends of sentences and clauses, gaps between words.

One pass over the text for each kind of mark. English, Chinese and mixed; knows decimals,
initials, abbreviations, closing quotes and brackets, ellipses and emoji.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from itertools import pairwise

import rjieba

from text.chinese_characters import plain

_WIDE_STOPS = "。！？｡"
_CLOSERS = "\"'”’»）)】」』》〉]}"
_SENTENCE_MARK = re.compile(rf"[.!?…{_WIDE_STOPS}]+[{re.escape(_CLOSERS)}]*")
_CLAUSE_MARK = re.compile(
    rf"(?:[,;:](?=\s|[{re.escape(_CLOSERS)}]|$)|[，；：、､]|--+|[—–―])"
    rf"[{re.escape(_CLOSERS)}]*|[)）】\]](?=\s)"
)
_LINE_BREAK = re.compile(r"[\n\r\v\f\u0085\u2028\u2029]+")
_SPACE = re.compile(r"\s+")
# They lean on what follows: nobody breathes after "the".
_LEANING_WORD = re.compile(
    r"(?<![^\s\"'(])(?:the|an?|of|to|in|on|at|by|for|from|with|and|or|but|as|than|that|while|if|when|"
    r"because|so|not|no|my|your|his|her|its|our|their|is|are|was|were|be|i|you|he|she|it|we|they)\s+",
    re.IGNORECASE,
)
_HAN_RUN = re.compile("[\u3400-\u9fff〇\U00020000-\U0003ffff]+")
_PARTICLES = frozenset("的地得了着过们吗呢吧啊")
_LAST_WORD = re.compile(r"[^\s(\[\"'“‘]{1,24}\Z")
_ABBREVIATIONS = frozenset(
    "mr mrs ms dr prof rev hon st sr jr gen col maj capt lt sgt cmdr gov sen rep pres messrs mme "
    "mlle vs etc eg ie e.g i.e cf al inc ltd co corp dept univ assn bros no nos vol pp p ch fig "
    "sec jan feb mar apr jun jul aug sep sept oct nov dec mon tue wed thu fri sat sun approx est "
    "min max tel ext ave blvd rd mt ft u.s u.k u.n e.u a.m p.m ph.d b.a m.a b.sc m.sc".split()
)
# After these the sentence may well end, if the next word starts with a capital.
_MAY_END = frozenset(
    "etc inc ltd co corp jr sr a.m p.m u.s u.k u.n e.u ph.d b.a m.a al bros".split()
)


@dataclass(frozen=True, kw_only=True)
class Boundaries:
    """Sorted offsets; a cut at `i` is between characters `i - 1` and `i`."""

    sentences: tuple[int, ...]
    clauses: tuple[int, ...]
    phrases: tuple[int, ...]  # between words; those that belong together are under `words`
    words: tuple[int, ...]


def is_han(char: str) -> bool:
    """Whether a character is written Chinese (no kana, no punctuation)."""
    return "\u3400" <= char <= "\u9fff" or char == "〇" or "\U00020000" <= char <= "\U0003ffff"


def find_boundaries(text: str) -> Boundaries:
    """All places to cut, each listed under its strongest kind only. Linear in the text."""
    sentences: set[int] = {match.end() for match in _LINE_BREAK.finditer(text)}
    clauses: set[int] = set()
    for match in _SENTENCE_MARK.finditer(text):
        kind = _stop_kind(text, match)
        if kind:
            (sentences if kind == "sentence" else clauses).add(_after_trailers(text, match.end()))
    for match in _CLAUSE_MARK.finditer(text):
        clauses.add(_skip_spaces(text, match.end()))
    words = {match.end() for match in _SPACE.finditer(text)} | _han_gaps(text)
    weak = _weak_gaps(text)
    inside = range(1, len(text))
    return Boundaries(
        sentences=tuple(sorted(i for i in sentences if i in inside)),
        clauses=tuple(sorted(i for i in clauses - sentences if i in inside)),
        phrases=tuple(sorted(i for i in words - sentences - clauses - weak if i in inside)),
        words=tuple(sorted(i for i in words & weak - sentences - clauses if i in inside)),
    )


def _weak_gaps(text: str) -> set[int]:
    """After a word that leans on the next, inside Chinese words and before their particles."""
    weak = {match.end() for match in _LEANING_WORD.finditer(text)}
    for run in _HAN_RUN.finditer(text):
        place = run.start()
        for word in rjieba.cut(plain(run[0])):
            weak.update(range(place + 1, place + len(word)))
            if word in _PARTICLES:
                weak.add(place)
            place += len(word)
    return weak


def _stop_kind(text: str, match: re.Match[str]) -> str:
    """`sentence`, `clause` or nothing for a run of stops at `match`."""
    mark = match[0]
    if mark[0] in _WIDE_STOPS:
        return "sentence"
    following = text[match.end() : match.end() + 1]
    is_tight = bool(following) and not following.isspace()
    if is_tight and not (is_han(following) or unicodedata.category(following)[0] == "S"):
        # 3.14, example.com, 1...2
        return ""
    next_char = _next_word_char(text, match.end())
    if mark.startswith(".") and not mark.startswith(".."):
        word = _last_word(text, match.start())
        if _is_abbreviation(word):
            may_end = word.lower() in _MAY_END and (next_char.isupper() or not next_char)
            return "sentence" if may_end else ""
    return "clause" if next_char.islower() else "sentence"


def _last_word(text: str, end: int) -> str:
    match = _LAST_WORD.search(text[max(0, end - 24) : end])
    return match[0] if match else ""


def _is_abbreviation(word: str) -> bool:
    is_initial = len(word) == 1 and word.isalpha() and word.isupper() and word != "I"
    is_dotted = "." in word and all(len(part) == 1 for part in word.split("."))
    return is_initial or is_dotted or word.lower() in _ABBREVIATIONS


def _next_word_char(text: str, start: int) -> str:
    """First letter or digit near `start`; quotes, brackets and spaces may stand before it."""
    return next((char for char in text[start : start + 12] if char.isalnum()), "")


def _skip_spaces(text: str, start: int) -> int:
    match = _SPACE.match(text, start)
    return match.end() if match else start


def _after_trailers(text: str, start: int) -> int:
    """Emoji and spaces after a stop belong to the sentence that ends."""
    end = start
    for match in _TRAILER.finditer(text, start, start + 64):
        if match.start() != end:
            break
        end = match.end()
    return _skip_spaces(text, end)


_TRAILER = re.compile(r"\s*[\u2190-\u2bff\u200d\ufe0f\U0001f000-\U0001faff]+")


def _han_gaps(text: str) -> set[int]:
    """Gaps beside Chinese characters; real words are longer, but a cut there can be spoken."""
    flags = [is_han(char) for char in text]
    letters = [char.isalnum() for char in text]
    gaps = enumerate(zip(pairwise(flags), pairwise(letters), strict=True), 1)
    return {i for i, (han, alnum) in gaps if any(han) and all(alnum)}
