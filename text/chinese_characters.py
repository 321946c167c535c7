"""Traditional and full-width characters as their simplified and half-width equals, one to one.

What comes back is as long as what went in, so offsets into it are offsets into the text. It is
for finding rules and readings only: nobody is shown it.
"""

from __future__ import annotations

import re

from opencc import OpenCC

_FIRST, _LAST = 0x3400, 0x9FFF  # the characters that have a reading (pypinyin)
# Variants that OpenCC leaves as they are.
_VARIANTS = "祇只衹只鬪斗妳你牠它祂他姪侄蔴麻邨村讎仇粧妆汚污徬彷砲炮蹓溜劵券勗勖朶朵"
_HALF_WIDTH = str.maketrans("：∶／．～〜－（）", "::/.~~-()")
# Characters that simplified writing has too: 乾坤 and 著名 keep them.
_IN_CONTEXT = (
    (re.compile("(?<!康)乾(?![坤隆卦县陵])"), "干"),
    (re.compile("(?<![显名原专编所土论译巨遗合拙卓昭共])著(?![名作者书述称录])"), "着"),
    (re.compile("瞭(?=解)|(?<=明)瞭"), "了"),
    (re.compile("甚(?=么)"), "什"),
)


def _simplified() -> dict[int, str]:
    """Table of single characters: a conversion of whole texts could change their length."""
    convert = OpenCC("t2s").convert
    pairs = {char: convert(char) for char in map(chr, range(_FIRST, _LAST + 1)) if char != "乾"}
    pairs |= dict(zip(_VARIANTS[::2], _VARIANTS[1::2], strict=True))
    return {ord(old): new for old, new in pairs.items() if _FIRST <= ord(new) <= _LAST}


_PLAIN = str.maketrans(_simplified() | _HALF_WIDTH)


def plain(text: str) -> str:
    """`text` with every traditional or full-width character replaced by its plain equal."""
    text = text.translate(_PLAIN)
    for pattern, simple in _IN_CONTEXT:
        text = pattern.sub(simple, text)
    return text
