"""What is written out, what stays, what is dropped, and the way back to the original."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inference_types import InvalidTextError
from tests.text.linear_time import assert_linear
from text.normalise import normalise

ENGLISH = [
    ("It costs $3.50.", "It costs three dollars and fifty cents."),
    ("$1 or €20", "one dollar or twenty euros"),
    ("£1.01", "one pound and one penny"),
    ("$2.5bn and $5 million", "two point five billion dollars and five million dollars"),
    ("-$5", "minus five dollars"),
    ("on 2024-03-05", "on March fifth, twenty twenty-four"),
    ("12/25/2023", "December twenty-fifth, twenty twenty-three"),
    ("March 3, 2024", "March third, twenty twenty-four"),
    ("3 March", "March third"),
    ("Jan. 5th", "January fifth"),
    ("at 12:30 p.m. today", "at twelve thirty PM today"),
    ("at 5pm", "at five PM"),
    ("8:05", "eight oh five"),
    ("9:00", "nine o'clock"),
    ("at 5 p.m. Then", "at five PM. Then"),
    ("in 1984", "in nineteen eighty-four"),
    ("1905, 2000, 2005", "nineteen oh five, two thousand, two thousand five"),
    ("the 1990s and 80s", "the nineteen nineties and eighties"),
    ("555-123-4567", "five five five, one two three, four five six seven"),
    ("1st 2nd 23rd 100th", "first second twenty-third one hundredth"),
    ("50% off", "fifty percent off"),
    ("3.14", "three point one four"),
    ("1,234,567", "one million two hundred thirty-four thousand five hundred sixty-seven"),
    ("about .05", "about point zero five"),
    ("agent 007", "agent zero zero seven"),
    ("1/2 and 3/4", "one half and three quarters"),
    ("½ cup", "one half cup"),
    ("10-20 people", "ten to twenty people"),
    ("version 1.2.3", "version one point two point three"),
    ("GPT-4 and GPT4", "GPT-four and GPT four"),
    ("Mr. Smith met Dr. Who", "Mister Smith met Doctor Who"),
    ("St. John's Ave. etc.", "Saint John's Avenue et cetera."),
    ("e.g. No. 5", "for example, number five"),
    ("the U.S. team", "the US team"),
    ("I like U.S. Then", "I like US. Then"),
    ("example.com", "example dot com"),
    ("https://www.a.org/b", "WWW dot a dot org slash b"),
    ("john.doe@mail.com", "john dot doe at mail dot com"),
    ("5 km in 3.5kg", "five kilometers in three point five kilograms"),
    ("1 ft, 6 ft", "one foot, six feet"),
    ("-5 °C", "minus five degrees Celsius"),
    ("60 km/h", "sixty kilometers per hour"),
    ("30 m²", "thirty square meters"),
    ("A & B", "A and B"),
    ("1 + 1 = 2", "one plus one equals two"),
    ("#5", "number five"),
    ("ＡＢＣ", "ABC"),
    ("Hello 😀 world", "Hello world"),
    ("a\tb\x00\u200b\u202ec", "a bc"),
    ("The IV of XIV", "The IV of XIV"),
    ("King Charles III was", "King Charles the third was"),
    ("Henry VIII's and Louis XIV.", "Henry the eighth's and Louis the fourteenth."),
    ("George V; Elizabeth I, Charles I think", "George the fifth; Elizabeth I, Charles I think"),
    ("World War II, World War I", "World War two, World War one"),
    ("Chapter IV, Part X, Act I", "Chapter four, Part ten, Act one"),
    ("Rocky III, type II", "Rocky three, type two"),
    ("part I like, Malcolm X, Charles IIII", "part I like, Malcolm X, Charles IIII"),
    ("IV drip, VI, I.V.", "IV drip, VI, IV."),
    ("one\ntwo.\n\nthree", "one.\ntwo.\nthree"),
    ("cafe\u0301", "café"),
]
CHINESE = [
    ("我有2个苹果", "我有两个苹果"),
    ("一共12.5元", "一共十二点五元"),
    ("2024年3月5日", "二零二四年三月五日"),
    ("在2024-03-05举行", "在二零二四年三月五日举行"),
    ("12:30见", "十二点三十分见"),
    ("8:05到", "八点零五分到"),
    ("温度-5℃", "温度负五摄氏度"),
    ("增长50%", "增长百分之五十"),
    ("增长3%-5%", "增长百分之三到百分之五"),
    ("跑了10km。", "跑了十公里。"),
    ("电话13812345678", "电话幺三八幺二三四五六七八"),
    ("价格¥100", "价格一百元"),
    ("要$20吗", "要二十美元吗"),
    ("3/4的人", "四分之三的人"),
    ("共1,234人", "共一千二百三十四人"),
    ("第1章", "第一章"),
    ("10-20人", "十到二十人"),
    ("我买了iPhone 15 Pro。", "我买了iPhone fifteen Pro。"),
    ("你好\n世界", "你好。\n世界"),
]


@pytest.mark.parametrize(("text", "spoken"), ENGLISH + CHINESE)
def test_written_out(text: str, spoken: str) -> None:
    assert normalise(text).text == spoken


@pytest.mark.parametrize("text", ["", "  \n", "?!...", "😀❤️", "\x00\x07", "\u200b\ufeff", "、。"])
def test_nothing_to_speak_is_an_error(text: str) -> None:
    with pytest.raises(InvalidTextError) as caught:
        normalise(text)
    assert (caught.value.field, caught.value.code) == ("gen_text", "text_empty")


def test_lone_surrogate_is_an_error() -> None:
    with pytest.raises(InvalidTextError, match="surrogate"):
        normalise("a\ud800")


def test_combining_marks_are_capped() -> None:
    assert len(normalise("a" + "\u0323" * 1000).text) <= 9


def test_control_characters_change_nothing() -> None:
    assert normalise("He\u200bllo\x00 \u202ewor\u00adld").text == normalise("Hello world").text


def test_words_lead_back_to_the_original() -> None:
    original = "Pay $3.50 to  Dr. Wu 😀 now"
    normal = normalise(original)

    def origin_of(words: str) -> str:
        start = normal.text.index(words)
        span = normal.original_span(start, start + len(words))
        return original[slice(*span)]

    assert origin_of("three dollars and fifty cents") == "$3.50"
    assert origin_of("fifty") == "$3.50"
    assert origin_of("Doctor") == "Dr."
    assert origin_of("Wu") == "Wu"
    assert origin_of("now") == "now"
    assert origin_of("cents to") == "$3.50 to"


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=120))
def test_any_text_gives_words_or_one_typed_error(text: str) -> None:
    try:
        normal = normalise(text)
    except InvalidTextError:
        return
    assert len(normal.text) == len(normal.starts) == len(normal.ends)
    assert all(0 <= s <= e <= len(text) for s, e in zip(normal.starts, normal.ends, strict=True))
    assert list(normal.starts) == sorted(normal.starts)
    assert "  " not in normal.text


@settings(max_examples=60, deadline=None)
@given(st.text(alphabet="aB1 2.,:/$%-+年个月的\n°km@", max_size=60))
def test_dense_signs_never_fail(text: str) -> None:
    try:
        normalise(text)
    except InvalidTextError as error:
        assert error.code == "text_empty"


@pytest.mark.parametrize(
    "unit",
    [
        "Pay $3.50 now. ",
        "1",
        "a",
        "www.a.b-",
        "a-",
        "1,234",
        "1/",
        "我有2个",
        "密码1-",
        "中1:",
        "é\u0301",
        "<b>",
    ],
)
def test_time_grows_linearly(unit: str) -> None:
    assert_linear(normalise, unit)
