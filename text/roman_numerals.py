"""The value of Roman numerals, for English and Chinese alike."""

from __future__ import annotations

from itertools import pairwise

_VALUES = {"I": 1, "V": 5, "X": 10, "L": 50}


def roman_value(numeral: str) -> int:
    """A letter before a larger one is taken away. Capitals I, V, X and L only (KeyError)."""
    values = [_VALUES[letter] for letter in numeral] + [0]
    return sum(-value if value < following else value for value, following in pairwise(values))
