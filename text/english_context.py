"""What stands around a match: whether a sentence ends there, what a number is counted in."""

from __future__ import annotations

import re

from text.rules import after, before

# Words that begin a sentence rather than go on with a name: "U.S. The", not "U.S. Supreme Court".
STARTERS = frozenset(
    "The A An This That These Those It It's Its He He's She She's They They're We We're I I'm "
    "You You're My Your His Her Our Their There Here In On At For From With But And Or So If When "
    "While After Before As Then Now What Who Why How Where Which Am Is Are Was Were Do Does Did "
    "Can Could Will Would Should Have Has Please No Not Yes All Some Most Many Each Every Both "
    "Once Since Because However Although Though Also Thus Until Unless Even Only Just Let Let's "
    "Maybe Perhaps Today Yesterday Tomorrow Later Meanwhile Next Finally Such Another Other Others "
    "To Go Turn Take Thanks".split()
)
_FUNCTION_WORDS = frozenset(
    "a an the in of for per to and or on at from is was are were be more less each off by with "
    "as but if so than that this these those you i he she it we they have has had will would "
    "can could today yesterday now back ago away apart every when while until before after over "
    "under up down out into not plus minus equals above below between into which who do does did "
    "later earlier onto via too only went came left wide long high tall deep thick old since "
    "because about around through during without worth either just".split()
)
# Nouns that are measured or priced: "10 min walk", "2 L bottle".
_MEASURED = frozenset(
    "walk drive ride flight commute break bottle angle bill note coin gift card house home deal "
    "contract mansion fine bonus turn radius wall hike race run workout nap video delay timer "
    "lens monitor screen pipe rope jug tank adapter supply battery bulb".split()
)
_DETERMINED = re.compile(
    r"(?<![A-Za-z])(?:an?|my|your|his|her|their|our|its|every|another) \Z", re.IGNORECASE
)
_NEXT_NOUN = re.compile(r" ([a-z]+)")
_NEXT_WORD = re.compile(r"[\"'”’)]{0,3}\s+[\"'“‘(]{0,2}([A-Za-z][A-Za-z']*)")
# Clock times go on with these: "8 p.m. ET", "5 p.m. Monday".
_AFTER_TIME = re.compile(
    r"(?:[ECMP]S?D?T|GMT|UTC|BST|CET|Eastern|Central|Mountain|Pacific|London|New|Beijing|local|"
    r"(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)(?:day)?|Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov"
    r"|Dec)"
)


def next_word(match: re.Match[str]) -> str:
    """The word that follows after a space, if one does."""
    found = _NEXT_WORD.match(after(match))
    return found[1] if found else ""


def kept_stop(match: re.Match[str]) -> str:
    """The full stop that an abbreviation shares with the end of its sentence."""
    if not match[0].endswith("."):
        return ""
    is_end = not after(match).strip("\"'”’ \n")
    return "." if is_end or next_word(match) in STARTERS else ""


def kept_stop_of_time(match: re.Match[str]) -> str:
    """The same after a.m. and p.m.: a capital begins a sentence unless it is a day or a zone."""
    word = next_word(match)
    is_new = word[:1].isupper() and not _AFTER_TIME.match(word)
    is_whole = match[0].count(".") == 1  # "5pm." has no stop of its own
    return "." if match[0].endswith(".") and (is_new or is_whole) else kept_stop(match)


def is_attributive(match: re.Match[str]) -> bool:
    """Whether an amount describes the noun after it: "a $20 bill", "10 min walk"."""
    rest = after(match)
    if rest[:1] == "-" and rest[1:2].isalpha():
        return True
    noun = _NEXT_NOUN.match(rest)
    if noun is None:
        return False
    is_noun = noun[1] not in _FUNCTION_WORDS and _DETERMINED.search(before(match, 9)) is not None
    return noun[1] in _MEASURED or is_noun
