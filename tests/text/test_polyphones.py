"""Characters with several readings: what the words around decide, and what must stay as it was."""

import time

import pytest
import rjieba
from pypinyin import Style, lazy_pinyin

from text.pinyin import pinyin_tokens
from text.polyphones import readings

# Text, character, its readings in order.
CONTEXTS = [
    ("我得走了", "得", "dei3"),
    ("你得早点睡", "得", "dei3"),
    ("他也得去", "得", "dei3"),
    ("今天得去医院", "得", "dei3"),
    ("得赶紧走", "得", "dei3"),
    ("跑得很快", "得", "de5"),
    ("说得对", "得", "de5"),
    ("累得要命", "得", "de5"),
    ("长得很可爱", "得", "de5"),
    ("他得了冠军", "得", "de2"),
    ("我得不到答案", "得", "de2"),
    ("还得到表扬", "得", "de2"),
    ("觉得", "得", "de5"),
    ("高兴地笑了", "地", "de5"),
    ("慢慢地走", "地", "de5"),
    ("认真地学习", "地", "de5"),
    ("科学地安排", "地", "de5"),
    ("情不自禁地笑了", "地", "de5"),
    ("突然难过地说", "地", "de5"),
    ("农村地少人多", "地", "di4"),
    ("一亩地种玉米", "地", "di4"),
    ("目的地", "地", "di4"),
    ("北京地铁", "地", "di4"),
    ("还钱", "还", "huan2"),
    ("还我十块钱", "还", "huan2"),
    ("还书", "还", "huan2"),
    ("还给图书馆", "还", "huan2"),
    ("还有钱", "还", "hai2"),
    ("他还我行我素", "还", "hai2"),
    ("还不清楚", "还", "hai2"),
    ("第三行", "行", "hang2"),
    ("一行字", "行", "hang2"),
    ("一行人", "行", "xing2"),
    ("第一次行动", "行", "xing2"),
    ("银行行长", "行", "hang2 hang2"),
    ("很长", "长", "chang2"),
    ("一米长", "长", "chang2"),
    ("多长时间", "长", "chang2"),
    ("长大", "长", "zhang3"),
    ("它长得很高", "长", "zhang3"),
    ("头发长长了", "长", "zhang3 chang2"),
    ("不长记性", "长", "zhang3"),
    ("中了大奖", "中", "zhong4"),
    ("其中奖金一万", "中", "zhong1"),
    ("他说中文", "中", "zhong1"),
    ("种了几棵树", "种", "zhong4"),
    ("这种树", "种", "zhong3"),
    ("弹吉他", "弹", "tan2"),
    ("子弹", "弹", "dan4"),
    ("睡了一觉", "觉", "jiao4"),
    ("一觉醒来", "觉", "jiao4"),
    ("感觉到了", "觉", "jue2"),
    ("着急", "着", "zhao2"),
    ("睡不着", "着", "zhao2"),
    ("被评为先进", "为", "wei2"),
    ("密码为一二三", "为", "wei2"),
    ("因为你", "为", "wei4"),
    ("生命为你燃烧", "为", "wei4"),
    ("数了一遍", "数", "shu3"),
    ("人数到齐了", "数", "shu4"),
    ("杯子倒了", "倒", "dao3"),
    ("倒了一杯水", "倒", "dao4"),
    ("教我唱歌", "教", "jiao1"),
    ("教学过程", "教", "jiao4"),
    ("轮子在转", "转", "zhuan4"),
    ("正在转账", "转", "zhuan3"),
    ("把钥匙落在家里", "落", "la4"),
    ("落在地上", "落", "luo4"),
    ("量一量体温", "量", "liang2 liang2"),
    ("削苹果", "削", "xiao1"),
    ("打的去机场", "的", "di1"),
    ("重装系统", "重", "chong2"),
    ("体重建议", "重", "zhong4"),
    ("晒干", "干", "gan1"),
    ("调成静音", "调", "tiao2"),
    ("强调大家", "调", "diao4"),
    ("请了三天假", "假", "jia4"),
    ("放下假面具", "假", "jia3"),
    ("系着围裙", "系", "ji4"),
    ("关系好", "系", "xi4"),
    ("盛了一碗饭", "盛", "cheng2"),
    ("切蛋糕", "切", "qie1"),
    ("亲切一点", "切", "qie4"),
    ("背着孩子", "背", "bei1"),
    ("背着我干坏事", "背", "bei4"),
    ("两只手", "只", "zhi1"),
    ("这只是开始", "只", "zhi3"),
    ("曾国藩", "曾", "zeng1"),
    ("曾经", "曾", "ceng2"),
    ("姓任", "任", "ren2"),
    ("任总", "任", "ren2"),
    ("任何人", "任", "ren4"),
]
# Words that were right before, which no rule may touch.
COMMON = """
    重新 重复 音乐 快乐 银行 行走 便宜 方便 朝阳 觉得 睡觉 教书 教室 为了 因为
    认为 调查 调整 倒车 倒下 好奇 好人 干净 干部 角色 角度 处理 到处 传说 自传
    转身 转动 相信 照相 率领 效率 少年 多少 兴奋 高兴 差不多 出差 参差 曾经 曾祖
    降落 投降 强大 勉强 空气 空闲 背包 背景 会计 会议 首都 都是 校长 成长 长江
    长度 增长 重要 重量 了解 受不了 得到 得意 还有 还是 归还 只有 朝代 参加 人参
    差别 弹琴 子弹 当然 上当 发现 头发 分数 成分 更新 爱好 和平 暖和 喝水 计划
    几乎 假期 真假 间接 时间 降低 结果 结实 解决 看守 空白 积累 测量 暴露 落后
    没有 淹没 模样 难过 灾难 宁愿 片子 漂亮 店铺 奇数 一切 亲切 曲折 歌曲 散步
    散文 宿舍 什么 反省 似的 提防 挑战 系统 相片 剥削 要求 应该 反应 参与 下载
    心脏 选择 涨价 着火 穿着 正月 中间 看中 种类 旋转 钻研 作业
""".split()


@pytest.mark.parametrize(("text", "char", "expected"), CONTEXTS)
def test_context_decides(text: str, char: str, expected: str) -> None:
    syllables = [syllable for word in readings(rjieba.cut(text)) for syllable in word]
    found = [syllable for place, syllable in zip(text, syllables, strict=True) if place == char]
    assert " ".join(found) == expected


@pytest.mark.parametrize("word", COMMON)
def test_common_words_are_read_as_their_dictionary_says(word: str) -> None:
    expected = lazy_pinyin(word, style=Style.TONE3, neutral_tone_with_five=True)
    assert [s for part in readings([word]) for s in part] == expected


def test_the_f5_tokeniser_reads_as_its_reference() -> None:
    """It has no such rules: 得 of 我得走 stays what the reference makes of it."""
    readings(rjieba.cut("我得还钱"))
    assert pinyin_tokens("我得还钱") == [" ", "wo3", " ", "de2", " ", "hai2", " ", "qian2"]


@pytest.mark.parametrize(
    "unit", ["我得还钱", "长", "地", "睡", "得", "还我一", "请天", "慢慢地走", "把"]
)
def test_time_grows_linearly(unit: str) -> None:
    def cpu_s(num_chars: int) -> float:
        words = rjieba.cut(unit * (num_chars // len(unit)))
        start = time.process_time()
        readings(words)
        return time.process_time() - start

    cpu_s(1000)
    once, fourfold = cpu_s(4_000), cpu_s(16_000)
    assert fourfold < 8 * once + 0.2
