"""English words to symbols: lexicon, endings, letters, and what neighbours do to them."""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Callable, Sequence
from itertools import pairwise

from text.english_capitals import SPELLED, is_letter_a, unshouted
from text.english_forms import (
    BEFORE_VOWEL,
    JOINED,
    LETTER_NAMES,
    PAIRED,
    START_FORMS,
    WEAK_FORMS,
)
from text.english_heteronyms import heteronym_form
from text.english_names import NAMES
from text.lexicon import find_word, sound_out, stressed
from text.symbols import STRESS, VOWELS

_MAX_SPELLED = 5
_MIN_COMPOUND_PART = 3
_MAX_COMPOUND = 20
_MAX_CONTRACTED = 40  # each apostrophe is one call deeper
_HISSES = frozenset("szʃʒʧʤ")
_VOICELESS = frozenset("ptkfθsʃʧ")
_CAMEL = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")  # iPhone, GitHub, OpenAI
_CLAN = re.compile(r"(Mac|Mc)([A-Z][a-z]+(?:'s)?)")
_PLAIN_ENDINGS = {
    "ly": "li",
    "ness": "nəs",
    "less": "ləs",
    "ful": "fᵊl",
    "ment": "mənt",
    "ship": "ʃɪp",
    "able": "əbᵊl",
    "er": "əɹ",
    "ers": "əɹz",
    "est": "ɪst",
    "ing": "ɪŋ",
    "ings": "ɪŋz",
}


def phrase_symbols(words: Sequence[str]) -> list[tuple[str, bool]]:
    """Symbols of the words of one phrase, and whether each runs into the next without a space.

    `words` are spoken without a pause in between, in their original case; apostrophes straight.
    """
    words = unshouted(words)
    lower = [word.lower() for word in words]
    symbols: list[str] = []
    joins = [False] * len(words)
    index = 0
    while index < len(words):
        words_here = tuple(lower[index : index + 2])
        pair = JOINED.get(words_here) or PAIRED.get(words_here)
        if pair is not None:
            symbols += pair
            joins[index] = words_here in JOINED
            index += 2
        else:
            symbols.append(_word_in_phrase(words, lower, index))
            index += 1
    _link_vowels(lower, symbols)
    _lean_on_i(lower, symbols)
    return list(zip(symbols, joins, strict=True))


def _word_in_phrase(words: Sequence[str], lower: Sequence[str], index: int) -> str:
    word, is_last = words[index], index + 1 == len(words)
    previous = lower[index - 1] if index else ""
    if (word == "WHO" and previous == "the") or (word == "A" and is_letter_a(lower, index)):
        return _spelled(word)
    forms = WEAK_FORMS.get(lower[index])
    if forms is not None and not (len(word) > 1 and word in SPELLED):
        if not index and not is_last and lower[index] in START_FORMS:
            return START_FORMS[lower[index]]
        return forms[is_last]
    if word in SPELLED:
        return _spelled(word)
    return heteronym_form(lower, index) or word_symbols(word)


def _link_vowels(lower: Sequence[str], symbols: list[str]) -> None:
    """the, to, it and at change before a vowel."""
    for index in range(len(symbols) - 1):
        if symbols[index + 1].lstrip(STRESS)[:1] not in VOWELS:
            continue
        word = lower[index]
        if word == "the":
            symbols[index] = symbols[index][:-1] + "ɪ"
        elif symbols[index] in ("tə", "ɪt", "æt") and word in BEFORE_VOWEL:
            symbols[index] = BEFORE_VOWEL[word]


def _lean_on_i(lower: Sequence[str], symbols: list[str]) -> None:
    """I before a word without stress ("I will be") gets a light one.

    Without it the shipped voice swallows the word: in nine such sentences four of 92 words were
    misheard, with it none.
    """
    for index, (word, following) in enumerate(pairwise(symbols)):
        if lower[index] == "i" and not set(STRESS).intersection(word + following):
            symbols[index] = "ˌ" + word


@functools.lru_cache(maxsize=20_000)
def word_symbols(word: str) -> str:
    """Symbols of one word by itself; never empty for a word with a letter a to z."""
    if "-" in word and word.lower() not in NAMES:
        return "".join(word_symbols(part) for part in word.split("-") if part)
    lower = word.lower()
    if word in SPELLED or (len(word) > 1 and word.endswith("s") and word[:-1] in SPELLED):
        return _spelled(word)
    if word.endswith("'s") and word[:-2] in SPELLED:
        # Not "it's".
        return with_s(_spelled(word[:-2]))
    known = _known(lower) or _contraction(word)
    if known is not None:
        return known
    clan = _CLAN.fullmatch(word)
    if clan is not None:
        return ("mək " if clan[1] == "Mc" else "mˈæk ") + word_symbols(clan[2])
    plain = _plain_letters(lower)
    if plain != lower:
        return word_symbols(_plain_letters(word)) if plain else ""
    if _is_initialism(word):
        return _spelled(word)
    parts = _CAMEL.findall(word)
    if len(parts) > 1 and "".join(parts) == word:
        return "".join(word_symbols(part) for part in parts)
    return _compound(lower) or sound_out(lower)


def _known(word: str) -> str | None:
    return _base(word) or _plural(word) or _past(word) or _other_ending(word)


def _base(word: str) -> str | None:
    name = word.removesuffix("'s")
    if name in NAMES:
        return NAMES[name] if name == word else with_s(NAMES[name])
    entry = find_word(word)
    return entry.symbols if entry is not None else None


def _contraction(word: str) -> str | None:
    """Possessives, and what verbs leave of themselves: should've, Bob'll, how'd, I'd've, UK's.

    The stem keeps its capitals, which may make it letters.
    """
    stem, _, tail = word.rpartition("'")
    tail = tail.lower()
    if not stem or len(word) > _MAX_CONTRACTED or (tail and tail not in _CONTRACTED):
        return None
    base = word_symbols(stem)
    return _CONTRACTED[tail](base) if tail and base else base or None


def _plural(word: str) -> str | None:
    candidates = [word[:-1]] if word.endswith("s") and not word.endswith("ss") else []
    if word.endswith("ies"):
        candidates.append(word[:-3] + "y")
    elif word.endswith("es"):
        candidates.append(word[:-2])
    for candidate in candidates:
        base = _base(candidate) or _other_ending(candidate)
        if base:
            return with_s(base)
    return None


def _past(word: str) -> str | None:
    if not word.endswith("ed"):
        return None
    for candidate in _stems(word[:-2]) + ([word[:-3] + "y"] if word.endswith("ied") else []):
        base = _base(candidate)
        if base:
            return _with_ed(base)
    return None


def _other_ending(word: str) -> str | None:
    for ending, symbols in _PLAIN_ENDINGS.items():
        if len(word) < len(ending) + 3 or not word.endswith(ending):
            continue
        for candidate in _stems(word[: -len(ending)]):
            base = _base(candidate) or (_past(candidate) if ending in ("ly", "ness") else None)
            if base:
                return _with_ending(base, symbols)
    return None


def _stems(stem: str) -> list[str]:
    """Spellings a word may have had before an ending: as is, with e, without a doubled letter."""
    stems = [stem, stem + "e"]
    if len(stem) > 2 and stem[-1] == stem[-2]:
        stems.append(stem[:-1])
    if stem.endswith("i"):
        stems.append(stem[:-1] + "y")
    return stems


def with_s(base: str) -> str:
    """`base` with a plural or possessive s."""
    if base[-1] in _HISSES:
        return base + "ᵻz"
    return base + ("s" if base[-1] in _VOICELESS else "z")


def _with_d(base: str) -> str:
    """`base` with what is left of had or would."""
    return _flapped(base) + "ᵻd" if base[-1] in "td" else base + "d"


def _with_ve(base: str) -> str:
    """`base` with what is left of have; all weak, as in "Idəv", it would be mumbled."""
    if not set(base) & set(STRESS):
        base = stressed(base, "ˌ")
    return base + ("v" if base[-1] in VOWELS else "əv")


_CONTRACTED: dict[str, Callable[[str], str]] = {
    "s": with_s,
    "d": _with_d,
    "ve": _with_ve,
    "ll": lambda base: base + ("l" if base[-1] in VOWELS else "ᵊl"),
    "re": lambda base: base + "əɹ",
}


def _with_ed(base: str) -> str:
    return base + "t" if base[-1] in _VOICELESS - {"t"} else _with_d(base)


def _with_ending(base: str, symbols: str) -> str:
    if symbols[0] in VOWELS:
        if base.endswith("ᵊl") and symbols.startswith("ɪ"):
            base = base[:-2] + "l"
        return _flapped(base) + symbols
    if symbols == "li" and base.endswith("l"):
        return base + "i"
    return base + symbols


def _flapped(base: str) -> str:
    """A final t between vowels (or after ɹ) becomes a flap when a vowel follows."""
    if len(base) > 1 and base[-1] == "t" and (base[-2] in VOWELS or base[-2] == "ɹ"):
        return base[:-1] + "ɾ"
    return base


def _plain_letters(word: str) -> str:
    """Base letters a to z without accents, apostrophes or anything else."""
    decomposed = unicodedata.normalize("NFKD", word)
    for old, new in (("ß", "ss"), ("æ", "ae"), ("œ", "oe"), ("ø", "o"), ("ł", "l"), ("đ", "d")):
        decomposed = decomposed.replace(old, new).replace(old.upper(), new)
    return "".join(char for char in decomposed if char.isascii() and char.isalpha())


def _is_initialism(word: str) -> bool:
    stem = word[:-1] if len(word) > 2 and word.endswith("s") else word
    is_short_capitals = stem.isupper() and len(stem) <= _MAX_SPELLED
    return is_short_capitals or not any(char in "aeiouy" for char in word.lower())


def _spelled(word: str) -> str:
    is_plural = len(word) > 2 and word.endswith("s") and word[:-1].isupper()
    letters = (word[:-1] if is_plural else word).lower()
    names = [LETTER_NAMES[letter] for letter in letters]
    symbols = "".join(stressed(name, "ˌ") for name in names[:-1]) + stressed(names[-1], "ˈ")
    return with_s(symbols) if is_plural else symbols


def _compound(word: str) -> str | None:
    """Two listed words written as one: main stress on the first."""
    if len(word) > _MAX_COMPOUND:
        return None
    for place in range(len(word) - _MIN_COMPOUND_PART, _MIN_COMPOUND_PART - 1, -1):
        first, second = _base(word[:place]), _known(word[place:])
        if first and second and max(place, len(word) - place) > _MIN_COMPOUND_PART:
            return first + second.replace("ˈ", "ˌ")
    return None
