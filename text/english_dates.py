"""English dates, clock times and the short names of months and weekdays, written out as words."""

from __future__ import annotations

import re

from text.english_context import kept_stop, kept_stop_of_time
from text.english_numbers import cardinal, ordinal, year
from text.rules import Rule, after, before

_MONTHS = (
    "January February March April May June July August September October November December"
).split()
_MONTH_OF = {name[:3].lower(): name for name in _MONTHS}
MONTH = (
    r"(?P<month>Jan(?:uary)?|Feb(?:ruary)?|Mar(?:ch)?|Apr(?:il)?|May|June?|July?|Aug(?:ust)?|"
    r"Sept?(?:ember)?|Oct(?:ober)?|Nov(?:ember)?|Dec(?:ember)?)\.?"
)
_DAY_NAMES = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()
_DAY_OF = {name[:3]: name for name in _DAY_NAMES}
_DAY = r"(?:Mon|Tues?|Wed|Thu(?:rs?)?|Fri|Sat|Sun)"
_SHORT_MONTH = r"(?:Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept?|Oct|Nov|Dec)"
_SUFFIX = r"(?:st|nd|rd|th)?"
# Short names that are words or people ("Sat down", "Jan Smith") need a date around them.
_BESIDE_DAY = re.compile(rf"\b{_DAY}[a-z]*\.?(?: ?[-–/,&] ?| and | to | or )\Z")
_DAY_NEXT = re.compile(
    rf"(?:(?: ?[-–/&] ?|, | and | to | or ){_DAY}\b|,? (?:{_SHORT_MONTH}|May)\b"
    r"|,? \d{1,2}(?::\d|[/ ]?[ap]m))"
)
_BESIDE_MONTH = re.compile(
    rf"(?:\b(?:in|since|until|last|next|early|late|mid|every|through)[ -]"
    rf"|\b(?:{_SHORT_MONTH}|May)[a-z]*\.?(?: ?[-–/,&] ?| and | to | or ))\Z"
)
_MONTH_NEXT = re.compile(rf"(?: ?[-–/&] ?| and | to | or )(?:{_SHORT_MONTH}|May)\b")
_NEW_CENTURY = 50


def _month_name(written: str) -> str:
    return _MONTH_OF[written[:3].lower()]


def _month_day(match: re.Match[str]) -> str | None:
    """May 5, May 5-7, 21-Nov-2026."""
    days = [day for day in (match["day"], match["last"]) if day]
    if not all(1 <= int(day) <= 31 for day in days):
        return None
    spoken = " to ".join(ordinal(str(int(day))) for day in days)
    words = f"{_month_name(match['month'])} {spoken}"
    return f"{words}, {year(match['year'])}" if match["year"] else words


def _numeric_date(match: re.Match[str]) -> str | None:
    """The month comes first where both could be, except between full stops."""
    month, day = int(match["m"]), int(match["d"])
    if month > 12 or (match["mark"] == "." and day <= 12):
        month, day = day, month
    if not (1 <= month <= 12 and 1 <= day <= 31):
        return None
    digits = match["y"]
    if len(digits) == 2:
        digits = ("20" if int(digits) < _NEW_CENTURY else "19") + digits
    return f"{_MONTHS[month - 1]} {ordinal(str(day))}, {year(digits)}"


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
        second = int(match["second"])
        words += f" and {cardinal(str(second))} second{'' if second == 1 else 's'}"
    return f"{words} {half}".strip() + kept_stop_of_time(match)


def _weekday(match: re.Match[str]) -> str | None:
    word = match["weekday"]
    is_date = _BESIDE_DAY.search(before(match, 16)) or _DAY_NEXT.match(after(match))
    # "Mon Dieu", "Sun came up", "I sat. Sat down".
    is_word = word in ("Sat", "Sun") or (word == "Mon" and re.match(r" [A-Z]", after(match)))
    if is_word and not is_date:
        return None
    return _DAY_OF[word[:3]] + kept_stop(match)


def _bare_month(match: re.Match[str]) -> str | None:
    """Feb and Nov always; Jan, Mar, Jun, Jul and Sep after "in" or beside other months."""
    is_name = match["month"] in ("Jan", "Mar", "Jun", "Jul", "Sep")
    is_date = _BESIDE_MONTH.search(before(match, 16)) or _MONTH_NEXT.match(after(match))
    is_short = match[0].endswith(".") and re.match(r" [a-z]", after(match))
    if is_name and not is_date and not is_short:
        return None
    return _month_name(match["month"]) + kept_stop(match)


_DATE_YEAR = r"(?:,?[ -](?P<year>[12]\d{3})(?!\d))?"
DATE_RULES: tuple[Rule, ...] = (
    (
        r"(?<![\d.])(?P<y>[12]\d{3})(?P<mark>)[-/.](?P<m>\d{1,2})[-/.](?P<d>\d{1,2})(?![\d.]*\d)",
        _numeric_date,
    ),
    (
        r"(?<![\d/.-])(?P<m>\d{1,2})(?P<mark>[-/.])(?P<d>\d{1,2})[-/.](?P<y>[12]\d{3}(?!\d))"
        r"(?![/]|[.-]\d)",
        _numeric_date,
    ),
    (
        r"(?<![\d/.-])(?P<m>\d{1,2})/(?P<d>\d{1,2})(?P<mark>/)(?P<y>\d\d)(?![\d/]|[.-]\d)",
        _numeric_date,
    ),
    (
        rf"\b{MONTH} (?P<day>\d{{1,2}}){_SUFFIX}"
        rf"(?: ?[-–] ?(?P<last>\d{{1,2}}){_SUFFIX}(?![\w:/-]))?"
        r"(?:,? (?P<year>[12]\d{3})(?!\d))?(?![\d:])",
        _month_day,
    ),
    (
        rf"\b(?P<day>\d{{1,2}})[-–](?P<last>\d{{1,2}}){_SUFFIX} {MONTH}{_DATE_YEAR}(?!\w)",
        _month_day,
    ),
    (rf"\b(?P<day>\d{{1,2}})(?P<last>){_SUFFIX}[ -]{MONTH}{_DATE_YEAR}(?!\w)", _month_day),
    (
        rf"\b(?P<month>{_SHORT_MONTH})\b\.?(?=,? ?['’]?[12]\d{{3}}\b)",
        lambda m: _month_name(m["month"]),
    ),
    (rf"\b(?P<month>{_SHORT_MONTH})\b\.?(?![A-Za-z'’])", _bare_month),
    (rf"\b(?P<weekday>{_DAY})\b\.?(?![A-Za-z'’])", _weekday),
    (
        r"(?<![\d:.])(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second>\d{2}))?(?![\d:])"
        r"(?P<half> ?[AaPp]\.?[Mm]\b\.?)?",
        _clock,
    ),
    (r"(?<![\d:.])(?P<hour>\d{1,2})(?P<minute>)(?P<second>)(?P<half> ?[AaPp]\.?[Mm]\b\.?)", _clock),
    # Between the date and the time of a time stamp, and its zone.
    (r"(?<=\d)T(?=\d\d:\d\d)", lambda m: " at "),
    (r"(?<=:\d\d)Z\b", lambda m: " UTC"),
)
