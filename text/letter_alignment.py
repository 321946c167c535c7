"""Which letters of an English word make which sounds; used to build the lexicon files only."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

from text.symbols import STRESS, VOWELS

_MAX_UNITS_PER_LETTER = 2
_NUM_ROUNDS = 5
_UNSEEN = -9.0
_NEVER = -1e9
_LIKELY = {
    "c": "ksʧ",
    "e": "iɛəɪᵻ",
    "a": "Aæɑəɔ",
    "i": "Iɪiəᵻ",
    "o": "Oɑɔəʌ",
    "u": "uʌʊə",
    "y": "iIj",
    "x": "kz",
    "g": "ɡʤ",
    "s": "szʃ",
    "j": "ʤ",
    "q": "k",
    "r": "ɹ",
    "t": "tɾʃθð",
    "d": "dɾ",
}


def sound_units(symbols: str) -> list[str]:
    """Symbols one by one, a stress mark together with its vowel."""
    units: list[str] = []
    stress = ""
    for symbol in symbols:
        if symbol in STRESS:
            stress = symbol
        elif symbol in VOWELS:
            units.append(stress + symbol)
            stress = ""
        else:
            units.append(symbol)
    return units


def align_units(source: Sequence[str], target: Sequence[str]) -> list[str]:
    """Target symbols that belong to each source unit, by least edit cost; joined, maybe empty."""
    cost = [[float(i + j) for j in range(len(target) + 1)] for i in range(len(source) + 1)]
    for i, old in enumerate(source, 1):
        for j, new in enumerate(target, 1):
            replaced = cost[i - 1][j - 1] + _change(old, new)
            cost[i][j] = min(cost[i - 1][j] + 1, cost[i][j - 1] + 1, replaced)
    owned = [""] * (len(source) + 1)
    i, j = len(source), len(target)
    while i or j:
        if i and j and cost[i][j] == cost[i - 1][j - 1] + _change(source[i - 1], target[j - 1]):
            owned[i] = target[j - 1] + owned[i]
            i, j = i - 1, j - 1
        elif i and cost[i][j] == cost[i - 1][j] + 1:
            i -= 1
        else:
            owned[i] = target[j - 1] + owned[i]
            j -= 1
    if len(owned) > 1:
        owned[1] = owned[0] + owned[1]
    return owned[1:]


def _change(old: str, new: str) -> float:
    if old == new:
        return 0.0
    old, new = old.lstrip(STRESS), new.lstrip(STRESS)
    if old == new:
        return 0.25
    return 1.0 if (old in VOWELS) == (new in VOWELS) else 1.5


class LetterAligner:
    """Each letter makes zero to two units; chances by a few rounds of Viterbi training."""

    def __init__(self, log_chances: dict[tuple[str, tuple[str, ...]], float]) -> None:
        self._log_chances = log_chances

    @classmethod
    def fit(cls, words: Sequence[tuple[str, Sequence[str]]]) -> LetterAligner:
        aligner = cls({})
        for _ in range(_NUM_ROUNDS):
            counts: Counter[tuple[str, tuple[str, ...]]] = Counter()
            for word, units in words:
                for letter, (start, end) in zip(
                    word, aligner.spans(word, units) or (), strict=False
                ):
                    bare = tuple(unit.lstrip(STRESS) for unit in units[start:end])
                    counts[letter, bare] += 1
            totals: Counter[str] = Counter()
            for (letter, _), count in counts.items():
                totals[letter] += count
            aligner = cls({k: math.log(n / (totals[k[0]] + 1)) for k, n in counts.items()})
        return aligner

    def spans(self, word: str, units: Sequence[str]) -> list[tuple[int, int]] | None:
        """Range of units of each letter, or None where there are more units than letters make."""
        bare = [unit.lstrip(STRESS) for unit in units]
        best = [0.0] + [_NEVER] * len(bare)
        steps: list[list[int]] = []
        for place, letter in enumerate(word, 1):
            row, step = [_NEVER] * len(best), [0] * len(best)
            # Later letters can make at most so many units, so earlier ones made the others.
            first = max(0, len(bare) - _MAX_UNITS_PER_LETTER * (len(word) - place))
            for end in range(first, min(len(bare), _MAX_UNITS_PER_LETTER * place) + 1):
                for num in range(min(_MAX_UNITS_PER_LETTER, end) + 1):
                    if best[end - num] == _NEVER:
                        continue
                    score = best[end - num] + self._score(letter, tuple(bare[end - num : end]))
                    if score > row[end]:
                        row[end], step[end] = score, num
            steps.append(step)
            best = row
        return self._trace(steps, len(bare)) if best[-1] > _NEVER else None

    @staticmethod
    def _trace(steps: list[list[int]], end: int) -> list[tuple[int, int]]:
        spans: list[tuple[int, int]] = []
        for step in reversed(steps):
            spans.append((end - step[end], end))
            end -= step[end]
        return spans[::-1]

    def letters_of_units(self, word: str, units: Sequence[str]) -> list[str]:
        """Letters behind each unit; silent ones go with the unit before them."""
        spans = self.spans(word, units) if word.isalpha() else None
        letters = ["" if spans else "?"] * len(units)
        waiting = ""
        for letter, (start, end) in zip(word, spans or (), strict=False):
            if start == end and start > 0:
                letters[start - 1] += letter
            elif start == end:
                waiting += letter
            for index in range(start, end):
                letters[index] += waiting + letter
                waiting = ""
        return letters

    def _score(self, letter: str, units: tuple[str, ...]) -> float:
        if self._log_chances:
            return self._log_chances.get((letter, units), _UNSEEN - 2 * len(units))
        if len(units) != 1:
            return -2.0 if not units else -5.0
        if units[0] == letter:
            return -0.1
        if units[0] in _LIKELY.get(letter, ""):
            return -0.5
        return -2.0 if (units[0] in VOWELS) == (letter in "aeiouy") else -4.0
