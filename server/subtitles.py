"""Words of a finished stream as SRT and WebVTT, grouped into lines a viewer can read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from inference_types import WordSpan

MAX_CUE_S = 5.0
MAX_CUE_CHARS = 42
_MAX_GAP_S = 0.6
_SENTENCE_ENDS = (".", "!", "?", "。", "！", "？", "…")


def _is_cjk(text: str) -> bool:
    return bool(text) and ("\u3040" <= text[0] <= "\u30ff" or "\u3400" <= text[0] <= "\u9fff")


def join_words(words: Sequence[WordSpan]) -> str:
    """The words of a line; CJK characters stand without spaces between them."""
    line = ""
    for word in words:
        needs_space = bool(line) and not (_is_cjk(word.text) and _is_cjk(line[-1]))
        line += (" " if needs_space else "") + word.text
    return line


def group_cues(words: Iterable[WordSpan], sample_rate: int) -> Iterator[list[WordSpan]]:
    """Lines of at most `MAX_CUE_S` and `MAX_CUE_CHARS`, cut at sentences and pauses."""
    cue: list[WordSpan] = []
    for word in words:
        if cue and _breaks(cue, word, sample_rate):
            yield cue
            cue = []
        cue.append(word)
    if cue:
        yield cue


def _breaks(cue: list[WordSpan], word: WordSpan, sample_rate: int) -> bool:
    return (
        cue[-1].text.endswith(_SENTENCE_ENDS)
        or word.start_sample - cue[-1].end_sample > _MAX_GAP_S * sample_rate
        or word.end_sample - cue[0].start_sample > MAX_CUE_S * sample_rate
        or len(join_words([*cue, word])) > MAX_CUE_CHARS
    )


def _clock(sample: int, sample_rate: int, separator: str) -> str:
    ms = round(sample * 1000 / sample_rate)
    return (
        f"{ms // 3_600_000:02}:{ms // 60_000 % 60:02}:{ms // 1000 % 60:02}{separator}{ms % 1000:03}"
    )


def _cue_lines(
    words: Iterable[WordSpan], rate: int, num_samples: int, separator: str
) -> Iterator[tuple[str, str]]:
    """Times and text of each line. Words meet or overlap at joins; lines on a screen must not."""
    cues = list(group_cues(words, rate))
    limits = [cue[0].start_sample for cue in cues[1:]] + [num_samples]
    for cue, limit in zip(cues, limits, strict=False):
        start, end = cue[0].start_sample, min(cue[-1].end_sample, limit)
        times = f"{_clock(start, rate, separator)} --> {_clock(max(start, end), rate, separator)}"
        yield times, join_words(cue)


def to_srt(words: Iterable[WordSpan], sample_rate: int, num_samples: int) -> str:
    """SubRip: numbered cues, comma before milliseconds; none ends after `num_samples`."""
    cues = enumerate(_cue_lines(words, sample_rate, num_samples, ","), start=1)
    # A blank line inside a text would end its cue; words hold no line breaks.
    return "".join(f"{number}\n{times}\n{text}\n\n" for number, (times, text) in cues)


def to_vtt(words: Iterable[WordSpan], sample_rate: int, num_samples: int) -> str:
    """WebVTT: header, point before milliseconds, markup characters escaped."""
    cues = _cue_lines(words, sample_rate, num_samples, ".")
    return "WEBVTT\n\n" + "".join(f"{times}\n{_escape(text)}\n\n" for times, text in cues)


def _escape(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
