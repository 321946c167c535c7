"""Subtitles made in the page: the server's lines, for words that are hard to get right."""

from __future__ import annotations

from dataclasses import asdict

from inference_types import WordSpan
from server.subtitles import to_srt, to_vtt
from tests.browser.page_driver import Page
from tests.server.harness import RATE, Running


def spoken(texts: list[str], word_ms: int, step_ms: int) -> list[WordSpan]:
    per_ms = RATE // 1000
    return [
        WordSpan(
            text=text,
            start_sample=i * step_ms * per_ms,
            end_sample=(i * step_ms + word_ms) * per_ms,
        )
        for i, text in enumerate(texts)
    ]


WORDS = {
    "markup": spoken(["<b>", "AT&T", "1", ">", "0", "&amp;"], 300, 300),
    "overlap": spoken(["One.", "Two!", "Three?", "Four…"], 1050, 1000),
    "pauses": spoken(["one", "two", "three"], 200, 900),
    "long": spoken(["seventeen"] * 40, 100, 100),
    "slow": spoken(["slow"] * 12, 1500, 1500),
    "chinese": spoken([*"你好世界。", "world", *"再见"], 200, 200),
    "emoji": spoken(["👍👍👍👍"] * 20, 100, 100),
    "hours": spoken(["late.", "later."], 500, 3_723_004),
    "none": [],
}


def test_the_page_writes_what_the_server_writes(page: Page, quick: Running) -> None:
    page.open(quick.url)
    for name, words in WORDS.items():
        end = words[-1].end_sample - RATE // 4 if words else 0  # the sound ends before its words
        assert page_files(page, words, end) == (
            to_srt(words, RATE, end),
            to_vtt(words, RATE, end),
        ), name


def page_files(page: Page, words: list[WordSpan], end: int) -> tuple[str, str]:
    """SRT and WebVTT as the page makes them."""
    srt, vtt = page.driver.execute_async_script(
        """
        const [words, rate, numSamples, done] = arguments;
        import('/page/subtitles.js').then(({ toSrt, toVtt }) => done(
          [toSrt(words, rate, numSamples), toVtt(words, rate, numSamples)],
        ));
        """,
        [asdict(word) for word in words],
        RATE,
        end,
    )
    return srt, vtt
