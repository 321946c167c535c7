"""English amounts of money written out as words."""

from __future__ import annotations

import re

from text.english_context import is_attributive
from text.english_numbers import cardinal, decimal
from text.rules import Rule

NUMBER = r"\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?"
SIGN = r"(?:(?<![\w.)])(?P<sign>[+−-]))?"
_CURRENCIES = {
    "$": ("dollar", "cent"),
    "€": ("euro", "cent"),
    "£": ("pound", "penny"),
    "¥": ("yen", ""),
    "₹": ("rupee", "paisa"),
    "₩": ("won", ""),
    "₽": ("ruble", "kopeck"),
}
_COUNTRIES = {
    "US": "US ",
    "A": "Australian ",
    "AU": "Australian ",
    "C": "Canadian ",
    "CA": "Canadian ",
    "HK": "Hong Kong ",
    "NZ": "New Zealand ",
    "S": "Singapore ",
}
_MAGNITUDES = {
    "k": "thousand",
    "m": "million",
    "mn": "million",
    "b": "billion",
    "bn": "billion",
    "t": "trillion",
    "tn": "trillion",
}
_PLURALS = {"penny": "pence", "paisa": "paise", "yen": "yen", "won": "won"}
_MARK = "[$€£¥₹₩₽]"
_MAGNITUDE = (
    r"(?:(?:[ -](?:thousand|million|billion|trillion)| ?(?:bn|mn|tn|[kKmMbB])|[tT])\b(?!-[a-z]))?"
)


def signed(match: re.Match[str]) -> str:
    """minus or plus."""
    return {"-": "minus ", "−": "minus ", "+": "plus "}.get(match["sign"] or "", "")


def _plural(noun: str) -> str:
    return _PLURALS.get(noun, noun + "s")


def _count(digits: str, noun: str, is_single: bool = False) -> str:
    number = str(int(digits))
    return f"{cardinal(number)} {noun if number == '1' or is_single else _plural(noun)}"


def _scale(magnitude: str | None) -> str:
    name = (magnitude or "").strip(" -").lower()
    return _MAGNITUDES.get(name, name)


def _money(match: re.Match[str]) -> str:
    major, minor = _CURRENCIES[match["currency"]]
    major = _COUNTRIES.get(match["country"] or "", "") + major
    amount, scale = match["amount"].replace(",", ""), _scale(match["magnitude"])
    is_single = is_attributive(match)
    if scale:
        words = f"{decimal(amount)} {scale} {major if is_single else _plural(major)}"
    else:
        words = _plain_amount(amount, major, minor, is_single)
    return signed(match) + words


def _plain_amount(amount: str, major: str, minor: str, is_single: bool) -> str:
    whole, _, cents = amount.partition(".")
    if cents and (len(cents) != 2 or not minor):
        return f"{decimal(amount)} {major if is_single else _plural(major)}"
    words = [_count(whole, major, is_single)] if int(whole or "0") else []
    if cents and int(cents):
        words.append(_count(cents, minor, is_single))
    return " and ".join(words) or f"zero {_plural(major)}"


def _money_range(match: re.Match[str]) -> str | None:
    """ "$5-$10", "$2-3 million", "$5k-$10k": the currency is said once."""
    if not match["second"] and " " in match["dash"]:
        return None
    name = _plural(_CURRENCIES[match["currency"]][0])
    low_scale, scale = _scale(match["low_magnitude"]), _scale(match["magnitude"])
    low = decimal(match["low"]) + (f" {low_scale}" if low_scale not in ("", scale) else "")
    high = decimal(match["amount"]) + (f" {scale}" if scale else "")
    return f"{low} to {high} {name[:-1] if is_attributive(match) else name}"


def _comma_cents(match: re.Match[str]) -> str:
    """€10,50 as Europe writes it."""
    amount = f"{match['whole']}.{match['cents']}"
    return _plain_amount(amount, "euro", "cent", is_attributive(match))


MONEY_RULES: tuple[Rule, ...] = (
    (
        rf"(?P<currency>{_MARK}) ?(?P<low>{NUMBER})(?P<low_magnitude>[kKmMbB](?![a-z]))?"
        rf"(?P<dash> ?[-–] ?)(?P<second>{_MARK})?(?P<amount>{NUMBER})(?P<magnitude>{_MAGNITUDE})"
        r"(?![\d-]|[.,]\d)(?: dollars\b)?",
        _money_range,
    ),
    (r"€ ?(?P<whole>\d{1,4}),(?P<cents>\d{2})(?![\d,.]\d|\d)", _comma_cents),
    (r"(?<![\d.,])(?P<whole>\d{1,4}),(?P<cents>\d{2}) ?€", _comma_cents),
    (
        rf"{SIGN}(?:(?<![A-Za-z])(?P<country>US|AU?|CA?|HK|NZ|S)(?=\$))?(?P<currency>{_MARK}) ?"
        rf"(?P<amount>{NUMBER}|\.\d{{1,2}}(?!\d))(?P<magnitude>{_MAGNITUDE})"
        r"(?: (?:US )?(?:dollars|euros|pounds)\b)?",
        _money,
    ),
    (
        rf"{SIGN}(?P<amount>{NUMBER})(?P<magnitude>)(?P<country>) ?(?P<currency>[€£])",
        _money,
    ),
    (r"(?<![\d.,])(?P<cents>\d{1,4}) ?¢", lambda m: _count(m["cents"], "cent", is_attributive(m))),
    (r"(?<![\w.,])(?<!at )(?<!by )(?P<pence>\d{1,2})p\b", lambda m: _count(m["pence"], "penny")),
)
