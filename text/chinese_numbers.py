"""Chinese number words: whole numbers and decimals by cn2an, codes digit by digit, when two is 两.

`MEASURE` says what makes a number a count; it is shared by every rule that must tell counts from
years, codes and ratios.
"""

from __future__ import annotations

import re
from decimal import Decimal

import cn2an

NUMBER = r"\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?"
DASH = "(?:[–~-]|(?<!—)—(?!—))"
# Measure words before which two is 两. What is excluded is counted otherwise: 二维, 二次元, 二年级.
MEASURE = (
    "(?:[个只条张件位名台辆天岁块种家座层杯瓶双对支棵头匹根间份篇首句封架艘所遍下周元款项套批场部"
    "桶盒枚股页行字角毛斤成组步边侧道门颗粒滴碗盘袋箱包串束捆圈轮趟回顿阵声朵片幅副扇节堂桌盏壶罐筐篮"
    "卷册集吨升度秒刻晚夜届倍]|米(?!粉|饭|线)|分钟|小时|钟头|星期(?![一二三四五六日天])|礼拜|代人|公[里斤分顷]|平方|立方"
    "|厘米|毫[米升克]|英[寸尺里镑]|美[元金]|欧元|日元|港[元币]|人(?!转)|年(?!级)|次(?!元|方|函)"
    "|本(?!院|线|科)|把(?!手)|分(?!之|法)|点(?!\\d(?![\\d分]))|口人|[室房](?=\\d|[一二两三]?厅)|厅(?=\\d|[一二两三]?[卫厨]))"
)
# Characters after a match that a rule may look at.
AHEAD = 8
SCALES = {"k": 1_000, "w": 10_000, "m": 1_000_000, "b": 1_000_000_000}

_DIGITS = "零一二三四五六七八九"
_MAX_DIGITS = 16
_COUNTED = re.compile(f"[万亿千]|{MEASURE}")


def digits_one_by_one(digits: str, one: str = "一") -> str:
    """Each digit by itself; in telephone numbers and codes one is 幺."""
    return "".join(one if digit == "1" else _DIGITS[int(digit)] for digit in digits)


def code(text: str) -> str:
    """A code as it is dictated: digits one by one with 幺, everything else as it is."""
    return re.sub(r"\d+", lambda m: digits_one_by_one(m[0], "幺"), text)


def number(text: str) -> str:
    """A number with optional thousands commas and decimals; long or zero-led ones by digits."""
    text = text.replace(",", "")
    whole, _, decimals = text.partition(".")
    if len(whole) > _MAX_DIGITS or (len(whole) > 1 and whole[0] == "0"):
        words = digits_one_by_one(whole)
    else:
        words = re.sub("^二(?=[千万亿])", "两", cn2an.an2cn(whole))
    return f"{words}点{digits_one_by_one(decimals)}" if decimals else words


def count(text: str) -> str:
    """A number before a measure word: two is 两."""
    return "两" if text == "2" else number(text)


def count_before(text: str, rest: str) -> str:
    """`text` as a count if `rest` starts with a measure word or 万, as a plain number if not."""
    return count(text) if _COUNTED.match(rest) else number(text)


def scaled(text: str, scale: str) -> str:
    """`1.2` and `w` as 一万二千, `100` and `w` as 一百万."""
    value = Decimal(text.replace(",", "")) * SCALES[scale.lower()]
    return number(f"{value.normalize():f}")
