"""English measures written out as words: kilograms, feet and inches, hours and minutes."""

from __future__ import annotations

import re

from text.english_context import is_attributive
from text.english_money import NUMBER, SIGN, signed
from text.english_numbers import cardinal, decimal
from text.rules import Rule, after, before

_UNITS = {
    **{"km/h": "kilometer per hour", "m/s": "meter per second", "mph": "mile per hour"},
    **{"km": "kilometer", "cm": "centimeter", "mm": "millimeter", "μm": "micrometer"},
    **{"nm": "nanometer", "m": "meter", "m²": "square meter", "km²": "square kilometer"},
    **{"m³": "cubic meter", "cm²": "square centimeter", "ft²": "square foot"},
    **{"sq ft": "square foot", "sq. ft.": "square foot", "sq m": "square meter"},
    **{"sq km": "square kilometer", "sq mi": "square mile", "ha": "hectare"},
    **{"kg": "kilogram", "kgs": "kilogram", "mg": "milligram", "μg": "microgram"},
    **{"mcg": "microgram", "g": "gram", "lb": "pound", "lbs": "pound", "oz": "ounce"},
    **{"ft": "foot", "mi": "mile", "yd": "yard", "yds": "yard", "ml": "milliliter"},
    **{"mL": "milliliter", "l": "liter", "L": "liter", "gal": "gallon", "qt": "quart"},
    **{"tsp": "teaspoon", "tbsp": "tablespoon", "Tbsp": "tablespoon"},
    **{"kHz": "kilohertz", "MHz": "megahertz", "GHz": "gigahertz", "Hz": "hertz"},
    **{"kB": "kilobyte", "KB": "kilobyte", "MB": "megabyte", "GB": "gigabyte"},
    **{"TB": "terabyte", "kbps": "kilobit per second", "Mbps": "megabit per second"},
    **{"Gbps": "gigabit per second", "ms": "millisecond", "ns": "nanosecond"},
    **{"sec": "second", "secs": "second", "min": "minute", "mins": "minute"},
    **{"hr": "hour", "hrs": "hour", "h": "hour", "yr": "year", "yrs": "year"},
    **{"wk": "week", "wks": "week", "kW": "kilowatt", "kWh": "kilowatt hour"},
    **{"MW": "megawatt", "GW": "gigawatt", "W": "watt", "V": "volt", "mAh": "milliamp hour"},
    **{"Ω": "ohm", "dB": "decibel", "kPa": "kilopascal", "hp": "horsepower", "px": "pixel"},
    **{"kcal": "kilocalorie", "°C": "degree Celsius", "℃": "degree Celsius"},
    **{"°F": "degree Fahrenheit", "℉": "degree Fahrenheit", "°": "degree"},
}
_UNITS |= {unit.replace("\u03bc", "\u00b5"): noun for unit, noun in _UNITS.items()}
UNIT_PATTERN = "|".join(re.escape(unit) for unit in sorted(_UNITS, key=len, reverse=True))
# "100 W 5th Ave" is a place, not a hundred watts.
_STREET = re.compile(
    r" (?:\d{1,3}(?:st|nd|rd|th)|[A-Z][a-z]+) (?:St|Ave|Rd|Blvd|Dr|Ln|Street|Avenue|Road)\b"
)
# "10m people" are ten million.
COUNTED = re.compile(
    r" (?:people|users|views|followers|copies|downloads|subscribers|jobs|homes|households|"
    r"customers|deaths|doses|voters|workers|children|tonnes|tons|barrels|years|records|"
    r"parameters|tokens|visitors|members|players|streams|likes|passengers|cars|units)\b"
)


def _plural(noun: str) -> str:
    if noun.endswith(("hertz", "horsepower")):
        return noun
    head, per, tail = noun.partition(" per ")
    if head.startswith("degree"):
        return head.replace("degree", "degrees")
    return head.replace("foot", "feet") + ("" if head.endswith("foot") else "s") + per + tail


def _amount(match: re.Match[str], noun: str) -> str:
    is_one = match["amount"] == "1"
    return (
        f"{decimal(match['amount'])} {noun if is_one or is_attributive(match) else _plural(noun)}"
    )


def _unit(match: re.Match[str]) -> str | None:
    unit = match["unit"]
    if unit == "W" and _STREET.match(after(match)):
        return None
    if unit == "m" and COUNTED.match(after(match)):
        return f"{decimal(match['amount'])} million"
    return signed(match) + _amount(match, _UNITS[unit])


def _feet_and_inches(match: re.Match[str]) -> str:
    inches = cardinal(match["inches"])
    return f"{cardinal(match['feet'])} foot {inches}"


def _inches(match: re.Match[str]) -> str | None:
    """27" is a size, unless the mark closes a quotation."""
    if match["mark"] != "″" and len(re.findall(r'(?<!\d)"', before(match, 80))) % 2:
        return None
    return _amount(match, "inch").replace("inchs", "inches")


def _spoon(match: re.Match[str]) -> str:
    is_mixed = re.search(r"\d \d+[/\u2044]\d+ \Z", before(match, 8))
    return _UNITS[match["spoon"]] + ("s" if is_mixed else "")


def _hours_and_minutes(match: re.Match[str]) -> str:
    parts = [(match["hours"], "hour"), (match["minutes"], "minute"), (match["seconds"], "second")]
    return " ".join(
        f"{cardinal(str(int(digits)))} {noun}{'' if int(digits) == 1 else 's'}"
        for digits, noun in parts
        if digits
    )


UNIT_RULES: tuple[Rule, ...] = (
    (
        r"(?<![\w.])(?P<hours>\d{1,3}) ?h(?:rs?)? ?(?P<minutes>\d{1,2}) ?(?:m(?:ins?)?)?"
        r"(?: ?(?P<seconds>\d{1,2}) ?s(?:ecs?)?)?(?!\w)",
        _hours_and_minutes,
    ),
    (
        r"(?<![\w.])(?P<hours>)(?P<minutes>\d{1,3}) ?m(?:ins?)? (?P<seconds>\d{1,2}) ?s(?:ecs?)?\b",
        _hours_and_minutes,
    ),
    (
        r"(?<![\w.])(?P<feet>[1-9])['’′] ?(?P<inches>1[01]|\d)(?:[\"”″]|''|(?=\W|\Z))",
        _feet_and_inches,
    ),
    (
        r"(?<![\w.])(?P<amount>\d{1,3}(?:\.\d{1,2})?) ?(?P<mark>[\"″])(?!\w)",
        _inches,
    ),
    # These are often written with a full stop of their own.
    (
        rf"{SIGN}(?P<amount>{NUMBER})[ -]?(?P<unit>ft|lbs?|oz|mins?|hrs?|secs?|yds?|tsp"
        r"|tbsp|gal|yrs?|sq ft)\.(?=,| [a-z(])",
        _unit,
    ),
    (
        rf"{SIGN}(?P<amount>{NUMBER})[ -]?(?P<unit>{UNIT_PATTERN})(?![\w/²³])",
        _unit,
    ),
    (
        rf"(?P<amount>{NUMBER})(?:in(?![\w/])\.?|(?<=(?:ft|et) \d) in\b|(?<=(?:ft|et) \d\d) in\b"
        r"| in\.(?=,| [a-z(]))",
        lambda m: _amount(m, "inch").replace("inchs", "inches"),
    ),
    (r"(?<![\w.])(?P<amount>\d{1,4}\.\d{1,3}) ?s\b", lambda m: _amount(m, "second")),
    # After a fraction: "3/4 tsp", "1 1/2 tsp".
    (r"(?<=\d )(?P<spoon>tb?sp)\b\.?(?! [A-Z])", _spoon),
    (r"(?<=degrees )[CF]\b", lambda m: "Celsius" if m[0] == "C" else "Fahrenheit"),
)
