"""English number words.

Written here rather than taken from a library: inflect needs 1.9 s of CPU to import on our
machine, num2words is LGPL, and these are forty lines.
"""

from __future__ import annotations

_ONES = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen "
    "fifteen sixteen seventeen eighteen nineteen"
).split()
_TENS = "zero ten twenty thirty forty fifty sixty seventy eighty ninety".split()
_SCALES = ("", " thousand", " million", " billion", " trillion", " quadrillion")
_IRREGULAR_ORDINALS = {
    "one": "first",
    "two": "second",
    "three": "third",
    "five": "fifth",
    "eight": "eighth",
    "nine": "ninth",
    "twelve": "twelfth",
}
MAX_DIGITS = 3 * len(_SCALES)


def cardinal(digits: str) -> str:
    """Words of a whole number in ASCII digits; very long or zero-led ones digit by digit."""
    if len(digits) > MAX_DIGITS or (len(digits) > 1 and digits[0] == "0"):
        return digit_by_digit(digits)
    number = int(digits)
    if not number:
        return "zero"
    groups: list[str] = []
    for scale in _SCALES:
        number, group = divmod(number, 1000)
        if group:
            groups.append(_below_thousand(group) + scale)
    return " ".join(reversed(groups))


def _below_thousand(number: int) -> str:
    hundreds, rest = divmod(number, 100)
    words = [_ONES[hundreds] + " hundred"] if hundreds else []
    if rest:
        words.append(_below_hundred(rest))
    return " ".join(words)


def _below_hundred(number: int) -> str:
    tens, ones = divmod(number, 10)
    if tens < 2:
        return _ONES[number]
    return _TENS[tens] + ("-" + _ONES[ones] if ones else "")


def digit_by_digit(digits: str) -> str:
    """Each digit by itself, zero spoken as zero."""
    return " ".join(_ONES[int(digit)] for digit in digits)


def decimal(number: str) -> str:
    """Words of a number that may have thousands commas and a decimal point."""
    whole, _, fraction = number.replace(",", "").partition(".")
    words = cardinal(whole or "0")
    return f"{words} point {digit_by_digit(fraction)}" if fraction else words


def ordinal(digits: str) -> str:
    """first, twenty-second, one hundredth, ..."""
    return _ordinal_of(cardinal(digits))


def _ordinal_of(words: str) -> str:
    cut = max(words.rfind(" "), words.rfind("-")) + 1
    last = words[cut:]
    if last in _IRREGULAR_ORDINALS:
        return words[:cut] + _IRREGULAR_ORDINALS[last]
    return words[:-1] + "ieth" if words.endswith("y") else words + "th"


def year(digits: str) -> str:
    """Four digits as a year: nineteen eighty-four, two thousand five, nineteen oh five."""
    century, rest = int(digits[:2]), int(digits[2:])
    if digits[1] == "0" and rest < 10:
        return cardinal(digits)
    if rest == 0:
        return _below_hundred(century) + " hundred"
    tail = "oh " + _ONES[rest] if rest < 10 else _below_hundred(rest)
    return f"{_below_hundred(century)} {tail}"


def decade(digits: str) -> str:
    """Digits of 1990s or 90s: nineteen nineties, nineties."""
    words = year(digits) if len(digits) == 4 else cardinal(digits)
    return words[:-1] + "ies" if words.endswith("y") else words + "s"


def fraction(numerator: str, denominator: str) -> str:
    """one half, three quarters, two fifths, ..."""
    names = {"2": "half", "4": "quarter"}
    name = names.get(denominator) or ordinal(denominator)
    if numerator != "1":
        name = "halves" if name == "half" else name + "s"
    return f"{cardinal(numerator)} {name}"
