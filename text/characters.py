"""Characters before words: what is dropped, what is replaced, which scripts a text is written in.

`clean` keeps, for every character it returns, the offset of the original it came from.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Iterable

from inference_types import InvalidTextError, RequestTooLargeError

MAX_COMBINING_MARKS = 8
FIELD = "gen_text"
_LINE_ENDS = frozenset("\n\r\v\f\u0085\u2028\u2029")
# Signs that are written out as words later; every other symbol character is dropped.
_SPOKEN_SIGNS = frozenset("°℃℉№©®™%‰+-=<>~$€£¥₹₩₽¢&@#×÷±√∞≈≠≤≥π§µ′″−→←²³^|`\u2044")
_SPEAKABLE = re.compile(r"[^\W_]")
_SCRIPT_NAMES = {
    "CJK UNIFIED": "han",
    "CJK COMPATIBILITY": "han",
    "IDEOGRAPHIC NUMBER": "han",
    "HIRAGANA": "hiragana",
    "KATAKANA": "katakana",
    "KATAKANA-HIRAGANA": "katakana",
}
_VOICE_FOR = {
    "hiragana": "Japanese",
    "katakana": "Japanese",
    "hangul": "Korean",
    "cyrillic": "Russian or another language in this script",
    "devanagari": "Hindi",
}


def check_length(text: str, max_chars: int) -> None:
    """Raise RequestTooLargeError for a text over `max_chars` characters."""
    if len(text) > max_chars:
        raise RequestTooLargeError(
            f"The text has {len(text)} characters; at most {max_chars} are accepted. "
            "Send it in parts.",
            field=FIELD,
        )


def clean(text: str) -> tuple[str, list[int]]:
    """Text without control, format, private and emoji characters, composed (NFC), and for each of
    its characters the offset in `text`.

    Line ends become one newline, other spaces a space, full-width letters and digits ASCII; at
    most eight combining marks stay on a character. Raises InvalidTextError for lone surrogates.
    """
    if text.isascii() and text.replace("\n", "").isprintable():
        return text, list(range(len(text)))
    kept: list[str] = []
    origins: list[int] = []
    for start, end in _clusters(text):
        composed = _composed(text[start:end])
        if "\u2044" in composed and kept and kept[-1][-1:].isdigit():
            composed = " " + composed  # "2½" is no "21/2"
        kept.append(composed)
        origins.extend([start] * len(composed))
    return "".join(kept), origins


def _clusters(text: str) -> Iterable[tuple[int, int]]:
    """Ranges of a base character and the combining marks after it."""
    start = 0
    for index, char in enumerate(text):
        if index and not (char > "\u02ff" and unicodedata.combining(char)):
            yield start, index
            start = index
    if text:
        yield start, len(text)


@functools.lru_cache(maxsize=20_000)
def _composed(cluster: str) -> str:
    base = _replacement(cluster[0])
    if len(cluster) == 1 or not base.strip():
        return base
    return unicodedata.normalize("NFC", base + cluster[1 : 1 + MAX_COMBINING_MARKS])


def _replacement(char: str) -> str:
    if " " <= char <= "~":
        return char
    if char in _LINE_ENDS:
        return "\n"
    category = unicodedata.category(char)
    if category == "Cs":
        raise InvalidTextError("The text holds a lone surrogate; send valid Unicode.", field=FIELD)
    if char.isspace() or category == "Zs":
        return " "
    if char in _SPOKEN_SIGNS:
        return char
    if category in ("Cc", "Cf", "Me") or unicodedata.combining(char):
        return ""
    if category == "Nd":
        return str(unicodedata.decimal(char))
    if category[0] == "C" or category in ("So", "Sk", "Mn"):
        return " " if category != "Mn" else ""
    return _plain_form(char)


def _plain_form(char: str) -> str:
    """ASCII for styled letters, digits and fractions; ideographs for their compatibility forms."""
    if char == "µ":
        return "μ"
    if char.isalnum() or char in "％＋－＝＜＞～＄＆＠＃￥￡":
        plain = unicodedata.normalize("NFKC", char)
        if plain.replace("\u2044", "").replace("¥", "").replace("£", "").isascii():
            return plain
    return unicodedata.normalize("NFC", char)


def has_speech(text: str) -> bool:
    """Whether anything in `text` can be spoken."""
    return _SPEAKABLE.search(text) is not None


def require_scripts(text: str, scripts: Iterable[str]) -> None:
    """Raise InvalidTextError, naming the script, when a letter is in none of `scripts`.

    Scripts are lower-case Unicode names: "latin", "han", "cyrillic", "hiragana", "hangul", ...
    """
    allowed = frozenset(scripts)
    for char in dict.fromkeys(text):
        if char.isalpha() and not char.isascii() and (script := script_of(char)) not in allowed:
            raise InvalidTextError(
                f"This voice speaks {_listed(allowed)} letters only, and the text holds "
                f"{script.title()} ones. Load a checkpoint trained for "
                f"{_VOICE_FOR.get(script, script.title() + ' text')} with its vocabulary "
                "(--model), or write the text in a supported script.",
                field=FIELD,
                code="script_unsupported",
            )


@functools.lru_cache(maxsize=20_000)
def script_of(char: str) -> str:
    """Lower-case script name of a letter, taken from its Unicode name."""
    name = unicodedata.name(char, "unknown")
    for prefix, script in _SCRIPT_NAMES.items():
        if name.startswith(prefix):
            return script
    return "latin" if name.startswith("MODIFIER LETTER") else name.split(" ")[0].lower()


def _listed(scripts: frozenset[str]) -> str:
    names = sorted("Chinese" if name == "han" else name.title() for name in scripts)
    return " and ".join(names)
