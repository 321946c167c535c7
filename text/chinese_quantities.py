"""Chinese money, measures, percentages, fractions and ranges written out in characters."""

from __future__ import annotations

import re

from text.chinese_calendar import is_score
from text.chinese_numbers import AHEAD, DASH, MEASURE, NUMBER, count, count_before, number, scaled
from text.rules import Rule, after, before

_SIGN = r"(?:(?<![\w.)])(?P<sign>[+−-]))?"
_SIGN_WORDS = {"-": "负", "−": "负", "+": "加"}
_CURRENCIES = {
    "¥": "元",
    "$": "美元",
    "€": "欧元",
    "£": "英镑",
    "HK$": "港元",
    "NT$": "新台币",
    "AU$": "澳元",
    "A$": "澳元",
    "CA$": "加元",
    "C$": "加元",
    "S$": "新加坡元",
    "JP¥": "日元",
}
_UNITS = {
    "km/h": "公里每小时",
    "m/s": "米每秒",
    "km": "公里",
    "km²": "平方公里",
    "cm": "厘米",
    "cm²": "平方厘米",
    "cm³": "立方厘米",
    "mm": "毫米",
    "μm": "微米",
    "nm": "纳米",
    "m": "米",
    "μg": "微克",
    "μg/m³": "微克每立方米",
    "s": "秒",
    "m²": "平方米",
    "m³": "立方米",
    "㎡": "平方米",
    "kg": "公斤",
    "mg": "毫克",
    "g": "克",
    "mg/L": "毫克每升",
    "ml": "毫升",
    "mL": "毫升",
    "L": "升",
    "°C": "摄氏度",
    "℃": "摄氏度",
    "°F": "华氏度",
    "℉": "华氏度",
    "°": "度",
    "V": "伏",
    "kV": "千伏",
    "kW": "千瓦",
    "MW": "兆瓦",
    "kWh": "千瓦时",
    "mAh": "毫安时",
    "Hz": "赫兹",
    "kHz": "千赫",
    "MHz": "兆赫",
    "GHz": "吉赫",
    "dB": "分贝",
    "kcal": "千卡",
    "mmHg": "毫米汞柱",
    "h": "小时",
    "min": "分钟",
    "ms": "毫秒",
    "RMB": "元人民币",
    "CNY": "元人民币",
    "USD": "美元",
    "EUR": "欧元",
    "HKD": "港元",
}
_UNIT = (
    f"(?:{'|'.join(re.escape(unit) for unit in sorted(_UNITS, key=len, reverse=True))})"
    # 5g网络 is a kind of network, no weight.
    r"(?![A-Za-z0-9²³]|/[A-Za-z]|(?<=g)(?:网|手机|信号|时代|基站|套餐|通信|技术))"
)
# 第2个 is the second one, 2点2分 a time of day.
_NOT_COUNTED = re.compile(r"(?:第|\d[点时]) ?\Z")
_WARM = frozenset(("摄氏度", "华氏度", "度"))
# After these k and w are letters of a picture's size and watts.
_SCREEN = re.compile(
    "[的]?(?:超|高清|电视|屏|视频|分辨率|画质|显示|影|蓝光|摄|录|画面|直播|修复|投影|HDR|码率)"
)
_POWER = re.compile("[的]?(?:快充|闪充|充|功率|灯|电|音|无线|适配|大功)")
_EARNED = re.compile(
    "(?:粉丝|播放|浏览|阅读|点赞|[底月年]薪|工资|薪[资水]|收入|[月年]入)[^,，。]{0,4}\\Z"
)
# Of these an amount is so much for each: 99元/件, 3次/天.
_EACH = (
    "(?:[天日周月年人次件个斤克吨升米晚位本张套盒瓶包箱杯份页节户股间只台辆条块座秒季袋组课亩]"
    "|[公平立千]|小时|分钟)"
)


def _money(match: re.Match[str]) -> str:
    amounts = [_sum(match, name) for name in ("amount", "high") if match[name]]
    name = (match["area"] or "") + match["currency"]
    unit = _CURRENCIES.get(name) or _CURRENCIES[match["currency"]]
    return "到".join(amounts) + (match["magnitude"] or "") + unit


def _sum(match: re.Match[str], name: str) -> str:
    amount = round_cents(match[name])
    return scaled(amount, match["scale"]) if match["scale"] else count(amount)


def round_cents(amount: str) -> str:
    """Money without zeros at the end of its cents: 99.00 is 99, 59.90 is 59.9."""
    return amount.rstrip("0").rstrip(".") if "." in amount else amount


def _scaled(match: re.Match[str]) -> str | None:
    """`1.2w` people, `3k` a month; not 4K pictures and 60W lamps."""
    scale, rest = match["scale"], after(match, AHEAD)
    if scale in "wW" and (_POWER.match(rest) or before(match).endswith("功率")):
        return count(match["amount"]) + "瓦"
    is_letter = scale == "K" and not _EARNED.search(before(match))
    if is_letter or (scale in "kK" and _SCREEN.match(rest)):
        return None
    return scaled(match["amount"], scale) + ("加" if match["plus"] else "")


def _signed(match: re.Match[str]) -> str:
    return _SIGN_WORDS.get(match["sign"] or "", "")


def _unit(match: re.Match[str]) -> str:
    return _signed(match) + count(match["amount"]) + _UNITS[match["unit"]]


def _unit_range(match: re.Match[str]) -> str:
    """`3-5kg`; below zero degrees are 零下."""
    unit = _UNITS.get(match["unit"], match["unit"])
    minus = "零下" if unit in _WARM else "负"
    low = (minus if match["sign"] in ("-", "−") else "") + count(match["low"])
    high = (minus if match["minus"] else "") + count(match["high"])
    return low + (unit if match["low_unit"] else "") + "到" + high + unit


def _fraction(match: re.Match[str]) -> str:
    return f"{number(match['bottom'])}分之{number(match['top'])}"


def _range(match: re.Match[str]) -> str:
    """`2-3` as 二到三, as 两到三 before a measure word; scores, differences, figures."""
    rest, last = after(match, AHEAD), before(match)[-1:]
    measure = "" if last == "第" else rest
    low, high = (count_before(match[name], measure) for name in ("low", "high"))
    if rest.lstrip().startswith("=") or last == "满":
        return f"{low}减{high}"
    between = "杠" if last in ("图", "表") else "比" if is_score(match) else "到"
    return low + between + high


def _next_to(match: re.Match[str]) -> str | None:
    """`2、3个` as 两三个, but 第2、3个 stays a list."""
    is_list = before(match)[-1:] in ("第", "、") or int(match["b"]) != int(match["a"]) + 1
    return None if is_list else count(match["a"]) + count(match["b"])


def _two(match: re.Match[str]) -> str | None:
    return None if _NOT_COUNTED.search(before(match)) else "两"


def _plain(match: re.Match[str]) -> str:
    return _signed(match) + number(match["number"])


QUANTITY_RULES: tuple[Rule, ...] = (
    (
        r"(?:(?<![A-Za-z])(?P<area>US|HK|NT|AU?|CA?|SG?|JP|CN|RMB) ?)?(?P<currency>[¥$€£]) ?"
        rf"(?P<amount>{NUMBER})(?:{DASH}[¥$€£]?(?P<high>{NUMBER}))?"
        r"(?:(?P<scale>[kKwWMB])(?![A-Za-z]))?(?P<magnitude>[万亿千百]*)",
        _money,
    ),
    (
        r"(?P<amount>\d[\d,]{0,20}\.\d?0)(?=[元块万亿美])",
        lambda m: number(round_cents(m["amount"])),
    ),
    (
        r"(?<![\dA-Za-z.])(?<!\d,)(?P<amount>\d{1,8}(?:\.\d{1,4})?)(?P<scale>[kKwW])(?P<plus>\+)?"
        r"(?![A-Za-z0-9])",
        _scaled,
    ),
    (
        rf"(?P<low>{NUMBER})%?{DASH}(?P<high>{NUMBER})%",
        lambda m: f"百分之{number(m['low'])}到百分之{number(m['high'])}",
    ),
    (
        rf"{_SIGN}(?P<amount>{NUMBER}) ?%",
        lambda m: _signed(m) + "百分之" + number(m["amount"]),
    ),
    (rf"(?P<amount>{NUMBER})‰", lambda m: "千分之" + number(m["amount"])),
    (
        rf"{_SIGN}(?P<low>{NUMBER}) ?(?P<low_unit>{_UNIT})? ?(?:{DASH}|[到至]) ?(?P<minus>[−-])?"
        rf"(?P<high>{NUMBER}) ?(?P<unit>{_UNIT}|度)",
        _unit_range,
    ),
    (rf"{_SIGN}(?P<amount>{NUMBER}) ?(?P<unit>{_UNIT})", _unit),
    (r"(?<!\d)(?:24/7|7/24)(?!\d)", lambda m: "七乘二十四"),
    (r"(?<![\d/.])(?P<top>\d{1,4})[/\u2044](?P<bottom>\d{1,4})(?![\d/])", _fraction),
    (rf"(?<![\d.-])(?P<low>{NUMBER}){DASH}(?P<high>{NUMBER})(?![\d-])", _range),
    # The second half of a range whose first half says what is counted: 2019年-2023年, 1层-3层.
    (rf"(?<=[℃°度%]) ?{DASH} ?(?=\d)", lambda m: "到"),
    (
        rf"(?:(?<=\d[天周])|(?<=[年月日号时点分岁元万亿个名人章页课期级班楼层届])) ?{DASH} ?"
        # Below zero: 一月-5℃, 三月-2到5度.
        r"(?=第?\d)(?!\d{1,3}(?:\.\d)?(?:[到至~-]-?\d{1,3})? ?[℃°度])",
        lambda m: "到",
    ),
    (rf"(?<=[周期][一二三四五六]){DASH}(?=[周星一二三四五六日天])", lambda m: "到"),
    (rf"(?<=\d){DASH}(?=次日|翌日|第二天|凌晨|上午|中午|下午|晚)", lambda m: "到"),
    (rf"(?<![\d.])(?P<a>[1-9])、(?P<b>[1-9])(?={MEASURE})", _next_to),
    (rf"(?<![\d.])2(?=[百千万亿兆])|(?<![\d.A-Za-z])2(?= ?{MEASURE})", _two),
    (rf"(?<![\d.])2(?=[到至或]\d{{1,3}}(?:{MEASURE}))", _two),
    (r"(?<![\d.])2(?= ?(?:[GMTK]B|T)(?![A-Za-z])|G的?(?:内存|显存|运存|流量|空间|硬盘))", _two),
    (
        r"(?<!\d)\d{1,4}(?:\.\d{1,4}){2,5}(?!\d)",
        lambda m: "点".join(number(part) for part in m[0].split(".")),
    ),
    (rf"(?<=[\dkmgLh元块角分万亿度次克斤米升吨])/(?={_EACH})", lambda m: "每"),
    (rf"{_SIGN}(?P<number>{NUMBER})", _plain),
)
