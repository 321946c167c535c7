"""English ranges, fractions, large and plain numbers written out as words.

Rules as in `english_reading`: a pattern and a reader of its match, tried in order.
"""

from __future__ import annotations

import re

from text.english_codes import CODE_RULES, code_or_label
from text.english_dates import DATE_RULES
from text.english_money import MONEY_RULES, NUMBER, SIGN, signed
from text.english_numbers import (
    cardinal,
    decade,
    decimal,
    digit_by_digit,
    fraction,
    ordinal,
    year,
)
from text.english_units import COUNTED, UNIT_PATTERN, UNIT_RULES
from text.rules import Rule, after, before

_MONTHS_AND_DAYS = (
    r"(?:(?:Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept?|Oct|Nov|Dec|Mon|Tues?|Wed|Thu(?:rs?)?|Fri|Sat|Sun)\b\.?"
    r"|January|February|March|April|May|June|July|August|September|October|November|December"
    r"|(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day)"
)
# What may stand before "to": an amount that another rule reads, "20%", "9am", "$5", "10:30".
_LOW_END = re.compile(
    rf"(?:(?:\A|[^\w.–−-])[$€£¥]?\d[\d,.:]*(?: ?(?:[aApP]\.?[mM]\.?|%|{UNIT_PATTERN}|[kKMB]|s))?"
    rf"(?: (?:thousand|million|billion))?|\b(?:noon|midnight)|\b{_MONTHS_AND_DAYS}(?: \d\d?)?)\Z"
)
_DATED_END = re.compile(rf"\b{_MONTHS_AND_DAYS} \d\d?\Z")
_PLAIN_END = re.compile(r"(?:\A|\s)[\d,.]+\Z")
_HIGH_END = re.compile(rf"[$€£¥~]?\d|{_MONTHS_AND_DAYS}")
_DATE_CUE = re.compile(
    r"\b(?:on|due|until|since|dated|[bB]y|before|after"
    r"|(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*\.?,?) \Z"
)
_YEAR_CUE = re.compile(r"\b(?:[Ii]n|[Ss]ince|[Uu]ntil|[Bb]y|year|AD) \Z")
_BOOK_CUE = re.compile(
    r"\b(?:Genesis|Exodus|Psalms?|Proverbs|Isaiah|Matthew|Mark|Luke|John|Acts|Romans|"
    r"Corinthians|Hebrews|James|Peter|Revelation) \Z"
)
_SUM_NEXT = re.compile(r"\s?[\d,.]+\s?(?:[-+*/×÷−]\s?[\d,.]+\s?){0,3}=")
_PER = {
    **{"mo": "month", "yr": "year", "hr": "hour", "h": "hour", "wk": "week", "min": "minute"},
    **{"sec": "second", "s": "second", "gal": "gallon", "lb": "pound", "kg": "kilogram"},
}
_PART_OF = re.compile(r" (?:of|miles?|inch|inches|cup)\b")
_SET_FRACTIONS = {
    **{"24/7": "twenty-four seven", "9/11": "nine eleven", "20/20": "twenty twenty"},
}


def _range(match: re.Match[str]) -> str:
    """The lower end of "3-5 kg", "1,000-2,000", "1914-18"; of "5-3=2" the first term."""
    if _SUM_NEXT.match(after(match, 32)):
        return f"{decimal(match['low'])} minus "
    low = match["low"]
    is_year = len(low) == 4 and 1100 <= int(low.replace(".", "0").replace(",", "")) <= 2099
    return f"{year(low) if is_year and low.isdigit() else decimal(low)} to "


def _shutout(match: re.Match[str]) -> str:
    """A score: one nothing."""
    return f"{cardinal(match['top'])} nothing"


def _dash(match: re.Match[str]) -> str | None:
    """ "to" between the ends of a range that another rule reads, minus in a sum."""
    past, rest = before(match, 24), after(match, 32)
    if re.search(r"[\d)]\Z", past) and _SUM_NEXT.match(rest):
        return " minus "
    is_dated = _DATED_END.search(past) is not None and not rest[:1].isdigit()
    is_loose = " " in match[0] and _PLAIN_END.search(past) and not is_dated
    is_range = not is_loose and _LOW_END.search(past) and _HIGH_END.match(rest)
    return " to " if is_range else None


def _slash(match: re.Match[str]) -> str | None:
    top, bottom = int(match["top"]), int(match["bottom"])
    if match[0] in _SET_FRACTIONS:
        return _SET_FRACTIONS[match[0]]
    if not match["whole"] and "\u2044" not in match[0]:
        special = _special_slash(match, top, bottom)
        if special is not None:
            return special
    is_common = 0 < top < bottom <= 20 or "\u2044" in match[0] or bottom in (32, 64, 100)
    if bottom < 2 or not is_common or not top:
        return f"{cardinal(match['top'])} slash {cardinal(match['bottom'])}"
    words = fraction(match["top"], match["bottom"])
    return f"{cardinal(match['whole'])} and {words}" if match["whole"] else words


def _special_slash(match: re.Match[str], top: int, bottom: int) -> str | None:
    """Dates, shares, scores, blood pressure and quotients, which look like fractions."""
    words = cardinal(str(top)), cardinal(str(bottom))
    if re.match(r" ?=", after(match, 2)):
        return " divided by ".join(words)
    is_share = 0 < top < bottom <= 5 and not re.search(r"\bon \Z|day,? \Z", before(match, 5))
    is_date = _DATE_CUE.search(before(match, 12)) is not None and not is_share
    if is_date and 1 <= top <= 12 and 1 <= bottom <= 31:
        months = "January February March April May June July August September October November"
        return f"{[*months.split(), 'December'][top - 1]} {ordinal(str(bottom))}"
    if top + bottom == 100 and top >= 10 and bottom >= 10:
        return " ".join(words)
    if 80 <= top <= 250 and 40 <= bottom <= 130 and top > bottom:
        return " over ".join(words)
    is_score = (
        top != 1 and (bottom in (10, 20) or top == bottom) and not _PART_OF.match(after(match))
    )
    return " out of ".join(words) if is_score and top <= bottom else None


def _per(match: re.Match[str]) -> str | None:
    is_amount = re.search(r"\d ?[kKmMbB]?\Z|[a-z¢]\Z", before(match, 4))
    if not is_amount or not re.search(r"\d", before(match, 12)):
        return None
    return f" per {_PER.get(match['each'], match['each'])}"


def _thousands(match: re.Match[str]) -> str | None:
    """500K, 100k followers; not 4K, a 5K run, 401k."""
    amount, is_counted = match["amount"], COUNTED.match(after(match))
    if amount == "401":
        return "four oh one K"
    is_name = match["k"] == "K" and len(amount) == 1
    is_race = re.match(r"[ -](?:run|race|walk|time|TV|video|monitor|display)", after(match))
    return None if (is_name or is_race) and not is_counted else f"{decimal(amount)} thousand"


def _millions(match: re.Match[str]) -> str | None:
    amount, is_counted = match["amount"], COUNTED.match(after(match))
    is_name = len(amount) == 1 or match["scale"] == "B"
    if is_name and not is_counted:
        return None
    return f"{decimal(amount)} {'million' if match['scale'] == 'M' else 'billion'}"


def _ratio(match: re.Match[str]) -> str:
    """3:2, 16:9; verses are read without "to"."""
    word = " " if _BOOK_CUE.search(before(match, 14)) else " to "
    return word.join(cardinal(number) for number in match[0].split(":"))


def _number(match: re.Match[str]) -> str:
    digits, sign = match["number"], signed(match)
    if digits.isdigit() and not sign and len(digits) > 2:
        special = code_or_label(match, digits)
        if special is not None:
            return special
    first_year = 1001 if _YEAR_CUE.search(before(match, 8)) else 1100
    is_year = len(digits) == 4 and digits.isdigit() and first_year <= int(digits) <= 2099
    return sign + (year(digits) if is_year and not sign else decimal(digits))


_SMALL = r"\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d{1,6}(?:\.\d+)?"
_NUMBER_RULES: tuple[Rule, ...] = (
    (r"(?<![\w.])C#|(?<= [DFGA])#(?= )", lambda m: m[0][:-1] + " sharp"),
    (
        r"(?<=[\w.])/(?P<each>month|mo|year|yr|hour|hr|h|day|week|wk|night|person|minute|min|second|sec"
        r"|s|unit|user|seat|gallon|gal|lb|kg|mile|token|head|share|piece|page|call|request)\b",
        _per,
    ),
    (
        rf"{SIGN}(?P<amount>{NUMBER}) ?%",
        lambda m: signed(m) + decimal(m["amount"]) + " percent",
    ),
    (
        r"(?<![\w.])(?<![A-Za-z]-)(?P<amount>\d{1,3}(?:\.\d{1,3})?)(?P<k>[kK])\b(?:\([kK]\))?",
        _thousands,
    ),
    (r"(?<![\w.])401\(k\)", lambda m: "four oh one K"),
    (
        r"(?<![\w.])(?<![A-Za-z]-)(?P<amount>\d{1,4}(?:\.\d{1,3})?)(?P<scale>[MB])\b",
        _millions,
    ),
    (
        rf"(?<![\w.])(?P<amount>{NUMBER}) ?(?P<scale>[bmt]n)\b",
        lambda m: (
            decimal(m["amount"])
            + {"b": " billion", "m": " million", "t": " trillion"}[m["scale"][0]]
        ),
    ),
    (
        r"\b(?P<number>\d{1,3}(?:,\d{3})+|\d{1,15})(?:st|nd|rd|th)\b",
        lambda m: ordinal(m["number"].replace(",", "")),
    ),
    (r"(?P<number>(?<!\d)(?:[12]\d)?\d0)['’]?s\b", lambda m: decade(m["number"])),
    (
        r"(?<![\d/.])(?:(?P<whole>\d{1,3})[ -])?(?P<top>\d{1,3})[/\u2044](?P<bottom>\d{1,3})"
        r"(?:rds|ths)?(?![\d/])",
        _slash,
    ),
    (
        r"(?<![\w/.])(?P<low>[12]\d{3})/(?P<high>\d\d)(?![\d/])",
        lambda m: f"{year(m['low'])} {cardinal(m['high'])}",
    ),
    (r"(?<![\w.,/:–-])(?P<top>[1-9]\d?)[-–]0(?![\w%°/:–-]|[.,]\d)", _shutout),
    (
        rf"(?<![\w.,–-])(?P<low>{_SMALL})[–~-](?=(?:{_SMALL})(?!\d|[–-]\d|[.,]\d))",
        _range,
    ),
    (
        r"(?<!\d)\d{1,4}(?:\.\d{1,4}){2,5}(?!\d)",
        lambda m: " point ".join(cardinal(part) for part in m[0].split(".")),
    ),
    (r"(?<![\w:.])\d{1,3}:\d{1,3}(?![\w:]|\.\d)", _ratio),
    (r"(?<![\w.,])\d{1,3}(?: 000){1,4}(?![\w,]| ?\d)", lambda m: cardinal(m[0].replace(" ", ""))),
    (
        r"(?<![\w.,])\d{1,2}(?:,\d{2}){1,3},\d{3}(?![\d,])",
        lambda m: cardinal(m[0].replace(",", "")),
    ),
    # "A100" and "A+" are the letter, not the article.
    (
        r"\bA(?P<number>\d{1,4})\b(?![.-]\d)",
        lambda m: "A-" + decimal(m["number"]).replace(" ", "-"),
    ),
    (r"(?<![\w'’])A\+(?!\w)", lambda m: "A-plus"),
    (rf"{SIGN}(?P<number>{NUMBER})", _number),
    (r"(?<![\w.])\.(?P<digits>\d{1,15})", lambda m: "point " + digit_by_digit(m["digits"])),
)
QUANTITY_RULES: tuple[Rule, ...] = (
    (r"(?<=[\w%°.])(?: [-–−] |[-–−])(?=[$€£¥~]?\d|[A-Z][a-z]{2})", _dash),
    *DATE_RULES,
    *MONEY_RULES,
    *CODE_RULES,
    *UNIT_RULES,
    *_NUMBER_RULES,
)
