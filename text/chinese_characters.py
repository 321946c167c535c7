"""Traditional and full-width characters as their simplified and half-width equals, one to one.

What comes back is as long as what went in, so offsets into it are offsets into the text. It is
for finding rules and readings only: nobody is shown it.
"""

from __future__ import annotations

import re

from proces import traditional_to_simplified

# Variants and characters that merged with others, which the table of `proces` leaves out.
_MERGED = (
    "裡里裏里隻只祇只衹只髮发複复臺台檯台颱台係系繫系薑姜穀谷麵面麪面鬥斗鬪斗製制鐘钟捨舍傢家僕仆嚮向彙汇儘尽準准闆板齣出鬍胡鬚须週周彆别妳你牠它祂他喫吃衆众羣群牀床綫线爲为僞伪啓启産产"
    "説说鋭锐閲阅佔占佈布託托遊游湧涌鑑鉴讚赞唸念慾欲燬毁嶽岳勳勋誇夸孃娘樸朴癡痴睏困蘋苹醜丑鬆松鬱郁衝冲祕秘豔艳鵰雕餘余採采綵彩鞦秋韆千姪侄盃杯峯峰蹟迹溼湿痠酸菴庵蔴麻邨村慼戚慄栗籤签"
    "籲吁闢辟矇蒙濛蒙懞蒙昇升陞升剷铲剋克歎叹噁恶衕同讎仇燻熏鍊炼嚥咽嚐尝粧妆糉粽鹹咸蠔蚝駡骂墻墙擡抬崑昆崙仑纔才鷄鸡鉤钩糰团兇凶洩泄汙污汚污註注徬彷彿佛殭僵砲炮蹓溜貍狸劵券勗勖卹恤"
    "朶朵滷卤菸烟"
)
_SIMPLER = str.maketrans(dict(zip(_MERGED[::2], _MERGED[1::2], strict=True)))
_HALF_WIDTH = str.maketrans("：∶／．～〜－（）", "::/.~~-()")
# Characters that simplified writing has too: 乾坤 and 著名 keep them.
_IN_CONTEXT = (
    (re.compile("(?<!康)乾(?![坤隆卦县陵])"), "干"),
    (re.compile("(?<![显名原专编所土论译巨遗合拙卓昭共])著(?![名作者书述称录])"), "着"),
    (re.compile("瞭(?=解)|(?<=明)瞭"), "了"),
    (re.compile("甚(?=么)"), "什"),
)


def plain(text: str) -> str:
    """`text` with every traditional or full-width character replaced by its plain equal."""
    text = traditional_to_simplified(text.translate(_SIMPLER)).translate(_HALF_WIDTH)
    for pattern, simple in _IN_CONTEXT:
        text = pattern.sub(simple, text)
    return text
