"""Roman numerals in English: of kings and popes, of parts and wars, and the unmistakable ones.

"Henry VIII" is "Henry the eighth", "World War II" and "Chapter IV" are counted; by itself only
what is no word, no initials and no pronoun is taken for a number ("Rocky III", not "the IV").
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from text.english_context import STARTERS
from text.english_numbers import cardinal, ordinal
from text.roman_numerals import roman_value
from text.rules import Rule, before

_REGNAL = (
    "Albert Alexander Alfonso Baldwin Benedict Boniface Carlos Catherine Charles Christian Clement "
    "Constantine Darius David Edward Elizabeth Ferdinand Francis Frederick George Gregory Gustav "
    "Harald Henry Innocent Ivan James John Juan Julius Leo Leopold Louis Margaret Mary "
    "Mehmed Michael Murad Napoleon Nicholas Olaf Oscar Otto Paul Peter Philip Pius Ptolemy "
    "Ramesses Ramses Richard Robert Selim Sixtus Stephen Suleiman Theodosius Urban Wilhelm William"
).split()
_COUNTED = (
    "War Part Chapter Act Scene Volume Book Section Phase Type Class Level Stage Title Article "
    "Appendix Episode Grade Schedule Figure Table Bowl Rocky Apollo Auto GTA Fantasy Rambo Saw "
    "WrestleMania Quest Superman Halloween Saga"
).split()


def _after(words: Sequence[str]) -> str:
    """A pattern for places right after one of the words: look-behinds have a fixed width each."""
    return "(?:" + "|".join(rf"(?<=\b{word} )" for word in words) + ")"


def _regnal(match: re.Match[str]) -> str:
    return "the " + ordinal(str(roman_value(match[0])))


def _counted(match: re.Match[str]) -> str:
    return cardinal(str(roman_value(match[0])))


def _unmistakable(match: re.Match[str]) -> str | None:
    """Three letters and more after a name: "Final Fantasy XVI"; not "the XIV", "XXX"."""
    name = re.search(r"\b([A-Z][a-z]+) \Z", before(match, 16))
    is_number = len(set(match[0])) > 1 and name is not None and name[1] not in STARTERS
    return _counted(match) if is_number else None


_END = r"(?!\w|\.\w)"
_NUMERAL = rf"(?:XL|L?X{{0,3}})(?:IX|IV|V?I{{0,3}}){_END}"
# "Charles I think" is a pronoun and stays.
ROMAN_RULES: tuple[Rule, ...] = (
    (rf"\b(?=[IVXL]{{2,7}}\b|[VX]\b){_after(_REGNAL)}{_NUMERAL}", _regnal),
    (rf"\b(?=[IVX]{{1,7}}\b|XL[IVX]{{0,5}}|L[IVX]{{1,6}}\b){_after(_COUNTED)}{_NUMERAL}", _counted),
    (rf"\b(?<=[a-z] )(?:II|III|VII|VIII|XII|XIII){_END}", _counted),
    (rf"\b(?=[IVX]{{3,7}}\b){_NUMERAL}", _unmistakable),
)
