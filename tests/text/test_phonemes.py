"""Symbols of the voice: equal to its data where the data is consistent, and always in the table."""

import json
import threading
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.text.linear_time import assert_linear
from text.mandarin import syllable_symbols
from text.phonemes import phonemize
from text.symbols import NUM_SYMBOLS, SYMBOL_IDS, SYMBOLS, symbol_ids

SAMPLES = [
    json.loads(line)
    for line in (Path(__file__).parent / "phoneme_samples.jsonl").read_text("utf-8").splitlines()
]


def symbols_of(text: str) -> str:
    return "".join(word.symbols for word in phonemize(text))


def distance(first: str, second: str) -> int:
    row = list(range(len(second) + 1))
    for i, old in enumerate(first, 1):
        corner, row[0] = row[0], i
        for j, new in enumerate(second, 1):
            corner, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, corner + (old != new))
    return row[-1]


def test_symbol_table_is_the_datas() -> None:
    assert NUM_SYMBOLS == len(SYMBOLS) == len(set(SYMBOLS)) == 78
    assert SYMBOLS[0] == " " and SYMBOL_IDS[" "] == 0
    assert symbol_ids("ꭧ !") == [77, 0, 1]


def test_english_error_rate_on_held_out_sentences() -> None:
    english = [row for row in SAMPLES if row["lang"] == "en"]
    errors = sum(distance(symbols_of(row["text"]), row["phonemes"]) for row in english)
    rate = errors / sum(len(row["phonemes"]) for row in english)
    assert rate <= 0.02, f"phoneme error rate {rate:.4f}"


def test_chinese_is_exact() -> None:
    for row in SAMPLES:
        if row["lang"] == "zh":
            assert symbols_of(row["text"]) == row["phonemes"]


@pytest.mark.parametrize(
    ("text", "symbols"),
    [
        ("After a few", "ˈæftəɹ ə fjˈu"),
        ("the end of the day", "ðɪ ˈɛnd ʌvðə dˈA"),
        ("to eat, to go", "tʊ ˈit, tə ɡˈO"),
        ("it is there.", "ɪɾ ɪz ðˈɛɹ."),
        ("The FBI, the GPU", "ðɪ ˌɛfbˌiˈI, ðə ʤˌipˌijˈu"),
        ("dogs wanted stopped boxes", "dˈɑɡz wˈɔntᵻd stˈɑpt bˈɑksᵻz"),
        ("a record, to record", "ə ɹˈɛkəɹd, tə ɹᵻkˈɔɹd"),
        ("I have read it. Read it.", "ˌI hæv ɹˈɛd ɪt. ɹˈid ɪt."),
        ("should've, I'd've, they'd've", "ʃˌʊdəv, ˌIdəv, ðˌAdəv"),
        ("Bob'll, how'd, who're", "bˈɑbᵊl, hˌWd, hˌuəɹ"),
        ("twenty-six", "twˈɛntisˈɪks"),
        ("McFee", "mək fˈi"),
        ("你好，世界！", "ni↓xau↓, ʂɨ↘ʨje↘!"),
        ("我用GPU。", "wo↓jʊ↘ŋ ʤˌipˌijˈu."),
        ("The 世界", "ðə ʂɨ↘ʨje↘"),
        ("《书》好", "“ʂu→” xau↓"),
        ("Well... yes", "wˈɛl. jˈɛs"),
        ("yes — no", "jˈɛs, nˈO"),
        ("Really?!", "ɹˈiəli?"),
        ("", ""),
        ("🎉 … Привет", ""),
    ],
)
def test_phrases(text: str, symbols: str) -> None:
    assert symbols_of(text) == symbols


@pytest.mark.parametrize(
    "word",
    ["Kubernetes", "xqzt", "blorptastic", "naïve", "iPhone", "GitHub", "O'Brien's", "é", "ß"],
)
def test_any_word_has_sound_and_at_most_one_main_stress_a_part(word: str) -> None:
    symbols = symbols_of(word)
    assert symbols and set(symbols) <= set(SYMBOLS)


@pytest.mark.parametrize(
    ("syllable", "symbols"),
    [
        ("zhong1", "ꭧʊ→ŋ"),
        ("lv4", "ly↘"),
        ("lve4", "lɥe↘"),
        ("yuan2", "ɥɛ↗n"),
        ("xue2", "ɕɥe↗"),
        ("er4", "ɚ↘"),
        ("shi4", "ʂɨ↘"),
        ("jiu3", "ʨjou↓"),
        ("wei4", "wei↘"),
        ("de5", "tɤ"),
        ("a1", "a→"),
        ("xyz", ""),
    ],
)
def test_syllables(syllable: str, symbols: str) -> None:
    assert syllable_symbols(syllable) == symbols


def test_words_know_their_place() -> None:
    text = "Out of the 世界, he ran."
    words = phonemize(text)
    assert all(text[word.start : word.end] == word.text for word in words)
    assert [word.text for word in words if word.is_spoken] == [
        "Out", "of", "the", "世界", "he", "ran",
    ]  # fmt: skip


@settings(max_examples=100, deadline=None)
@given(
    st.one_of(
        st.text(max_size=80),
        st.text(alphabet="abTHe 你好世,.!“”(《'-é\n12", max_size=80),
    )
)
def test_any_text_gives_ordered_words_in_the_table(text: str) -> None:
    end = 0
    for word in phonemize(text):
        assert word.symbols and set(word.symbols) <= set(SYMBOLS)
        assert word.start >= end or not word.text
        assert text[word.start : word.end] == word.text
        end = max(end, word.end)
    assert "  " not in symbols_of(text)


def test_threads_agree() -> None:
    text = "Several threads read 世界 Blorptastic words at once."
    results: list[str] = []
    threads = [threading.Thread(target=lambda: results.append(symbols_of(text))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(results)) == 1 and len(results) == 8


@pytest.mark.parametrize("unit", ["Some words. ", "a", "我们", "-a", "'", "'d", "(", "A", "aB"])
def test_time_grows_linearly(unit: str) -> None:
    assert_linear(phonemize, unit)
