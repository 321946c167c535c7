"""Telephone numbers, codes, rooms and flights: digits that are dictated one by one.

What says that digits are a code stands before them, so the readers look back a few characters.
"""

from __future__ import annotations

import re

from text.chinese_numbers import AHEAD, code, digits_one_by_one
from text.rules import Rule, after, before

_CODED_BEFORE = re.compile(
    "(?:(?:验证|校验|取件|提取|邀请|兑换|动态|识别|取货|确认|股票代|证券代|基金代|代|区|条形|PIN)码|密码|口令|暗号|[尾卡账帐房编工学考单群票证议]号"
    "|门牌|QQ|手机号|电话|热线|座机|分机|内线|传真|总机|拨打?|致电|来电|邮编|邮政编码|车牌|序列号|代号|航班|车次|客服"
    "|房间|包[间厢]|工位|单元|号楼|[栋幢座]|\\d[楼层])"
    # What may stand between, other codes of a list among it.
    "(?:号码|号|码)?[是为:了请或和及、，,/ \\dA-Za-z-]*\\Z"
)
_EMERGENCY_BEFORE = re.compile("[打报叫呼按][^\\d，。]?(?:[\\d、/或和]*)\\Z")
_AMOUNT_AFTER = re.compile(
    "[个元人次条张件位名块万亿千百多余几年月天岁倍米公平行章页秒度间套户只家台场份种本字%℃]|小时|分(?!享)|[A-Za-z]"
)
_AMOUNT_BEFORE = re.compile("[共约超过达近第满减付价¥$号了至为卖花售得有]\\Z")
_PLATE = "[京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼][A-Z]"
# Numbers known by their digits.
_NAMES = {
    "985": "九八五",
    "211": "二幺幺",
    "996": "九九六",
    "315": "三幺五",
    "618": "六幺八",
    "520": "五二零",
    "1314": "一三一四",
    "666": "六六六",
    "911": "九一一",
    "9·11": "九一一",
    "10010": "幺零零幺零",
    "10086": "幺零零八六",
    "12306": "幺二三零六",
    "12315": "幺二三幺五",
}


def _phone(match: re.Match[str]) -> str:
    groups = re.findall(r"\d+", match[0])
    return "，".join(digits_one_by_one(group, "幺") for group in groups)


def _is_amount(match: re.Match[str]) -> bool:
    return _AMOUNT_AFTER.match(after(match, AHEAD)) is not None


def _code(match: re.Match[str]) -> str | None:
    is_code = _CODED_BEFORE.search(before(match, 24)) is not None
    return code(match[0]) if is_code and not _is_amount(match) else None


def _emergency(match: re.Match[str]) -> str | None:
    is_call = _EMERGENCY_BEFORE.search(before(match)) or re.match(
        "(?:热线|报警|火警|急救|指挥|平台|客服|电话|网站|接警|中心|App|APP)", after(match, AHEAD)
    )
    return code(match[0]) if is_call and not _is_amount(match) else None


def _name(match: re.Match[str]) -> str | None:
    is_amount = _is_amount(match) or _AMOUNT_BEFORE.search(before(match))
    return None if is_amount else _NAMES[match[0]]


def _train(match: re.Match[str]) -> str:
    return digits_one_by_one(match[0], "幺" if len(match[0]) > 1 else "一")


CODE_RULES: tuple[Rule, ...] = (
    (r"(?<!\d)(?:\+86[ -]?)?1[3-9]\d[ -]?\d{4}[ -]?\d{4}(?!\d)", _phone),
    (r"(?<!\d)0\d{2,3}-\d{7,8}(?!\d)|(?<![\d-])[48]00-?\d{3,4}-?\d{3,4}(?![\d-])", _phone),
    (r"(?<![\d.])(?<!\d,)\d{7,}(?![\d.,万亿元个人次件名块美日户只条张年家])", _phone),
    (r"(?<![\d.])(?<!\d,)\d{3,}(?![\d:%℃])(?![.,]\d)", _code),
    (r"(?<![\d.])(?<!\d,)(?:1[12]\d|911|999|12\d{3}|100\d\d|95\d{3})(?!\d)", _emergency),
    (r"(?<![\d.-])\d{3,4}(?=室|号?房(?![子屋])|号包|教室|会议室|病房|宿舍)", lambda m: code(m[0])),
    (rf"(?<={_PLATE})[·•]?[A-Z0-9]{{5,6}}(?![A-Za-z0-9])", lambda m: code(m[0].lstrip("·•"))),
    (r"(?<=[GDCZTKY])\d{1,4}(?=次)", _train),
    (r"(?<=[A-Z][A-Z])\d{3,4}(?=次?航班)", lambda m: code(m[0])),
    (rf"(?<![\d.])(?<!\d,)(?:{'|'.join(_NAMES)})(?!\d|[.,]\d)", _name),
    # Heights: 1米82.
    (r"(?<=\d米)\d\d(?![\d.%个])", lambda m: digits_one_by_one(m[0])),
)
