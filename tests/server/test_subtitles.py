"""Subtitles: cues a viewer can read, in the two formats."""

from inference_types import WordSpan
from server.subtitles import MAX_CUE_CHARS, group_cues, to_srt, to_vtt

RATE = 1000  # one sample is one millisecond
END = 10**9


def spoken(*texts: str, word_ms: int = 300, gap_ms: int = 0) -> list[WordSpan]:
    step = word_ms + gap_ms
    return [
        WordSpan(text=text, start_sample=i * step, end_sample=i * step + word_ms)
        for i, text in enumerate(texts)
    ]


def test_srt_has_numbers_commas_and_blank_lines() -> None:
    assert to_srt(spoken("Hello", "world."), RATE, END) == (
        "1\n00:00:00,000 --> 00:00:00,600\nHello world.\n\n"
    )


def test_vtt_has_its_header_and_escapes_markup() -> None:
    assert to_vtt(spoken("a<b>", "&"), RATE, END) == (
        "WEBVTT\n\n00:00:00.000 --> 00:00:00.600\na&lt;b&gt; &amp;\n\n"
    )


def test_a_sentence_end_and_a_pause_start_a_new_cue() -> None:
    assert len(list(group_cues(spoken("One.", "Two."), RATE))) == 2
    assert len(list(group_cues(spoken("One", "two", gap_ms=700), RATE))) == 2


def test_lines_stay_short() -> None:
    words = spoken(*["seventeen"] * 50, word_ms=100)
    assert all(len(c) * 10 - 1 <= MAX_CUE_CHARS for c in group_cues(words, RATE))
    assert sum(len(c) for c in group_cues(words, RATE)) == 50


def test_chinese_words_join_without_spaces() -> None:
    assert "你好 world 再见" in to_srt(spoken("你", "好", "world", "再见"), RATE, END)


def test_hours_are_counted() -> None:
    word = WordSpan(text="late", start_sample=3_723_004, end_sample=3_723_104)
    assert "01:02:03,004 --> 01:02:03,104" in to_srt([word], RATE, END)


def test_no_words_give_an_empty_file() -> None:
    assert to_srt([], RATE, END) == "" and to_vtt([], RATE, END) == "WEBVTT\n\n"


def test_lines_never_overlap_nor_outlast_the_sound() -> None:
    words = [
        WordSpan(text="One.", start_sample=0, end_sample=1050),
        WordSpan(text="Two.", start_sample=1000, end_sample=2500),
    ]
    text = to_srt(words, RATE, 2200)
    assert "00:00:00,000 --> 00:00:01,000" in text and "00:00:01,000 --> 00:00:02,200" in text
