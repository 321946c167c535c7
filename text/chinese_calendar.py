"""Chinese years, dates and clock times, and what looks like one but is a ratio."""

from __future__ import annotations

import re

from text.chinese_numbers import AHEAD, DASH, MEASURE, digits_one_by_one, number
from text.rules import Rule, after, before

_YEAR = r"(?:1[5-9]|20)\d\d"
_CLOCK = r"\d{1,2}:\d{2}(?::\d{2})?"
_DAY = r"\d{1,2}[-/.]\d{1,2}"
_COUNTED = re.compile(f"[万亿千百十多余]|{MEASURE}")
# 1500年前 and 2000年历史 are spans of time; 1500年 is a year.
_SPAN_OF_YEARS = re.compile("年(?:前(?!后)|来(?=[，,、。的]|\\Z)|的?(?:历史|文明)|之久|以上|左右)")
_DATED_BEFORE = re.compile(
    "(?:(?:周|星期|礼拜)[一二三四五六日天末]|今天|明天|昨天|后天|年|时间|日期|截[止至]|有效期|档期|[定将订]于|生日)"
    "[是为于到: (]*\\Z"
)
_DATED_AFTER = re.compile(
    r"\)? ?\(?(?:周[一二三四五六日末]|星期|礼拜|上午|下午|早上|晚上|凌晨|中午|\d{1,2}:\d\d)"
)
_SCORED_BEFORE = re.compile("(?:比分|比例尺?|比率|配比|局分|纵横比|大比分|比值)[是为: ]*\\Z")
_SCORED_AFTER = re.compile(
    " ?(?:的?(?:大?比分|比例|比率)|战胜|击败|获胜|取胜|领先|落后|战平|大胜|险胜|小胜|完胜"
    "|力克|逆转|横扫|淘汰|不敌|惜败|告负|打败|反超|扳平)"
)
# 分 after a clock time repeats its minutes, unless it begins a word: 10:30分享.
_MINUTES = "(?:分(?![享别组析批发配成段手流类散]))?"


def is_counted(match: re.Match[str]) -> bool:
    """Whether a measure word or 万 follows: then it is an amount, no year and no code."""
    return _COUNTED.match(after(match, AHEAD)) is not None


def is_score(match: re.Match[str]) -> bool:
    """Whether the words around speak of a score or a ratio."""
    return bool(_SCORED_BEFORE.search(before(match)) or _SCORED_AFTER.match(after(match, AHEAD)))


def _year(match: re.Match[str]) -> str | None:
    is_round = match["y"].endswith("00")
    is_span = is_round and _SPAN_OF_YEARS.match(after(match, AHEAD))
    return None if is_span or match["y"] == "1000" else digits_one_by_one(match["y"])


def _years(match: re.Match[str]) -> str | None:
    if is_counted(match) and not after(match, AHEAD).startswith("年"):
        return None
    first = digits_one_by_one(match["y"]) + (match["sign"] or "")
    return f"{first}到{digits_one_by_one(match['last'])}"


def _generations(match: re.Match[str]) -> str:
    return "".join(map(digits_one_by_one, re.findall(r"\d+", match[0])))


def _day(text: str) -> str | None:
    """`11-21` as 十一月二十一日."""
    month, day = (int(part) for part in re.split("[-/.]", text))
    if not (1 <= month <= 12 and 1 <= day <= 31):
        return None
    return f"{number(str(month))}月{number(str(day))}日"


def _date(match: re.Match[str]) -> str | None:
    day = _day(match["day"])
    return f"{digits_one_by_one(match['y'])}年{day}" if day else None


def _month_of_year(match: re.Match[str]) -> str | None:
    if is_counted(match):
        return None
    return f"{digits_one_by_one(match['y'])}年{number(str(int(match['m'])))}月"


def _is_dated(match: re.Match[str]) -> bool:
    around = _DATED_BEFORE.search(before(match)) or _DATED_AFTER.match(after(match, AHEAD))
    return around is not None and not is_counted(match)


def _dated_day(match: re.Match[str]) -> str | None:
    return _day(match[0]) if _is_dated(match) else None


def _days(match: re.Match[str]) -> str | None:
    """Both ends with two-digit days, or something around that says it is a date."""
    is_clear = "." not in match[0] and all(re.findall(r"[-/]\d\d", match[at]) for at in "ab")
    first, last = _day(match["a"]), _day(match["b"])
    return f"{first}到{last}" if first and last and (is_clear or _is_dated(match)) else None


def _time(text: str) -> str | None:
    """`14:05` as 十四点零五分, `8:00` as 八点."""
    hour, minute, *second = (int(part) for part in text.split(":"))
    if hour > 24 or max(minute, *second, 0) > 59:
        return None
    words = ("两" if hour == 2 else number(str(hour))) + "点"
    if minute or second:
        words += ("零" if 0 < minute < 10 else "") + number(str(minute)) + "分"
    return words + "".join(number(str(part)) + "秒" for part in second)


def _clock(match: re.Match[str]) -> str | None:
    words = _time(match["time"])
    return words + "整" if words and words.endswith("点") else words


def _clocks(match: re.Match[str]) -> str | None:
    first, last = _time(match["a"]), _time(match["b"])
    return f"{first}到{last}" if first and last else None


def _ratio(match: re.Match[str]) -> str | None:
    """`3:2`; what could be a time only where a score or a ratio is spoken of."""
    hour, *rest = match[0].split(":")
    is_time = all(len(part) == 2 and part < "60" for part in rest) and int(hour) <= 24
    if (is_time and not is_score(match)) or is_counted(match):
        return None
    return "比".join(number(part) for part in (hour, *rest))


CALENDAR_RULES: tuple[Rule, ...] = (
    (rf"(?<!\d)(?P<y>{_YEAR})(?P<sign>年?) ?{DASH} ?(?P<last>{_YEAR})(?![\d-])", _years),
    (rf"(?<!\d)(?P<y>20\d\d)(?P<sign>){DASH}(?P<last>\d\d)(?=赛季|学年|财年|年度)", _years),
    (r"(?<!\d)(?P<y>[12]\d{3})(?=年)", _year),
    # Shortened years, and years before what happens once a year or carries a year's name.
    (
        r"(?<!\d)(?P<y>[5-9]\d)(?=年(?:出生|生|毕业|入学|参军|版|款|世界杯|[初底末春夏秋冬]|\d{1,2}月))",
        _year,
    ),
    (
        r"(?<!\d)(?P<y>(?:19|20)\d[1-9]|20[1-9]0)"
        r"(?=级|新?款|版|届|[春夏秋冬][季天]?|赛季|财年|学年|新年|跨年|世界杯|奥运|北京|欧洲杯|亚运|高考|考研)",
        _year,
    ),
    (r"(?<!\d)\d[05](?:[/、~-]\d[05])*(?=后(?![面来续天果期排]))", _generations),
    (r"(?<![\d.])(?P<y>[12]\d{3})[-/.](?P<day>\d{1,2}[-/.]\d{1,2})(?![\d.]*\d)", _date),
    (
        r"(?<![\d.])(?P<y>(?:19|20)\d\d)[-/](?P<m>1[0-2]|0?[1-9])(?:月|(?![\d./-]|\s?=))",
        _month_of_year,
    ),
    (rf"(?<![\d./-])(?P<a>{_DAY}) ?(?:[至到]|{DASH}) ?(?P<b>{_DAY})(?![\d./-])", _days),
    (r"(?<![\d./-])0[1-9]-[0-3]\d(?![\d./-])", lambda m: _day(m[0])),
    (rf"(?<![\d./-]){_DAY}(?![\d./-])", _dated_day),
    (
        rf"(?<![\d:.])(?P<a>{_CLOCK}) ?(?:[至到]|{DASH}) ?(?P<b>{_CLOCK})(?![\d:]){_MINUTES}",
        _clocks,
    ),
    (r"(?<![\d:.])\d{1,4}(?::\d{1,4}){1,3}(?![\d:.])", _ratio),
    (rf"(?<![\d:.])(?P<time>{_CLOCK})(?![\d:]){_MINUTES}", _clock),
)
