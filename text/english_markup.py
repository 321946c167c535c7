"""Markdown, HTML and the signs of programs and sums, written out or left out."""

from __future__ import annotations

import html
import re

from text.english_numbers import cardinal
from text.rules import Rule, after, before

_TAGS = frozenset(
    "a abbr b big blockquote br center code dd del div dl dt em font footer form h1 h2 h3 h4 h5 h6 "
    "head header hr html i img input ins kbd label li link main mark meta nav ol option p pre q s "
    "script section select small span strike strong style sub sup table tbody td th thead title "
    "tr u ul video body button".split()
)
_BREAKING_TAGS = frozenset("br p li div tr h1 h2 h3 h4 h5 h6 hr ul ol table blockquote".split())
_OPERATORS = {
    "!=": " is not equal to ",
    ">=": " is at least ",
    "<=": " is at most ",
    "==": " equals ",
    "&&": " and ",
    "->": " to ",
    "=>": " to ",
}
_POWERS = {"2": " squared", "3": " cubed"}


def _tag(match: re.Match[str]) -> str | None:
    name = match["name"].lower()
    if name not in _TAGS or (match["rest"].strip(" /") and "=" not in match["rest"]):
        return None
    return ", " if name in _BREAKING_TAGS and before(match, 1).strip() else " "


def _entity(match: re.Match[str]) -> str | None:
    char = html.unescape(match[0])
    if char == match[0] or len(char) != 1:
        return None
    return {"&": " and ", "<": " less than ", ">": " greater than ", "\xa0": " "}.get(char, char)


def _operator(match: re.Match[str]) -> str:
    """Nothing where no term stands before it, as in "-> next"."""
    past = before(match, 1)
    return _OPERATORS[match["sign"]] if past and past not in "\n.!?:" else " "


def _power(match: re.Match[str]) -> str:
    exponent, sign = match["exponent"], "minus " if match["minus"] else ""
    if exponent in _POWERS and not sign:
        return _POWERS[exponent]
    power = cardinal(exponent) if exponent.isdigit() else exponent
    return f" to the power of {sign}{power}"


def _path(match: re.Match[str]) -> str | None:
    """Settings > General, but "a > b" is compared."""
    last = re.search(r"[A-Za-z]{2}\Z", before(match, 2))
    return ", " if last and re.match(r"[A-Z][a-z]", after(match)) else None


def _heart(match: re.Match[str]) -> str | None:
    """I <3 you, Thanks <3; "x <3" and "values <3 are" are compared."""
    is_end = re.match(r"\s*(?:[.!?)\n]|\Z)", after(match)) and len(before(match, 3).strip()) != 1
    is_loved = re.match(r" (?:you|u|this|it|my|the|him|her|them)\b", after(match))
    return "love" if is_end or is_loved else None


MARKUP_RULES: tuple[Rule, ...] = (
    (r"!?\[(?=[^\[\]\n]{1,200}\]\([^()\s]{1,400}\))", lambda m: ""),
    (r"\]\([^()\s]{1,400}\)", lambda m: " "),
    (r"(?<![^\n])(?:> ?){1,6}(?=\S)", lambda m: ""),
    (r"</?(?P<name>[A-Za-z][A-Za-z0-9]{0,15})(?P<rest>(?:[ /][^<>\n]{0,300})?)>", _tag),
    (r"&(?:[A-Za-z]{2,8}|#\d{1,5});", _entity),
    (r" ?(?P<sign>!=|>=|<=|==|&&|->|=>)(?!>) ?", _operator),
    (r"(?<=[\w)])\^(?P<minus>[-−])?(?P<exponent>\d{1,9}|[a-z])\b", _power),
    (r"(?<=\d) ?\*{1,2} ?(?=\d)", lambda m: " times "),
    (r" > (?=[A-Z])", _path),
    (r"(?<=[\d)])>(?=[\d(])", lambda m: " greater than "),
    (r"<3(?![\d.])", _heart),
    (r"~ ?(?=[$€£]?\d)", lambda m: "about "),
)
