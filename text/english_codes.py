"""Digits that are no quantity: phone numbers, codes, accounts, rooms and flights."""

from __future__ import annotations

import re

from text.english_numbers import cardinal, digit_by_digit, year
from text.english_units import COUNTED
from text.rules import Rule, after, before

_LOOK_BACK = 48
_GLUE = (
    r"(?: (?:me|us))?(?: (?:at|on))?"
    r"(?: (?:number|no\.?|num|code|is|was|are|to))?(?: (?:is|was))?[:,]? ?#?\Z"
)
# A cue before digits, and the least number of digits it takes: "text 88022", not "text 300 people".
_CUES = (
    (3, r"\b(?:code|pin|passcode|password|otp|zip|ext\.?|extension|dial|ending in|ends in)"),
    (4, r"\b(?:account|acct\.?|serial|confirmation|reference|ref\.?|routing|tracking)"),
    (5, r"\b(?:text|order|ticket|case|invoice|id|number|phone|call|tel\.?|fax|member|policy)"),
)
_CODE_CUES = [(least, re.compile(cue + _GLUE, re.IGNORECASE)) for least, cue in _CUES]
_LABEL_CUE = re.compile(
    r"\b(?:[Rr]oom|[Ff]light|Highway|Hwy|Route|Suite|Ste\.|Apt\.?|Boeing|Porsche|Interstate|"
    r"[Ff]light [A-Z]{2}) ?\Z"
)
_EMERGENCY_CUE = re.compile(
    r"\b(?:call|calls|called|calling|dial|dialed|dialing|phone) \Z", re.IGNORECASE
)
_STATES = {
    item[:2]: item[3:]
    for item in (
        "AL=Alabama AK=Alaska AZ=Arizona AR=Arkansas CA=California CO=Colorado CT=Connecticut "
        "DE=Delaware DC=D_C FL=Florida GA=Georgia HI=Hawaii ID=Idaho IL=Illinois IN=Indiana "
        "IA=Iowa KS=Kansas KY=Kentucky LA=Louisiana ME=Maine MD=Maryland MA=Massachusetts "
        "MI=Michigan MN=Minnesota MS=Mississippi MO=Missouri MT=Montana NE=Nebraska NV=Nevada "
        "NH=New_Hampshire NJ=New_Jersey NM=New_Mexico NY=New_York NC=North_Carolina "
        "ND=North_Dakota OH=Ohio OK=Oklahoma OR=Oregon PA=Pennsylvania RI=Rhode_Island "
        "SC=South_Carolina SD=South_Dakota TN=Tennessee TX=Texas UT=Utah VT=Vermont VA=Virginia "
        "WA=Washington WV=West_Virginia WI=Wisconsin WY=Wyoming"
    ).split()
}


def code_or_label(match: re.Match[str], digits: str) -> str | None:
    """Words of digits after a cue: one by one in a code, in pairs on a door or a plane."""
    past = before(match, _LOOK_BACK)
    if COUNTED.match(after(match)):
        return None
    for least, cue in _CODE_CUES:
        if len(digits) >= least and cue.search(past):
            return digit_by_digit(digits)
    return in_pairs(digits) if _LABEL_CUE.search(past) else None


def in_pairs(digits: str) -> str | None:
    """Room two oh four, flight twelve thirty-four; None for what is no such number."""
    if len(digits) == 4 and digits[0] != "0":
        return year(digits)
    if len(digits) != 3 or digits[0] == "0" or digits[1:] == "00":
        return None
    tail = digits[1:]
    return (
        f"{cardinal(digits[0])} {'oh ' + cardinal(tail[1]) if tail[0] == '0' else cardinal(tail)}"
    )


def _phone(match: re.Match[str]) -> str:
    groups = re.findall(r"\d+", match[0])
    plus = "plus " if match[0].startswith("+") else ""
    return plus + ", ".join(digit_by_digit(group) for group in groups)


def _international(match: re.Match[str]) -> str | None:
    num_digits = sum(char.isdigit() for char in match[0])
    return _phone(match) if num_digits >= 8 else None


def _local_phone(match: re.Match[str]) -> str | None:
    """555-1234, but 500-1000 is a range."""
    is_range = match[0][2] == "0" and match[0].endswith("00")
    return None if is_range else _phone(match)


def _groups(match: re.Match[str]) -> str:
    """Groups of digits with dashes: short ones are numbers ("20-20-20"), others codes."""
    groups = match[0].split("-")
    if max(map(len, groups)) == 1:
        return " ".join(map(cardinal, groups))
    read = digit_by_digit if max(map(len, groups)) > 2 else cardinal
    return ", ".join(map(read, groups))


def _emergency(match: re.Match[str]) -> str | None:
    is_noun = re.match(r" (?:call|operator|dispatch|emergency|center)", after(match))
    is_called = is_noun or _EMERGENCY_CUE.search(before(match, 10))
    return digit_by_digit(match[0]) if is_called else None


def _state(match: re.Match[str]) -> str | None:
    name = _STATES.get(match["state"])
    if name is None:
        return None
    return f"{name.replace('_', ' ')} {_phone(match)}"


_REST = r"(?:\(\d{3}\) ?|\d{3}[-. ])\d{3}[-.]\d{4}(?!\d)"
CODE_RULES: tuple[Rule, ...] = (
    (rf"(?<![\w.-])(?:\+?\d{{1,3}}[-. ])?{_REST}", _phone),
    (r"\+\d{1,3}(?:[ .-]\(?\d{1,5}\)?){2,5}(?![\w])", _international),
    (r"\+\d{8,15}(?!\d)", _international),
    (r"(?<![\w.])0\d{2,4}[ -]\d{3,4}[ -]?\d{3,4}(?![\w-])", _phone),
    (r"(?<![\w./-])\d{3}-\d{4}(?![\w-])", _local_phone),
    (r"(?<![\w.-])\d{3}-\d{2}-\d{4}(?![\w-])", _phone),
    (r"(?<![\w.-])\d{4}([ -]\d{4}){3}(?![\w-])", _phone),
    (r"(?<![\w.,/-])\d{1,13}(?:-\d{1,13}){2,6}(?![\w/=-]| ?=)", _groups),
    (r"(?<=, )(?P<state>[A-Z]{2}) \d{5}(?:-\d{4})?(?![\w-])", _state),
    (r"(?<![\w.,-])(?:911|999|112|988|311|411)(?![\w-]|[.,]\d)", _emergency),
)
