"""The committed tables of English pronunciations, read once on first use."""

from __future__ import annotations

import functools
import lzma
from dataclasses import dataclass
from pathlib import Path

from text.symbols import VOWELS

_FOLDER = Path(__file__).parent
_PADDING = "#" * 4


@dataclass(frozen=True, kw_only=True)
class Entry:
    """Symbols of a word; heteronyms have a second form and the tag of what asks for it."""

    symbols: str
    other_tag: str = ""
    other_symbols: str = ""


@functools.cache
def _words() -> dict[str, str]:
    lines = _table("lexicon_en.tsv.xz")
    return dict(line.split("\t", 1) for line in lines)  # type: ignore[arg-type]


@functools.cache
def _letters() -> dict[str, str]:
    lines = _table("letters_en.tsv.xz")
    return dict(line.split("\t", 1) for line in lines)  # type: ignore[arg-type]


def _table(name: str) -> list[str]:
    return lzma.decompress((_FOLDER / name).read_bytes()).decode().split("\n")


def find_word(word: str) -> Entry | None:
    """Entry of a lower-case word, or None."""
    line = _words().get(word)
    if line is None:
        return None
    symbols, *other = line.split("\t")
    if not other:
        return Entry(symbols=symbols)
    return Entry(symbols=symbols, other_tag=other[0], other_symbols=other[1])


def letter_contexts(word: str) -> list[str]:
    """Each letter with its neighbours, nearest first, right before left; `#` is outside."""
    padded = _PADDING + word + _PADDING
    reach = len(_PADDING)
    order = [0, *(step for n in range(1, reach + 1) for step in (n, -n))]
    places = range(reach, reach + len(word))
    return ["".join([padded[place + step] for step in order]) for place in places]


def sound_out(word: str) -> str:
    """Symbols of a lower-case ASCII word nobody listed, from its letters, with one main stress."""
    table = _letters()
    symbols: list[str] = []
    for context in letter_contexts(word):
        answer = ""
        for width in range(1, len(context) + 1):
            answer = table.get(context[:width], answer)
        symbols.append(answer)
    return _with_one_main_stress("".join(symbols))


def _with_one_main_stress(symbols: str) -> str:
    num_main = symbols.count("ˈ")
    if num_main > 1:
        return symbols.replace("ˈ", "ˌ", num_main - 1)
    if num_main == 1:
        return symbols
    if "ˌ" in symbols:
        return symbols.replace("ˌ", "ˈ", 1)
    return stressed(symbols, "ˈ")


def stressed(symbols: str, mark: str) -> str:
    """`symbols` with a stress mark before the first full vowel, else the first vowel."""
    places = [i for i, symbol in enumerate(symbols) if symbol in VOWELS]
    full = [i for i in places if symbols[i] not in "əᵊᵻ"]
    place = (full or places or [0])[0]
    return symbols[:place] + mark + symbols[place:] if places else symbols
