"""Make tests/golden/text/tokens.json: tokens and ids of the published tokeniser.

Runs in the environment described in make_f5_goldens.py:
`/work/torchenv/bin/python -m tests.golden.make_text_goldens` from the repository root.
"""

from __future__ import annotations

import json
from pathlib import Path

import f5_tts

from tests.golden.torch_reference import f5_text

FILE = Path(__file__).parent / "text" / "tokens.json"
STRINGS = (
    "",
    " ",
    "a",
    "Hello, world. How are you today?",
    "wait... what? (yes) [no] {maybe}",
    "e-mail john.doe about 3.5kg, 50% off; U.S. sales of 1,000 units.",
    "AT&T, c#, C++ and C# -- state-of-the-art_v2.0 #1 a+b=c",
    "“Curly” ‘quotes’ don't; it's \"straight\" ones.",
    "line one\nline two\r\nline three\ttab",
    "MixedCASE Words ABC xyz 0123456789 !@#$%^&*()",
    "visit https://example.com/a?b=c&d=1 or mail me@host.org",
    "version 1.2.3-rc.4, v2, x86_64, 10.0.0.1",
    "...leading dots --and dashes-- 'quoted'",
    "double  spaces   and trailing  ",
    "naïve café Zürich ÀÉÎ ñ",
    "你好",
    "你好，世界。",
    "我们今天去公园玩，好不好？",
    "他说：“银行行长长得很高。”",
    "一个人不是一座孤岛；不要，不对，一起。",
    "重庆的重要会议将于2024年3月15日召开。",
    "我在用Python3.11写代码，版本是v1.0。",
    "请打电话010-12345678，或发e-mail到abc@test.com。",
    "这件衣服打8.5折，只要￥199！",
    "女儿绿色旅行，律师略略。",
    "《红楼梦》——中国古典小说……真好看",
    "AI模型GPT-4比BERT大100%。",
    "Hello你好world世界",
    "北京(Beijing)是中国的首都 OK",
    "小明说Let's go!然后跑了。",
    "東京タワーはとても高いです。",
    "ひらがなとカタカナと漢字",
    "안녕하세요 세계",
    "Привет, мир! Как дела?",
    "Καλημέρα κόσμε",
    "مرحبا بالعالم",
    "ˈhɛloʊ wɜːld",
    "emoji 😀 in text 👍🏽 你好😀",
    "ＡＢＣ１２３ full-width ：；！？",
    "龘靐齉 rare 㐀 characters",
    "了不得 还是 还钱 觉得 睡觉 音乐 快乐",
    "Dr. Smith's No. 5, Mr. & Mrs. O'Neil-Jones (a.k.a. \"OJ\").",
    "for x in a_b.c: print(x)  # comment",
    "第1章 1/2 3×4 5÷6 ±7°C",
    "、。，！？；：「」『』（）",
    "今天天气真好啊啊啊啊啊哈哈哈哈哈哈",
)


def main() -> None:
    vocabulary_file = Path(next(iter(f5_tts.__path__))) / "infer" / "examples" / "vocab.txt"
    rows, _ = f5_text.get_tokenizer(str(vocabulary_file), "custom")
    token_lists = f5_text.convert_char_to_pinyin(list(STRINGS))
    cases = [
        {"text": text, "tokens": tokens, "ids": [rows.get(token, 0) for token in tokens]}
        for text, tokens in zip(STRINGS, token_lists, strict=True)
    ]
    FILE.parent.mkdir(exist_ok=True)
    lines = ",\n".join(json.dumps(case, ensure_ascii=False) for case in cases)
    FILE.write_text(f"[\n{lines}\n]\n", encoding="utf-8")


if __name__ == "__main__":
    main()
