"""Chinese words to symbols: rjieba words, readings by context, syllables in the voice's notation.

Gives the same symbols as misaki 0.9.4 on all Chinese rows of the voice data (its neutral tone has
no mark, tones follow their vowel, no tone sandhi is written).
"""

from __future__ import annotations

import functools

import rjieba

from text.chinese_characters import plain
from text.polyphones import readings

_TONES = {"1": "→", "2": "↗", "3": "↓", "4": "↘", "5": ""}
_INITIALS = {
    "zh": "ꭧ",
    "ch": "ꭧʰ",
    "sh": "ʂ",
    "b": "p",
    "p": "pʰ",
    "m": "m",
    "f": "f",
    "d": "t",
    "t": "tʰ",
    "n": "n",
    "l": "l",
    "g": "k",
    "k": "kʰ",
    "h": "x",
    "j": "ʨ",
    "q": "ʨʰ",
    "x": "ɕ",
    "r": "ɻ",
    "z": "ʦ",
    "c": "ʦʰ",
    "s": "s",
}
# The tone mark goes where the dot is.
_FINALS = {
    "a": "a·",
    "ai": "ai·",
    "an": "a·n",
    "ang": "a·ŋ",
    "ao": "au·",
    "e": "ɤ·",
    "ei": "ei·",
    "en": "ə·n",
    "eng": "ə·ŋ",
    "er": "ɚ·",
    "i": "i·",
    "ia": "ja·",
    "ian": "jɛ·n",
    "iang": "ja·ŋ",
    "iao": "jau·",
    "ie": "je·",
    "in": "i·n",
    "ing": "i·ŋ",
    "io": "jɔ·",
    "iong": "jʊ·ŋ",
    "iu": "jou·",
    "o": "wo·",
    "ong": "ʊ·ŋ",
    "ou": "ou·",
    "u": "u·",
    "ua": "wa·",
    "uai": "wai·",
    "uan": "wa·n",
    "uang": "wa·ŋ",
    "ue": "ɥe·",
    "ui": "wei·",
    "un": "wə·n",
    "uo": "wo·",
    "ueng": "wə·ŋ",
    "v": "y·",
    "van": "ɥɛ·n",
    "ve": "ɥe·",
    "vn": "y·n",
    "ê": "ɛ·",
}
_WHOLE = {"o": "ɔ·", "m": "m·", "n": "n·", "ng": "ŋ·", "hm": "hm·", "hng": "hŋ·"}


def han_words(run: str) -> list[tuple[int, str]]:
    """Length and symbols of each word of a run of Han characters, simplified or traditional.

    Characters nobody has a reading for are silent.
    """
    words = rjieba.cut(plain(run))
    symbols = ("".join(map(syllable_symbols, syllables)) for syllables in readings(words))
    return [(len(word), sound) for word, sound in zip(words, symbols, strict=True)]


@functools.lru_cache(maxsize=4096)
def syllable_symbols(syllable: str) -> str:
    """Symbols of one pinyin syllable with its tone digit 1 to 5, such as `zhong1` or `lv4`."""
    tone = _TONES.get(syllable[-1:])
    if tone is None:
        return ""
    base = syllable[:-1].replace("ü", "v")
    whole = _WHOLE.get(base)
    if whole is not None:
        return whole.replace("·", tone)
    initial, final = _split(base)
    symbols = _final_symbols(initial, final)
    return _INITIALS.get(initial, "") + symbols.replace("·", tone) if symbols else ""


def _split(base: str) -> tuple[str, str]:
    """Initial and final, the final written as after a consonant (yue -> ve, wei -> ui)."""
    if base[0] == "y":
        rest = base[1:]
        if rest.startswith("u"):
            return "", "v" + rest[1:]
        return "", {"ou": "iu"}.get(rest, rest if rest.startswith("i") else "i" + rest)
    if base[0] == "w":
        rest = base[1:]
        return "", {"ei": "ui", "en": "un"}.get(rest, rest if rest == "u" else "u" + rest)
    for size in (2, 1):
        if base[:size] in _INITIALS:
            return base[:size], base[size:]
    return "", base


def _final_symbols(initial: str, final: str) -> str:
    if final == "i" and initial in ("zh", "ch", "sh", "r", "z", "c", "s"):
        return "ɨ·"
    if initial in ("j", "q", "x") and final.startswith("u") and final != "ui":
        # iu is spelled with i first, so a leading u is ü here.
        final = "v" + final[1:]
    return _FINALS.get(final, "")
