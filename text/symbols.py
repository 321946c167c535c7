"""Symbol table of the shipped voice: phonemes, stress and tone marks, punctuation.

The id of a symbol is its place in `SYMBOLS`; weights depend on this order, so entries are never
moved. The space is 0.
"""

from __future__ import annotations

from collections.abc import Iterable

# Taken from the voice data's symbols.txt, one character per symbol.
SYMBOLS = ' !"(),.:;?AIOWYabdefhijklmnopstuvwxyzæðŋɑɔɕəɚɛɜɡɤɥɨɪɹɻɾʂʃʊʌʒʔʤʦʧʨʰˈˌθᵊᵻ“”→↓↗↘ꭧ'
SYMBOL_IDS: dict[str, int] = {symbol: index for index, symbol in enumerate(SYMBOLS)}
NUM_SYMBOLS = len(SYMBOLS)
VOWELS = frozenset("aæɑɔəɚɛɜiɪuʊʌAIOWYᵻᵊ")
STRESS = "ˈˌ"


def symbol_ids(symbols: Iterable[str]) -> list[int]:
    """Ids of a phoneme string, one per character; KeyError names a symbol outside the table."""
    return [SYMBOL_IDS[symbol] for symbol in symbols]
