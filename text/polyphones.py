"""Readings of Chinese words, the characters with several readings by the words around them.

pypinyin reads word by word. Its words are taken as they are but for `_WORDS`, which it has wrong,
and for characters whose reading the sentence decides (`_RULES`, 得 and 地). pypinyin's own tables
stay untouched: the F5 tokeniser must read as its reference does.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Sequence
from itertools import accumulate

import rjieba
from pypinyin import Style, lazy_pinyin
from pypinyin.constants import PHRASES_DICT

_NUMERAL = "一二两三四五六七八九十百千万几"
# A reading per character.
_WORDS = {
    word: tuple(reading)
    for word, *reading in map(
        str.split,
        """
        时差 shi2 cha1, 温差 wen1 cha1, 落差 luo4 cha1, 色差 se4 cha1, 利差 li4 cha1,
        调休 tiao2 xiu1, 卷子 juan4 zi5, 问卷 wen4 juan4, 朝九晚五 zhao1 jiu3 wan3 wu3,
        支行 zhi1 hang2, 招行 zhao1 hang2, 工行 gong1 hang2, 建行 jian4 hang2, 农行 nong2 hang2,
        投行 tou2 hang2, 弹窗 tan2 chuang1, 落下 luo4 xia4, 大夫 dai4 fu5, 旋风 xuan4 feng1,
        冲着 chong4 zhe5, 圈养 juan4 yang3, 舍友 she4 you3, 踏实 ta1 shi5, 幢 zhuang4,
        染发 ran3 fa4, 烫发 tang4 fa4, 发质 fa4 zhi4, 色子 shai3 zi5,
        任正非 ren2 zheng4 fei1, 任嘉伦 ren2 jia1 lun2, 任志强 ren2 zhi4 qiang2,
        朴槿惠 piao2 jin3 hui4, 查良镛 zha1 liang2 yong1, 解缙 xie4 jin4,
        单田芳 shan4 tian2 fang1, 仇英 qiu2 ying1, 华罗庚 hua4 luo2 geng1
        """.split(","),
    )
}
# Patterns on the Han run, each with its character as the group; the first that matches counts. One
# that starts with its character counts only where a word starts: no prize in 其中 奖金.
_RULES: dict[str, tuple[tuple[str, str], ...]] = {
    "还": (
        (
            rf"(还)(?=[了完清上]?(?:[你我他她它咱]们?|的|这|那|笔|[块元{_NUMERAL}])*"
            "(?:钱|贷|债(?!券)|账(?![户号])|款|书(?![写面法呆])|车(?!水)|房贷|信用卡|花呗|人情))",
            "huan2",
        ),
        (r"(还)(?=[我你他她](?:清白|自由|公道)|给)", "huan2"),
    ),
    "行": (
        (rf"第[零〇{_NUMERAL}]+(行)", "hang2"),
        (
            rf"(?<=[{_NUMERAL}多每首末空换整])(行)"
            "(?=小?字|代码|文字|文本|诗|数据|眼?泪|台词|注释|白鹭)",
            "hang2",
        ),
        (rf"[这那哪每干]一(行)(?![人{_NUMERAL}])", "hang2"),
        ("(行)(?=数|距|号|首(?!先)|末)", "hang2"),
    ),
    "长": (
        ("(长)(?=长了)", "zhang3"),
        ("(?<=长)(长)(?=了)|(长)(?=得多)", "chang2"),
        (
            "(?<=[很太真更最挺够极较多不狭细米尺寸丈])(长)(?![大得出高胖成进满肉毛草记个点])",
            "chang2",
        ),
        (
            "(?:时间|这么|那么|非常|特别|有点|越来越|一样|相当|比较|十分|头发|公里)(长)"
            "(?![大得出高胖成长])",
            "chang2",
        ),
    ),
    "中": (
        (
            "(中)(?=了?(?:[大头特小]|[一二三]等)?(?:奖|彩票|标(?!准)|毒|计(?![划算])|枪|弹|招|暑|签|邪|圈套))",
            "zhong4",
        ),
        ("(?<=[猜说投])(中)(?=了|\\Z)", "zhong4"),
    ),
    "种": (
        (
            rf"(种)(?<![{_NUMERAL}多各这那哪某每此何该品]种)"
            "(?=[了下上着过树花菜地田草粮瓜豆茶]|水稻|玉米|小麦|葡萄|果树)",
            "zhong4",
        ),
    ),
    "弹": (
        (
            f"(弹)(?=[琴奏唱出回开起跳]|[了着过]?[{_NUMERAL}]?[首支段曲个]?(?:吉他|钢琴|古筝|琵琶|曲|琴))",
            "tan2",
        ),
    ),
    "觉": (
        (
            f"睡[了个不着好够过{_NUMERAL}大懒]*(觉)|[{_NUMERAL}][个大]?(觉)(?=[醒睡到])|[午懒好大]"
            "(觉)(?![得察悟醒])",
            "jiao4",
        ),
    ),
    "为": (
        ("(?:[评选称誉改封尊视升变转译设聘判换]|任命|[确规指限]定)(为)(?![了什何])", "wei2"),
        (rf"(?:[数值率量度价额宽高积址号果例]|[密号]码)(为)(?=[零负百{_NUMERAL}]|\Z)", "wei2"),
    ),
    "数": (
        ("(数)(?=了|一[数下遍]|钱|星星|羊|到|清|着|不[清完尽过]|得[清过])", "shu3"),
        ("数一(数)", "shu3"),
    ),
    "倒": (
        (
            f"(倒)(?<![水茶酒奶汤圾]倒)(?=了(?![{_NUMERAL}半点些杯碗水茶酒])|在(?![杯碗锅盆瓶])|地)",
            "dao3",
        ),
    ),
    "教": (
        (
            "(教)(?=[我你他她它您咱谁人给过]|大家|孩子|学生|别人|英语|汉语|中文|语文|数学|物理|化学|钢琴"
            "|唱|跳|弹|画|做|怎|会了?[我你他她孩]|了[我你他她一两三])",
            "jiao1",
        ),
    ),
    "转": (
        ("(转)(?=了?[一两三几]?圈|悠|来转去|个不停|得(?:很|飞|太)?快)|来(转)去", "zhuan4"),
        ("(?<=来)(转)(?=去)|(?<=[在])(转)(?![变换让发账向身学移交达播机])", "zhuan4"),
    ),
    "落": (("把.{1,6}(落)(?=在[家车公办学宿教酒出飞火地店桌了哪])", "la4"),),
    "量": (
        ("(量)(?=了?(?:一量|一下|一次)?(?:体温|血压|身高|体重|尺寸|三围|腰围|身))", "liang2"),
        ("(量)(?=一量)", "liang2"),
    ),
    "削": (
        ("(削)(?=苹果|皮|梨|铅笔|土豆|水果|黄瓜|尖)", "xiao1"),
        ("刀(削)", "xiao1"),
    ),
    "的": (("打(的)(?=去|回|到|过去|上班|费|票)", "di1"),),
    "重": (("(重)(?=[装写做试启播返建组置拍编走])", "chong2"),),
    "干": (("(?<=[晒吹晾烘擦烤榨])(干)(?![部什嘛活])", "gan1"),),
    "调": (("(调)(?=[大小高低亮暗快慢松紧成好准匀])", "tiao2"),),
    "假": (
        (f"[请放休](?:[了完个过天周月年长小大半{_NUMERAL}])*(假)(?![装如设的])", "jia4"),
        ("(?<=[年婚产病事丧长寒暑])(假)(?![装如设的])", "jia4"),
    ),
    "系": (("(系)(?=[好上紧着]|安全带|领带|围巾|鞋带|红领巾)", "ji4"),),
    "盛": (("(盛)(?=了?[一两半几]?[碗饭汤菜粥勺]|满)", "cheng2"),),
    "处": (("(处)(?=[在于])", "chu3"),),
    "结": (("(结)(?=[了出满](?:很多|许多|不少|[一两几])?.?[果瓜])", "jie1"),),
    "切": (
        (
            "(切)(?=[开菜片块断割除换碎丝下掉好了成肉]|一[下刀块片半个]|西瓜|水果|蛋糕|洋葱|土豆|面包)",
            "qie1",
        ),
    ),
    "撒": (("(撒)(?=[盐糖种粉水花上点些在])", "sa3"),),
    "着": (("(?<=[睡找用够摸见犯轮管][不得])(着)|(?<=点)(着)(?=了)", "zhao2"),),
    "鲜": (("(?<=朝)(鲜)", "xian3"),),
    "背": (("(背)(?=着(?![我你他她它大人])|起(?!诵)|黑锅|包袱)", "bei1"),),
    "只": (
        (
            f"(?<=[{_NUMERAL}这那每半])(只)(?![有能要是会好不见剩得顾因需想为管怕])",
            "zhi1",
        ),
    ),
    "嚼": (("(?<!咀)(嚼)", "jiao2"),),
    "炸": (("(炸)(?=[鸡酱薯虾串鱼糕丸排])", "zha2"),),
    "葛": (("(葛)(?![根布藤麻])", "ge3"),),
    "翟": (("(翟)", "zhai2"),),
}
_SURNAMES = {
    **{"曾": "zeng1", "单": "shan4", "仇": "qiu2", "解": "xie4", "查": "zha1", "朴": "piao2"},
    **{"任": "ren2", "华": "hua4", "宁": "ning4"},
}
_TITLED = "(?=先生|女士|小姐|同学|老师|医生|总(?![是有会要共能在得之])|某|家(?:村|庄))"
for _name, _reading in _SURNAMES.items():
    _RULES[_name] = ((f"姓({_name})", _reading), (f"({_name}){_TITLED}", _reading))
_COMPILED = {
    char: tuple((re.compile(pattern), reading) for pattern, reading in rules)
    for char, rules in _RULES.items()
}

# 得 after these is dei3, "must"; after verbs and adjectives it is de5.
_OBLIGED = re.compile(
    "[也都还就总必可又才]|一定|肯定|至少|起码|必须|最少|还是|恐怕|可能|大概|应该|大家|孩子|自己"
    "|今天|明天|后天|晚上|早上|[上下中]午|现在|以后|今后|明年|有时候?|最后|首先|然后|接下来|事情|.?事"
    "|.{0,2}(?:[我你他她它您咱俺谁们]|.[人生师员者司妈爸])"
)
_GOT = re.compile("[了到过奖分病出知名第的]|不[到了]")
_GETS = frozenset("不所获取赢夺难求")
_EXTREMELY = re.compile("很|要命|厉害|不行|不得了")
_NO_ADVERB = frozenset(("n", "ns", "nr", "nt", "nz", "s", "f", "t", "r", "q", "m"))
_ADVERB = re.compile("(.)\\1\\Z|(?:[大小高低轻]声|科学|系统|历史|本能|艺术|一[步点次遍个下])\\Z")


def readings(words: Sequence[str]) -> list[tuple[str, ...]]:
    """Pinyin with tone digits of each word of one run of Han characters, by character."""
    run = "".join(words)
    found = [list(_word_reading(word)) for word in words]
    place_of = [(i, j) for i, word in enumerate(words) for j in range(len(word))]
    for place, reading in _changes(words, run):
        word, char = place_of[place]
        if len(found[word]) == len(words[word]):
            found[word][char] = reading
    return [tuple(syllables) for syllables in found]


@functools.lru_cache(maxsize=20_000)
def _word_reading(word: str) -> tuple[str, ...]:
    if len(word) == 3 and word[0] == "曾" and word not in PHRASES_DICT:
        return ("zeng1", *_word_reading(word[1:]))
    return _WORDS.get(word) or tuple(
        lazy_pinyin(word, style=Style.TONE3, neutral_tone_with_five=True)
    )


def _changes(words: Sequence[str], run: str) -> Iterator[tuple[int, str]]:
    starts = {0, *accumulate(map(len, words))}
    for char in _COMPILED.keys() & set(run):
        for pattern, reading in reversed(_COMPILED[char]):
            is_initial = pattern.pattern.startswith("(" + char)
            for match in pattern.finditer(run):
                place = match.start(match.lastindex or 0)
                if not is_initial or place in starts:
                    yield place, reading
    if "得" in run:
        yield from _must_or_so(words)
    if "地" in run:
        yield from _adverbs(words, run)


def _must_or_so(words: Sequence[str]) -> Iterator[tuple[int, str]]:
    """得 as a word: dei3 where somebody must, de5 between a verb and how it is done."""
    place = 0
    for index, word in enumerate(words):
        is_unknown = word not in PHRASES_DICT
        if word[0] == "得" and (len(word) == 1 or is_unknown):
            rest = word[1:] + (words[index + 1] if index + 1 < len(words) else "")
            before = words[index - 1] if index else ""
            if rest and not _GOT.match(rest):
                is_must = not before or _OBLIGED.fullmatch(before)
                yield place, "dei3" if is_must and not _EXTREMELY.match(rest) else "de5"
        elif is_unknown and word[1:2] == "得" and len(word) <= 3 and word[0] not in _GETS:
            is_must = len(word) == 2 and _OBLIGED.fullmatch(word[0])
            yield place + 1, "dei3" if is_must else "de5"
        place += len(word)


def _adverbs(words: Sequence[str], run: str) -> Iterator[tuple[int, str]]:
    """地 between words that say how and a verb: de5."""
    tags = [tag for _, tag in rjieba.tag(run)]
    tags = tags if len(tags) == len(words) else [""] * len(words)
    place = 0
    for index, word in enumerate(words):
        if word[0] == "地" and (len(word) == 1 or word not in PHRASES_DICT):
            if index and place + 1 < len(run) and _says_how(words, tags, index):
                yield place, "de5"
        elif word[-1] == "地" and len(word) > 2 and (tags[index] == "d" or word[-3] == word[-2]):
            yield place + len(word) - 1, "de5"
        place += len(word)


def _says_how(words: Sequence[str], tags: Sequence[str], index: int) -> bool:
    """Whether what stands before the 地 of `words[index]` is no thing that owns or has land."""
    before = "".join(words[max(0, index - 2) : index])
    if _ADVERB.search(before):
        return True
    return len(words[index - 1]) > 1 and tags[index - 1] not in _NO_ADVERB
