"""English capitals: letters or words, whispered or shouted, and the letter A."""

from __future__ import annotations

from collections.abc import Sequence

from text.lexicon import find_word

# Capitals that are letters although the lexicon knows a word written the same.
SPELLED = frozenset(
    "AD AM AR BA CD DJ DR EU HR ID II IP IT LA MA MC MS OS PA PC PM PR TV UK UN US USA UPS VR "
    "ETA LED FAQ EST AWS HQ".split()
)

# Letters when somebody speaks softly, words when a whole phrase is shouted: "LET US GO".
_WORDS_TOO = frozenset("IT US AM ID LED".split())
_US_AFTER = frozenset(
    "let lets tell give help join contact call follow with for of to from by at "
    "between behind near against visit show save get send sent about ask all both".split()
)
_IT_BEFORE = frozenset("support department team manager staff guy guys security services".split())

# After these a capital A is the letter.
_BEFORE_LETTER = frozenset(
    "option plan grade vitamin part section group team type class hepatitis appendix letter "
    "exhibit room gate figure table point answer choice side schedule level zone block building "
    "terminal influenza series item an".split()
)


def unshouted(words: Sequence[str]) -> Sequence[str]:
    """A shouted phrase with the capitals that are words after all: "LET US GO", "SO IT IS"."""
    loud = [word for word in words if word.isupper()]
    is_shout = len(loud) >= 3 and 2 * len(loud) > len(words)
    if not is_shout or not any(word not in SPELLED and find_word(word.lower()) for word in loud):
        return words
    neighbours = zip(words, ["", *words], [*words[1:], ""], strict=False)
    return [_quiet(*three) for three in neighbours]


def _quiet(word: str, previous: str, following: str) -> str:
    is_country = word == "US" and previous.lower() not in _US_AFTER
    is_trade = word == "IT" and following.lower() in _IT_BEFORE
    is_word = word == "WHO" or (word in _WORDS_TOO and not is_country and not is_trade)
    return word.lower() if is_word else word


def is_letter_a(lower: Sequence[str], index: int) -> bool:
    """Option A, A or B, A is for apple."""
    following = lower[index + 1 : index + 3]
    is_choice = following[:1] in (["or"], ["and"]) and len("".join(following[1:])) == 1
    return is_choice or following[:1] == ["is"] or lower[max(0, index - 1)] in _BEFORE_LETTER
