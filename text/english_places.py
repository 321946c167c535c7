"""English addresses: streets, compass points and mountains, apart from saints and doctors."""

from __future__ import annotations

import re

from text.english_codes import in_pairs
from text.english_context import STARTERS, kept_stop, next_word
from text.rules import Rule, before

_STREETS = {
    "St": "Street",
    "Dr": "Drive",
    "Ave": "Avenue",
    "Blvd": "Boulevard",
    "Rd": "Road",
    "Ln": "Lane",
    "Ct": "Court",
    "Pkwy": "Parkway",
    "Hwy": "Highway",
    "Sq": "Square",
    "Pl": "Place",
}
_STREET = r"(?:St|Dr|Ave|Blvd|Rd|Ln|Ct|Pkwy|Hwy|Street|Avenue|Road|Drive|Lane|Boulevard)\b"
# "Elm ", "42nd ", and an address from its number on: "123 N. Main ".
_NAMED = re.compile(r"(?:\b(?P<name>[A-Z][a-z]+)(?:['’]s)?|\d(?:st|nd|rd|th)) \Z")
_NUMBERED = re.compile(
    r"(?<!\S)\d{1,5}[A-Z]? (?:[NSEW]{1,2}\.? )?(?:[A-Z][a-z]+ |\d{1,3}(?:st|nd|rd|th) ){1,3}\Z"
)
_NO_STREETS = STARTERS | frozenset("Hi Hello Dear Hey Good Thank Sorry Ask See Call Saint".split())
_COMPASS = {"N": "North", "S": "South", "E": "East", "W": "West"}


def _street(match: re.Match[str]) -> str | None:
    """Elm St., 123 Main St Springfield; before a name St. is Saint and Dr. Doctor."""
    past = before(match, 40)
    named, is_numbered = _NAMED.search(past), _NUMBERED.search(past) is not None
    if named is None or named["name"] in _NO_STREETS:
        return None
    is_numbered = is_numbered or not named["name"]
    following = next_word(match)
    goes_on = following[:1].isupper() and following not in STARTERS
    is_title = goes_on and match["street"] in ("St", "Dr") and not is_numbered
    is_other = goes_on and not match[0].endswith(".") and not is_numbered
    return None if is_title or is_other else _STREETS[match["street"]] + kept_stop(match)


def _compass(match: re.Match[str]) -> str:
    return _COMPASS[match["point"]]


def _quadrant(match: re.Match[str]) -> str:
    north, east = match["point"]
    return _COMPASS[north] + _COMPASS[east].lower() + kept_stop(match)


def _house(match: re.Match[str]) -> str | None:
    """221B Baker Street: two twenty-one B."""
    number = in_pairs(match["number"])
    return number and f"{number} {match['letter']}".rstrip()


PLACE_RULES: tuple[Rule, ...] = (
    (
        r"(?<![\w.,:/$€£-])(?P<number>\d{3,4})(?P<letter>[A-D]?)"
        rf"(?= (?:[NSEW]\.? )?(?:[A-Z][a-z]{{1,20}} ){{1,2}}{_STREET})",
        _house,
    ),
    (r"\bHwy\.?(?= \d)", lambda m: "Highway"),
    (r"\b(?P<street>St|Dr|Ave|Blvd|Rd|Ln|Ct|Pkwy|Hwy)\b\.?(?![\w'’.-])", _street),
    (r"\b(?P<street>Sq|Pl)\.(?![\w'’])", _street),
    (rf"\b(?P<point>[NSEW])\b\.?(?= (?:[A-Z][a-z]+|\d{{1,3}}(?:st|nd|rd|th)) {_STREET})", _compass),
    (r"(?<=[a-z.] )(?P<point>NW|NE|SW|SE)\b(?=,| \d|[.]?\Z)", _quadrant),
    (r"\bMt\b\.?(?= [A-Z][a-z])", lambda m: "Mount"),
    (r"\bSt(?= [A-Z][a-z])", lambda m: "Saint"),
)
