"""English dates, times, money, measures and numbers written out as words.

Rules as in `english_reading`: a pattern and a reader of its match, tried in order.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from text.english_numbers import (
    cardinal,
    decade,
    decimal,
    digit_by_digit,
    fraction,
    ordinal,
    year,
)

Reader = Callable[[re.Match[str]], str | None]

_MONTHS = (
    "January February March April May June July August September October November December"
).split()
_MONTH_OF = {name[:3].lower(): name for name in _MONTHS} | {"sept": "September"}
_MONTH = (
    r"(?P<month>Jan(?:uary)?|Feb(?:ruary)?|Mar(?:ch)?|Apr(?:il)?|May|June?|July?|Aug(?:ust)?|"
    r"Sept?(?:ember)?|Oct(?:ober)?|Nov(?:ember)?|Dec(?:ember)?)\.?"
)
_NUMBER = r"\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?"
_SIGN = r"(?:(?<![\w.)])(?P<sign>[+−-]))?"
_CURRENCIES = {
    "$": ("dollar", "cent"),
    "€": ("euro", "cent"),
    "£": ("pound", "penny"),
    "¥": ("yen", ""),
    "₹": ("rupee", "paisa"),
}
_MAGNITUDES = {"k": "thousand", "m": "million", "mn": "million", "b": "billion", "bn": "billion"}
_UNITS = {
    "km/h": "kilometer per hour",
    "m/s": "meter per second",
    "mph": "mile per hour",
    "km": "kilometer",
    "cm": "centimeter",
    "mm": "millimeter",
    "μm": "micrometer",
    "nm": "nanometer",
    "m": "meter",
    "m²": "square meter",
    "km²": "square kilometer",
    "m³": "cubic meter",
    "kg": "kilogram",
    "mg": "milligram",
    "g": "gram",
    "lb": "pound",
    "lbs": "pound",
    "oz": "ounce",
    "ft": "foot",
    "mi": "mile",
    "ml": "milliliter",
    "mL": "milliliter",
    "l": "liter",
    "L": "liter",
    "kHz": "kilohertz",
    "MHz": "megahertz",
    "GHz": "gigahertz",
    "Hz": "hertz",
    "kB": "kilobyte",
    "KB": "kilobyte",
    "MB": "megabyte",
    "GB": "gigabyte",
    "TB": "terabyte",
    "ms": "millisecond",
    "sec": "second",
    "min": "minute",
    "hr": "hour",
    "hrs": "hour",
    "kW": "kilowatt",
    "kWh": "kilowatt hour",
    "W": "watt",
    "V": "volt",
    "dB": "decibel",
    "°C": "degree Celsius",
    "℃": "degree Celsius",
    "°F": "degree Fahrenheit",
    "℉": "degree Fahrenheit",
    "°": "degree",
}
_UNIT_PATTERN = "|".join(re.escape(unit) for unit in sorted(_UNITS, key=len, reverse=True))


def _month_day(match: re.Match[str]) -> str | None:
    month = _MONTH_OF.get(match["month"].lower()) or _MONTH_OF[match["month"][:3].lower()]
    day, date_year = match["day"], match["year"]
    if not 1 <= int(day) <= 31:
        return None
    words = f"{month} {ordinal(str(int(day)))}"
    return f"{words}, {year(date_year)}" if date_year else words


def _numeric_date(match: re.Match[str]) -> str | None:
    month, day = int(match["m"]), int(match["d"])
    if not (1 <= month <= 12 and 1 <= day <= 31):
        return None
    return f"{_MONTHS[month - 1]} {ordinal(str(day))}, {year(match['y'])}"


def _clock(match: re.Match[str]) -> str | None:
    hour, minute = int(match["hour"]), int(match["minute"] or 0)
    half = match["half"].replace(".", "").upper().strip() if match["half"] else ""
    if hour > 24 or minute > 59 or (half and not 1 <= hour <= 12):
        return None
    words = cardinal(str(hour))
    if minute:
        words += " oh " + cardinal(str(minute)) if minute < 10 else " " + cardinal(str(minute))
    elif not half:
        words += " o'clock" if hour <= 12 else " hundred"
    if match["second"]:
        words += f" and {_count(match['second'].lstrip('0') or '0', 'second')}"
    return f"{words} {half}".strip() + kept_stop(match)


def kept_stop(match: re.Match[str]) -> str:
    """The full stop that an abbreviation shares with the end of its sentence."""
    rest = match.string[match.end() : match.end() + 3]
    ends = not rest.strip() or (rest[0].isspace() and rest.strip()[0].isupper())
    return "." if match[0].endswith(".") and ends else ""


def _money(match: re.Match[str]) -> str:
    return _signed(match) + _amount(match)


def _amount(match: re.Match[str]) -> str:
    major, minor = _CURRENCIES[match["currency"]]
    amount, magnitude = match["amount"].replace(",", ""), match["magnitude"]
    if magnitude:
        name = _MAGNITUDES.get(magnitude.strip().lower(), magnitude.strip().lower())
        return f"{decimal(amount)} {name} {major}s"
    whole, _, cents = amount.partition(".")
    plural = "" if int(whole) == 1 or major == "yen" else "s"
    if len(cents) != 2 or not minor:
        return f"{decimal(amount)} {major}{'s' if cents else plural}".replace("yens", "yen")
    words = [f"{cardinal(str(int(whole)))} {major}{plural}"] if int(whole) else []
    if int(cents):
        words.append(_count(str(int(cents)), minor))
    return " and ".join(words) or f"zero {major}s"


def _count(digits: str, noun: str) -> str:
    return f"one {noun}" if digits == "1" else f"{decimal(digits)} {_plural(noun)}"


def _plural(noun: str) -> str:
    irregular = {"foot": "feet", "penny": "pence", "paisa": "paise"}
    if noun in irregular:
        return irregular[noun]
    if noun.endswith("hertz"):
        return noun
    head, per, tail = noun.partition(" per ")
    if head.startswith("degree"):
        return head.replace("degree", "degrees")
    return head + "s" + per + tail


def _unit(match: re.Match[str]) -> str:
    return _signed(match) + _count(match["amount"], _UNITS[match["unit"]])


def _phone(match: re.Match[str]) -> str:
    groups = re.findall(r"\d+", match[0])
    plus = "plus " if match[0].startswith("+") else ""
    return plus + ", ".join(digit_by_digit(group) for group in groups)


def _fraction(match: re.Match[str]) -> str | None:
    top, bottom = match["top"], match["bottom"]
    if match[0] == "24/7":
        return "twenty-four seven"
    is_common = 0 < int(top) < int(bottom) <= 20 or "\u2044" in match[0]
    if int(bottom) < 2 or not is_common:
        return f"{cardinal(top)} slash {cardinal(bottom)}"
    words = fraction(top, bottom)
    return f"{cardinal(match['whole'])} and {words}" if match["whole"] else words


def _range(match: re.Match[str]) -> str:
    def read(number: str) -> str:
        is_year = len(number) == 4 and 1100 <= int(number) <= 2099
        return year(number) if is_year else decimal(number)

    return f"{read(match['low'])} to {read(match['high'])}"


def _signed(match: re.Match[str]) -> str:
    return {"-": "minus ", "−": "minus ", "+": "plus "}.get(match["sign"] or "", "")


def _number(match: re.Match[str]) -> str:
    digits, sign = match["number"], _signed(match)
    is_year = len(digits) == 4 and digits.isdigit() and 1100 <= int(digits) <= 2099
    return sign + (year(digits) if is_year and not sign else decimal(digits))


QUANTITY_RULES: tuple[tuple[str, Reader], ...] = (
    (
        r"(?<![\d.])(?P<y>[12]\d{3})[-/.](?P<m>\d{1,2})[-/.](?P<d>\d{1,2})(?![\d.]*\d)",
        _numeric_date,
    ),
    (r"(?<![\d/])(?P<m>\d{1,2})/(?P<d>\d{1,2})/(?P<y>[12]\d{3})(?!\d)", _numeric_date),
    (
        rf"\b{_MONTH} (?P<day>\d{{1,2}})(?:st|nd|rd|th)?(?:,? (?P<year>[12]\d{{3}}))?(?![\d:])",
        _month_day,
    ),
    (
        rf"\b(?P<day>\d{{1,2}})(?:st|nd|rd|th)? {_MONTH}(?:,? (?P<year>[12]\d{{3}}))?(?!\w)",
        _month_day,
    ),
    (
        r"(?<![\d:.])(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second>\d{2}))?(?![\d:])"
        r"(?P<half> ?[AaPp]\.?[Mm]\b\.?)?",
        _clock,
    ),
    (r"(?<![\d:.])(?P<hour>\d{1,2})(?P<minute>)(?P<second>)(?P<half> ?[AaPp]\.?[Mm]\b\.?)", _clock),
    (
        rf"{_SIGN}(?P<currency>[$€£¥₹]) ?(?P<amount>{_NUMBER})"
        r"(?P<magnitude> ?(?:thousand|million|billion|trillion|bn|mn|[kKmMbB])\b)?",
        _money,
    ),
    (rf"{_SIGN}(?P<amount>{_NUMBER})(?P<magnitude>) ?(?P<currency>[€£])", _money),
    (r"(?<![\d.])(?:\+\d{1,3}[ -])?(?:\(\d{3}\) ?|\d{3}[-. ])\d{3}[-.]\d{4}(?!\d)", _phone),
    (r"(?<!\d)\d{3}-\d{4}(?![\d-])", _phone),
    (rf"{_SIGN}(?P<amount>{_NUMBER}) ?%", lambda m: _signed(m) + decimal(m["amount"]) + " percent"),
    (rf"{_SIGN}(?P<amount>{_NUMBER}) ?(?P<unit>{_UNIT_PATTERN})(?![\w/²³])", _unit),
    (r"\b(?P<number>\d{1,15})(?:st|nd|rd|th)\b", lambda m: ordinal(m["number"])),
    (r"(?P<number>(?<!\d)(?:[12]\d)?\d0)['’]?s\b", lambda m: decade(m["number"])),
    (
        r"(?<![\d/.])(?:(?P<whole>\d{1,3})[ -])?(?P<top>\d{1,3})[/\u2044](?P<bottom>\d{1,3})"
        r"(?![\d/])",
        _fraction,
    ),
    (
        r"(?<![\d.-])(?P<low>\d{1,4}(?:\.\d+)?)[–~-](?P<high>\d{1,4}(?:\.\d+)?)(?![\d-]|\.\d)",
        _range,
    ),
    (
        r"(?<!\d)\d{1,4}(?:\.\d{1,4}){2,5}(?!\d)",
        lambda m: " point ".join(cardinal(part) for part in m[0].split(".")),
    ),
    (rf"{_SIGN}(?P<number>{_NUMBER})", _number),
    (r"(?<![\w.])\.(?P<digits>\d{1,15})", lambda m: "point " + digit_by_digit(m["digits"])),
)
