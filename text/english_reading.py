"""English signs, numbers and abbreviations written out as words, rule by rule.

Each rule is a pattern that cannot run far (no nested repeats) and a reader of its match; a reader
may return None to leave the match to a later rule.
"""

from __future__ import annotations

import re

from text.english_numbers import cardinal, digit_by_digit
from text.english_quantities import QUANTITY_RULES, Reader, kept_stop
from text.english_romans import ROMAN_RULES

_TLDS = "com|org|net|edu|gov|io|ai|dev|app|co|uk|us|cn|de|fr|jp|info|me|tv|html|py|js|md|txt|json"
_TITLES = {
    "mr": "Mister",
    "mrs": "Missus",
    "ms": "Miz",
    "dr": "Doctor",
    "prof": "Professor",
    "st": "Saint",
    "gen": "General",
    "col": "Colonel",
    "capt": "Captain",
    "lt": "Lieutenant",
    "sgt": "Sergeant",
    "gov": "Governor",
    "sen": "Senator",
    "rep": "Representative",
    "rev": "Reverend",
    "hon": "Honorable",
    "mt": "Mount",
    "ft": "Fort",
}
_SHORT_WORDS = {
    "vs": "versus",
    "etc": "et cetera",
    "jr": "Junior",
    "sr": "Senior",
    "inc": "Incorporated",
    "ltd": "Limited",
    "co": "Company",
    "corp": "Corporation",
    "dept": "Department",
    "approx": "approximately",
    "ave": "Avenue",
    "blvd": "Boulevard",
    "rd": "Road",
    "est": "established",
    "messrs": "Messieurs",
}
_SIGNS = {
    "&": "and",
    "@": "at",
    "%": "percent",
    "+": "plus",
    "=": "equals",
    "<": "less than",
    ">": "greater than",
    "×": "times",
    "÷": "divided by",
    "±": "plus or minus",
    "≈": "about",
    "≠": "is not equal to",
    "≤": "at most",
    "≥": "at least",
    "√": "square root of",
    "∞": "infinity",
    "π": "pi",
    "°": "degrees",
    "§": "section",
    "№": "number",
    "©": "copyright",
    "€": "euros",
    "£": "pounds",
    "$": "dollars",
    "→": "to",
    "²": "squared",
    "³": "cubed",
}


def _url(match: re.Match[str]) -> str:
    address = re.sub(r"^(?:https?|ftp)://", "", match[0]).rstrip("/")
    words = {".": "dot", "/": "slash", "-": "dash", "_": "underscore", "@": "at", ":": "colon"}
    words |= {"?": "question mark", "=": "equals", "&": "and", "#": "hash", "%": "percent"}
    parts = re.findall(r"[A-Za-z]+|\d+|[./@:?=&#%_-]", re.sub(r"^www\.", "WWW.", address))
    return " ".join(words.get(part) or _maybe_number(part) for part in parts)


def _maybe_number(part: str) -> str:
    if not part.isdigit():
        return part
    return cardinal(part) if len(part) <= 2 else digit_by_digit(part)


def _title(match: re.Match[str]) -> str:
    return _TITLES[match["title"].lower()]


def _short_word(match: re.Match[str]) -> str:
    return _SHORT_WORDS[match["short"].lower()] + kept_stop(match)


def _initials(match: re.Match[str]) -> str:
    return match[0].replace(".", "").upper() + kept_stop(match)


_GREEK = dict(
    zip(
        "αβγδεζηθικλμµνξοπρστυφχψωΔΣΩΦΨΛΓΘ",
        "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu mu nu xi omicron pi "
        "rho sigma tau upsilon phi chi psi omega delta sigma omega phi psi lambda gamma "
        "theta".split(),
        strict=True,
    )
)

RULES: tuple[tuple[str, Reader], ...] = (
    (r"(?:(?:https?|ftp)://|www\.)[A-Za-z0-9./@:?=&#%_~+-]*[A-Za-z0-9/]", _url),
    (
        r"(?<![A-Za-z0-9._+-])[A-Za-z0-9][A-Za-z0-9._+-]{0,63}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){1,4}",
        _url,
    ),
    (
        rf"(?<![A-Za-z0-9.-])[A-Za-z0-9-]{{1,63}}(?:\.[A-Za-z0-9-]{{1,63}}){{0,3}}\.(?:{_TLDS})\b(?:/[\w./-]*\w)?",
        _url,
    ),
    *QUANTITY_RULES,
    *ROMAN_RULES,
    (
        r"\b(?P<title>Mr|Mrs|Ms|Dr|Prof|St|Gen|Col|Capt|Lt|Sgt|Gov|Sen|Rep|Rev|Hon|Mt|Ft)\."
        r"(?= ?[A-Z])",
        _title,
    ),
    (r"\b(?P<title>Mr|Mrs|Dr|Ms)\b(?= [A-Z])", _title),
    (r"\b(?P<short>vs|etc|Jr|Sr|Inc|Ltd|Co|Corp|Dept|approx|Ave|Blvd|Rd|Messrs)\.", _short_word),
    (r"\b[Ee]\.g\.,?", lambda m: "for example,"),
    (r"\b[Ii]\.e\.,?", lambda m: "that is,"),
    (r"\bNo\. ?(?=\d)", lambda m: "number "),
    (r"#(?=\d)", lambda m: "number "),
    (r"#(?=[A-Za-z])", lambda m: "hashtag "),
    (r"\b(?:[A-Za-z]\.){2,8}", _initials),
    (r"\bw/o\b", lambda m: "without"),
    (r"(?<=[A-Za-z])/(?=[A-Za-z])", lambda m: " "),
    (r" --? |(?<=\w)--(?=\w)", lambda m: " — "),
    (r"\b[A-Z]\.(?= [A-Z]\.| [a-z])|(?<![a-z,] )\b[A-Z]\.(?= [A-Z])", lambda m: m[0][0]),
    (r"</?(?=[a-zA-Z])|(?<=[\w\"'/])>|~|\^|`|\||[′″®™−←]", lambda m: " "),
    (r"(?<![α-ωΑ-Ωά-ώ])[αβγδεζηθικλμµνξοπρστυφχψωΔΣΩΦΨΛΓΘ](?![α-ωΑ-Ωά-ώ])", lambda m: _GREEK[m[0]]),
    (r"[&@%+=<>×÷±≈≠≤≥√∞π°§№©€£$→²³]", lambda m: _SIGNS[m[0]]),
)
