"""Numbers and signs of Chinese text written out in characters, rule by rule, as for English.

Whole numbers and decimals are read by cn2an, the converter behind the voice data.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import cn2an

Reader = Callable[[re.Match[str]], str | None]

_DIGITS = "零一二三四五六七八九"
_MAX_DIGITS = 16
_NUMBER = r"\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?"
_SIGN = r"(?:(?<![\w.)])(?P<sign>[+−-]))?"
_CURRENCIES = {"¥": "元", "￥": "元", "$": "美元", "€": "欧元", "£": "英镑"}
_UNITS = {
    "km/h": "公里每小时",
    "m/s": "米每秒",
    "km": "公里",
    "km²": "平方公里",
    "cm": "厘米",
    "mm": "毫米",
    "μm": "微米",
    "m": "米",
    "kg": "公斤",
    "mg": "毫克",
    "g": "克",
    "ml": "毫升",
    "mL": "毫升",
    "L": "升",
    "°C": "摄氏度",
    "℃": "摄氏度",
    "°F": "华氏度",
    "℉": "华氏度",
    "°": "度",
    "m²": "平方米",
    "㎡": "平方米",
}
_UNIT_PATTERN = "|".join(re.escape(unit) for unit in sorted(_UNITS, key=len, reverse=True))
# Measure words before which two is 两.
_MEASURES = "个只条张本件位名台辆次天年岁块种家座层杯瓶双对把支棵头匹根间份篇首句封架艘所遍下"
_SIGNS = {
    "&": "和",
    "@": "艾特",
    "%": "百分之",
    "+": "加",
    "=": "等于",
    "<": "小于",
    ">": "大于",
    "×": "乘以",
    "÷": "除以",
    "±": "正负",
    "≈": "约等于",
    "≠": "不等于",
    "≤": "小于等于",
    "≥": "大于等于",
    "√": "根号",
    "∞": "无穷",
    "π": "派",
    "°": "度",
    "№": "第",
    "→": "到",
    "²": "的平方",
    "³": "的立方",
}


def digits_one_by_one(digits: str, one: str = "一") -> str:
    """Each digit by itself; in telephone numbers one is 幺."""
    return "".join(one if digit == "1" else _DIGITS[int(digit)] for digit in digits)


def number(text: str) -> str:
    """A number with optional thousands commas and decimals; long or zero-led ones by digits."""
    text = text.replace(",", "")
    whole, _, decimals = text.partition(".")
    if len(whole) > _MAX_DIGITS or (len(whole) > 1 and whole[0] == "0"):
        words = digits_one_by_one(whole)
    else:
        words = cn2an.an2cn(whole)
    return f"{words}点{digits_one_by_one(decimals)}" if decimals else words


def _date(match: re.Match[str]) -> str | None:
    month, day = int(match["m"]), int(match["d"])
    if not (1 <= month <= 12 and 1 <= day <= 31):
        return None
    return f"{digits_one_by_one(match['y'])}年{number(str(month))}月{number(str(day))}日"


def _clock(match: re.Match[str]) -> str | None:
    hour, minute = int(match["hour"]), int(match["minute"])
    if hour > 24 or minute > 59:
        return None
    words = ("两" if hour == 2 else number(str(hour))) + "点"
    if minute:
        words += ("零" if minute < 10 else "") + number(str(minute)) + "分"
    else:
        words += "整"
    return words + (number(str(int(match["second"]))) + "秒" if match["second"] else "")


def _money(match: re.Match[str]) -> str:
    return number(match["amount"]) + (match["magnitude"] or "") + _CURRENCIES[match["currency"]]


def _phone(match: re.Match[str]) -> str:
    groups = re.findall(r"\d+", match[0])
    return "，".join(digits_one_by_one(group, "幺") for group in groups)


def _fraction(match: re.Match[str]) -> str:
    return f"{number(match['bottom'])}分之{number(match['top'])}"


def _signed(match: re.Match[str]) -> str:
    return {"-": "负", "−": "负", "+": "加"}.get(match["sign"] or "", "")


def _unit(match: re.Match[str]) -> str:
    amount = "两" if match["amount"] == "2" else number(match["amount"])
    return _signed(match) + amount + _UNITS[match["unit"]]


def _plain(match: re.Match[str]) -> str:
    return _signed(match) + number(match["number"])


RULES: tuple[tuple[str, Reader], ...] = (
    (r"(?P<y>\d{4})(?=年)", lambda m: digits_one_by_one(m["y"])),
    (r"(?<![\d.])(?P<y>[12]\d{3})[-/.](?P<m>\d{1,2})[-/.](?P<d>\d{1,2})(?![\d.]*\d)", _date),
    (
        r"(?<![\d:.])(?P<hour>\d{1,2})[:：](?P<minute>\d{2})(?:[:：](?P<second>\d{2}))?(?![\d:：])",
        _clock,
    ),
    (rf"(?P<currency>[¥￥$€£]) ?(?P<amount>{_NUMBER})(?P<magnitude>[万亿千百]*)", _money),
    (r"(?<!\d)(?:\+86[ -]?)?1[3-9]\d[ -]?\d{4}[ -]?\d{4}(?!\d)", _phone),
    (r"(?<!\d)0\d{2,3}-\d{7,8}(?!\d)|(?<![\d.,])\d{7,}(?![\d.,万亿元个])", _phone),
    (
        rf"(?P<low>{_NUMBER})%?[–~～-](?P<high>{_NUMBER})%",
        lambda m: f"百分之{number(m['low'])}到百分之{number(m['high'])}",
    ),
    (
        rf"{_SIGN}(?P<amount>{_NUMBER}) ?%",
        lambda m: _signed(m) + "百分之" + number(m["amount"]),
    ),
    (rf"(?P<amount>{_NUMBER})‰", lambda m: "千分之" + number(m["amount"])),
    (rf"{_SIGN}(?P<amount>{_NUMBER}) ?(?P<unit>{_UNIT_PATTERN})(?![A-Za-z0-9/²])", _unit),
    (r"(?<![\d/.])(?P<top>\d{1,4})[/\u2044](?P<bottom>\d{1,4})(?![\d/])", _fraction),
    (
        rf"(?<![\d.-])(?P<low>{_NUMBER})[–~～-](?P<high>{_NUMBER})(?![\d-])",
        lambda m: f"{number(m['low'])}到{number(m['high'])}",
    ),
    (rf"(?<![\d.])2(?=[{_MEASURES}])", lambda m: "两"),
    (
        r"(?<!\d)\d{1,4}(?:\.\d{1,4}){2,5}(?!\d)",
        lambda m: "点".join(number(part) for part in m[0].split(".")),
    ),
    (rf"{_SIGN}(?P<number>{_NUMBER})", _plain),
    (r"[&@%+=<>×÷±≈≠≤≥√∞π°№→²³]", lambda m: _SIGNS[m[0]]),
)
