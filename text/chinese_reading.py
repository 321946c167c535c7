"""Numbers and signs of Chinese text written out in characters, rule by rule, as for English.

The rules see the text in simplified characters and half-width marks (`chinese_characters.plain`).
"""

from __future__ import annotations

import re

from text.chinese_calendar import CALENDAR_RULES
from text.chinese_codes import CODE_RULES
from text.chinese_numbers import number
from text.chinese_quantities import QUANTITY_RULES
from text.roman_numerals import roman_value
from text.rules import Rule

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


def _roman(match: re.Match[str]) -> str:
    return number(str(roman_value(match[0])))


RULES: tuple[Rule, ...] = (
    *CALENDAR_RULES,
    *CODE_RULES,
    # B2B and its kin say "to" in every language.
    (r"(?<=[BCGOPD])2(?=[BCGMOP](?![A-Za-z]))", lambda m: "to"),
    *QUANTITY_RULES,
    (r"(?<=第)[IVX]{1,5}(?![A-Za-z])", _roman),
    (
        r"(?<![A-Za-z])(?:I[IVX]|I{3}|VI{1,3})(?=[型期级类度卷部])",
        _roman,
    ),
    (r"(?<=\d)[xX*](?=\d)", lambda m: "乘"),
    (r"(?<=[A-Za-z])\+\+", lambda m: "加加"),
    (r"(?<=C)#(?![A-Za-z0-9])", lambda m: " sharp"),
    (r"(?<![A-Za-z])&|&(?![A-Za-z])|[@%+=<>×÷±≈≠≤≥√∞π°№→²³]", lambda m: _SIGNS[m[0]]),
)
