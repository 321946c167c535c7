"""English signs, numbers and abbreviations written out as words, rule by rule.

Each rule is a pattern that cannot run far (no nested repeats) and a reader of its match; a reader
may return None to leave the match to a later rule.
"""

from __future__ import annotations

import re

from text.english_markup import MARKUP_RULES
from text.english_numbers import cardinal, digit_by_digit
from text.english_places import PLACE_RULES
from text.english_quantities import QUANTITY_RULES
from text.english_romans import ROMAN_RULES
from text.english_shortened import SHORT_RULES
from text.rules import Rule

_EXTENSIONS = (
    "html|py|js|ts|md|txt|json|pdf|png|jpe?g|csv|ya?ml|docx?|xlsx?|pptx?|zip|exe|mp[34]|wav|gif|svg|"
    "cpp|toml|xml|dll|apk|sql|ini"
)
_TLDS = "com|org|net|edu|gov|io|ai|dev|app|co|uk|us|cn|de|fr|jp|info|me|tv|be|" + _EXTENSIONS
# Spelled in an address.
_SPELLED_LABELS = frozenset("uk us tv id io md ts fr jp cn eu".split())
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
    spoken = [words.get(part) or _maybe_number(part) for part in parts]
    for index in range(1, len(parts)):
        if parts[index - 1] == "." and parts[index] in _SPELLED_LABELS:
            spoken[index] = parts[index].upper()
    return " ".join(spoken)


def _maybe_number(part: str) -> str:
    if not part.isdigit():
        return part
    return cardinal(part) if len(part) <= 2 else digit_by_digit(part)


_GREEK = dict(
    zip(
        "αβγδεζηθικλμµνξοπρστυφχψωΔΣΩΦΨΛΓΘ",
        "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu mu nu xi omicron pi "
        "rho sigma tau upsilon phi chi psi omega delta sigma omega phi psi lambda gamma "
        "theta".split(),
        strict=True,
    )
)

RULES: tuple[Rule, ...] = (
    *MARKUP_RULES[:2],
    (r"(?:(?:https?|ftp)://|www\.)[A-Za-z0-9./@:?=&#%_~+-]*[A-Za-z0-9/]", _url),
    (
        r"(?<![A-Za-z0-9._+-])[A-Za-z0-9][A-Za-z0-9._+-]{0,63}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){1,4}",
        _url,
    ),
    (
        rf"(?<![A-Za-z0-9.-])[A-Za-z0-9_-]{{1,63}}(?:\.[A-Za-z0-9-]{{1,63}}){{0,3}}\.(?:{_TLDS})\b(?:/[\w./-]*\w)?",
        _url,
    ),
    (rf"(?<![\w.])\.(?P<extension>{_EXTENSIONS})\b", lambda m: "dot " + m["extension"]),
    *MARKUP_RULES[2:],
    *PLACE_RULES,
    *QUANTITY_RULES,
    *ROMAN_RULES,
    *SHORT_RULES,
    (r"# ?(?=\d)", lambda m: "number "),
    (r"#(?=[A-Za-z])", lambda m: "hashtag "),
    (r"(?<=[A-Za-z])/(?=[A-Za-z])", lambda m: " "),
    (r" --? |(?<=\w)--(?=\w)", lambda m: " — "),
    (r"</?(?=[a-zA-Z])|(?<=[\w\"'/])>|~|\^|`|\||[′″®™−←]", lambda m: " "),
    (
        r"(?<![α-ωΑ-Ωά-ώ])[αβγδεζηθικλμµνξοπρστυφχψωΔΣΩΦΨΛΓΘ](?![α-ωΑ-Ωά-ώ])",
        lambda m: _GREEK[m[0]],
    ),
    (r"[&@%+=<>×÷±≈≠≤≥√∞π°§№©€£$→²³]", lambda m: _SIGNS[m[0]]),
)
