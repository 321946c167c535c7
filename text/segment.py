"""Cut text into pieces that are spoken one after the other, each within a budget of seconds.

Two policies: `equal` makes pieces of similar length near the budget; `exponential` starts with
about one clause, so that sound comes early, and grows by 1.6 from piece to piece up to the budget.
Cuts prefer sentence ends over clause ends over spaces; only a longer run without any of them is
cut inside. All linear in the text.
"""

from __future__ import annotations

import bisect
import re
import unicodedata
from collections.abc import Iterator, Sequence
from itertools import accumulate

from inference_types import CHUNK_POLICIES, ChunkPolicy, TextSegment
from text.boundaries import find_boundaries, is_han

# Seconds at normal pace: least squares over the voice data (mean error 12 % of an utterance).
HAN_S = 0.215
LETTER_S = 0.065
WORD_GAP_S = 0.02
DIGIT_S = 0.3
LETTER_NAME_S = 0.25
CLAUSE_PAUSE_S = 0.15
SENTENCE_PAUSE_S = 0.3
MIN_BUDGET_S = 1.0
FIRST_PIECE_S = 2.5
GROWTH = 1.6
# Which cut is taken: level (sentence, clause, phrase, word) and the least share of the budget it
# fills.
_PREFERENCES = (
    *((0, 0.5), (1, 0.5), (0, 0.25), (1, 0.25), (2, 0.5), (3, 0.5)),
    *((0, 0.0), (1, 0.0), (2, 0.0), (3, 0.0)),
)
# Marks kept before the first and after the last sound of a piece.
_MAX_MARKS = 8
# Capitals that are read by their names, as far as this can be told without looking them up.
_NAMED_LETTERS = re.compile(
    r"(?<![^\W\d_])(?:[A-Z]{2,3}|[B-DF-HJ-NP-TV-XZ]{4,5}|[B-HJ-Z])(?![^\W\d_])"
)
# Short words that stand in capitals where somebody shouts.
_SHOUTED = frozenset(
    "ALL AM AN AND ANY ARE AS ASK AT BE BIG BUT BY CAN DAY DID DO END FOR GET GO GOT HAD HAS HE HER"
    " HIM HIS HOT HOW IF IN IS IT ITS LET MAN MAY ME MY NEW NO NOT NOW OF OFF OH OK OLD ON ONE OR"
    " OUR OUT OWN PUT RUN SAD SAY SEE SET SHE SO THE TO TOO TRY TWO UP US USE WAS WAY WE WHO WHY"
    " WIN YES YOU".split()
)
_CLAUSE_MARKS = frozenset(",;:，；：、—–…")
_SENTENCE_MARKS = frozenset(".!?。！？\n")


def speech_units(text: str) -> float:
    """Estimated seconds of speech at normal pace; the sum over any cut into pieces is the same
    but for marks that stand alone."""
    return sum(_costs(text))


def is_speakable(char: str) -> bool:
    """Whether a character makes sound of its own."""
    return char.isalnum()


def split(text: str, policy: ChunkPolicy, budget: float) -> list[TextSegment]:
    """Pieces of `text` in order, none empty, none over `budget` seconds (`speech_units`).

    Every speakable character is in exactly one piece; marks and spaces between pieces may be
    left out. `text[piece.start:piece.end] == piece.text`. Text with nothing speakable gives [].
    Raises ValueError for an unknown policy or a budget under `MIN_BUDGET_S`.
    """
    if policy not in CHUNK_POLICIES:
        raise ValueError(f"policy must be one of {CHUNK_POLICIES}, got {policy!r}")
    if budget < MIN_BUDGET_S:
        raise ValueError(f"budget must be at least {MIN_BUDGET_S} s, got {budget}")
    spans = list(_Cutter(text).spans(policy, budget))
    return [
        TextSegment(
            index=index, text=text[start:end], start=start, end=end, is_last=index + 1 == len(spans)
        )
        for index, (start, end) in enumerate(spans)
    ]


def _costs(text: str) -> Iterator[float]:
    """Seconds of each character; of several marks in a row only the first makes a pause."""
    previous = ""
    for char, is_name in zip(text, _named_letters(text), strict=True):
        kind, cost = _cost(char)
        is_more = kind in ("pause", "gap") and previous in ("pause", "gap")
        yield 0.0 if is_more else LETTER_NAME_S if is_name else cost
        previous = kind


def _named_letters(text: str) -> bytearray:
    """1 for each character that is probably read by its name."""
    places = bytearray(len(text))
    for match in _NAMED_LETTERS.finditer(text):
        if match[0] not in _SHOUTED:
            places[match.start() : match.end()] = b"\1" * len(match[0])
    return places


def _cost(char: str) -> tuple[str, float]:
    if char.isalpha():
        is_wide = is_han(char) or unicodedata.east_asian_width(char) in "WF"
        return "sound", HAN_S if is_wide else LETTER_S
    if char.isalnum():
        return "sound", DIGIT_S
    if char in _SENTENCE_MARKS:
        return "pause", SENTENCE_PAUSE_S
    if char in _CLAUSE_MARKS:
        return "pause", CLAUSE_PAUSE_S
    return ("gap", WORD_GAP_S) if char.isspace() else ("mark", 0.0)


class _Cutter:
    """Prefix sums and boundaries of one text; all look-ups are binary searches."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._cost_before = [0.0, *accumulate(_costs(text))]
        self._num_spoken_before = [0, *accumulate(map(is_speakable, text))]
        found = find_boundaries(text)
        self._levels: tuple[Sequence[int], ...] = (
            found.sentences,
            found.clauses,
            found.phrases,
            found.words,
        )

    def spans(self, policy: ChunkPolicy, budget: float) -> Iterator[tuple[int, int]]:
        cap = min(budget, FIRST_PIECE_S) if policy == "exponential" else budget
        start = self._next_spoken(0)
        is_first = policy == "exponential"
        while start < len(self._text):
            end = self._end(start, cap, is_first)
            yield start, self._strip_right(start, end)
            if is_first:
                # While it plays the second must be made: "Hello!" pays for no long sentence
                # (0.5 s of silence on two cores before this was so).
                length = self._cost_before[end] - self._cost_before[start]
                cap = min(cap, max(length, FIRST_PIECE_S / 2))
            start = self._next_spoken(end)
            cap, is_first = min(budget, cap * GROWTH), False

    def _end(self, start: int, cap: float, is_first: bool) -> int:
        """Best cut after `start` with at most `cap` seconds before it."""
        rest = self._cost_before[-1] - self._cost_before[start]
        clause = self._first_clause(start, cap) if is_first else None
        if clause is not None:
            return clause
        if rest <= cap:
            return len(self._text)
        limit = self._limit(start, cap)
        num_pieces = int(rest / cap) + 1
        target = self._place(start, rest / num_pieces)
        for level, share in _PREFERENCES:
            first = max(start + 1, self._place(start, cap * share))
            cut = _nearest(self._levels[level], target, first, limit)
            if cut is not None and self._has_sound(start, cut):
                return cut
        return self._hard_cut(start, limit)

    def _first_clause(self, start: int, cap: float) -> int | None:
        """End of the first sentence or clause of at least a quarter of `cap`, if within `cap`."""
        earliest, limit = self._place(start, cap / 4), self._limit(start, cap)
        ends = [_nearest(level, earliest, earliest, limit) for level in self._levels[:2]]
        found = [end for end in ends if end is not None and self._has_sound(start, end)]
        return min(found, default=None)

    def _limit(self, start: int, seconds: float) -> int:
        """Largest end with at most `seconds` from `start`, at least one character on."""
        total = self._cost_before[start] + seconds + 1e-9
        return max(start + 1, bisect.bisect_right(self._cost_before, total) - 1)

    def _place(self, start: int, seconds: float) -> int:
        """Smallest end with at least `seconds` from `start`."""
        return bisect.bisect_left(self._cost_before, self._cost_before[start] + seconds)

    def _has_sound(self, start: int, end: int) -> bool:
        return self._num_spoken_before[end] > self._num_spoken_before[start]

    def _next_spoken(self, start: int) -> int:
        """Offset where the next piece starts: marks that open it are kept, spaces are not."""
        num_before = self._num_spoken_before[start]
        spoken = bisect.bisect_right(self._num_spoken_before, num_before) - 1
        if spoken >= len(self._text):
            return len(self._text)
        begin = spoken
        while begin > max(start, spoken - _MAX_MARKS) and _cost(self._text[begin - 1])[0] == "mark":
            begin -= 1
        return begin

    def _strip_right(self, start: int, end: int) -> int:
        num_spoken = self._num_spoken_before[end]
        last = bisect.bisect_left(self._num_spoken_before, num_spoken)
        return last + len(self._text[last : min(end, last + _MAX_MARKS)].rstrip())

    def _hard_cut(self, start: int, limit: int) -> int:
        """`limit`, moved before a character that combining marks hang on."""
        end = limit
        while end > start + 1 and unicodedata.combining(self._text[end : end + 1] or " "):
            end -= 1
        return end if self._has_sound(start, end) else limit


def _nearest(places: Sequence[int], target: int, first: int, last: int) -> int | None:
    """Member of sorted `places` in [first, last] nearest to `target`."""
    index = bisect.bisect_left(places, target)
    around = [places[i] for i in (index - 1, index) if 0 <= i < len(places)]
    inside = [place for place in around if first <= place <= last]
    if inside:
        return min(inside, key=lambda place: abs(place - target))
    if target > last and index:
        # Both neighbours lie beyond the window; its last member is the nearest.
        index = bisect.bisect_right(places, last)
        return places[index - 1] if index and places[index - 1] >= first else None
    return None
