"""English words written alike and spoken differently: the form their neighbours ask for."""

from __future__ import annotations

from collections.abc import Sequence

from text.lexicon import Entry, find_word

# The second form of these is one that nobody means ("a minute detail" beside "wait a minute",
# "that consist of", "the arithmetic", "an invalid ticket").
_ONE_FORM = frozenset(
    "minute closer arithmetic arsenic cleanly lunged consist consists houses mouths impress "
    "impresses invalid overweight".split()
)
# Words the lexicon gives one form, or the rarer one first.
_FORMS = {
    "excuse": Entry(symbols="ɛkskjˈuz", other_tag="N", other_symbols="ɛkskjˈus"),
    "refuse": Entry(symbols="ɹᵻfjˈuz", other_tag="N", other_symbols="ɹˈɛfjˌus"),
    "reuse": Entry(symbols="ɹijˈuz", other_tag="N", other_symbols="ɹijˈus"),
    "abuse": Entry(symbols="əbjˈus", other_tag="V", other_symbols="əbjˈuz"),
    "misuse": Entry(symbols="mɪsjˈus", other_tag="V", other_symbols="mɪsjˈuz"),
    "diffuse": Entry(symbols="dɪfjˈus", other_tag="V", other_symbols="dɪfjˈuz"),
    "diffused": Entry(symbols="dɪfjˈuzd"),
    "bass": Entry(symbols="bˈAs", other_tag="C", other_symbols="bˈæs"),
    "lead": Entry(symbols="lˈid", other_tag="C", other_symbols="lˈɛd"),
    "winds": Entry(symbols="wˈɪndz", other_tag="C", other_symbols="wˈIndz"),
    "content": Entry(symbols="kˈɑntɛnt", other_tag="C", other_symbols="kəntˈɛnt"),
    "imports": Entry(symbols="ˈɪmpɔɹts", other_tag="V", other_symbols="ɪmpˈɔɹts"),
    "increases": Entry(symbols="ˈɪŋkɹˌisᵻz", other_tag="V", other_symbols="ɪŋkɹˈisᵻz"),
}
_OF_SUBJECTS = "he she it who which"
# Neighbours that settle a word's second form: (right before it, right after it).
_CUES: dict[str, tuple[str, str]] = {
    "use": (
        "personal commercial fair full good better best single daily everyday make makes made "
        "making drug alcohol land energy water home general public heavy continued",
        "case cases",
    ),
    "live": (
        "went go goes going gone broadcast broadcasting streamed streaming aired performed "
        "performing recorded",
        "music tv stream streams streaming show shows updates performance performances concert "
        "coverage band audience chat event events sports action demo broadcast",
    ),
    "lead": ("", "pipe pipes poisoning paint acid"),
    "bass": ("sea striped largemouth smallmouth black", "fishing"),
    "winds": ("road river path trail", "its"),
    "content": (
        "am is are was were be i'm he's she's we're they're felt feel feels quite very perfectly "
        "fully seems seemed",
        "",
    ),
    "excuse": ("good better poor bad lame", "for to"),
    "contract": ("", "law lawyer with between workers work terms negotiations"),
    "produce": ("fresh local organic", "section aisle"),
    "import": ("", "duty duties tax taxes tariff tariffs controls restrictions"),
    "increases": (_OF_SUBJECTS, "the"),
    "imports": (_OF_SUBJECTS, "the"),
    "refuse": ("", "collection bin bins"),
    "abuse": ("", "the his her their your"),
    "alternate": ("", "between"),
    "delegate": ("", "tasks"),
    "coordinate": ("", "with"),
}
_NEIGHBOURS = {
    word: (frozenset(before.split()), frozenset(after.split()))
    for word, (before, after) in _CUES.items()
}
_HELPERS = frozenset(
    "to will would can could shall should may might must not don't doesn't didn't won't can't "
    "couldn't wouldn't shouldn't do does did please let's".split()
)
_SUBJECTS = frozenset("i you he she it we they who".split())
_VERB_SIGNS = _HELPERS | frozenset(
    "i you we they who i'll you'll we'll they'll he'll she'll it'll i'd you'd we'd they'd never "
    "always often ll".split()
)
_NOUN_SIGNS = frozenset(
    "a an the this these those my your his her its our their no some any every each of in "
    "on for with at from by new old first last next world only same".split()
)
_PAST_SIGNS = frozenset(
    "he she it who have has had having was were been be is are being i've you've we've they've "
    "he'd she'd".split()
)
_HAVE = frozenset("have has had haven't hasn't hadn't".split())
_ADVERBS = frozenset("already just never ever also not widely well recently finally only".split())
_TIME_UNITS = frozenset("night week month year time summer winter spring fall monday".split())
_PRONOUN_OBJECTS = frozenset("it them him me us".split())
_OBJECT_SIGNS = frozenset("the a an this that these those my your his her its our their".split())
_MAX_ADVERBS = 3
_MAX_AHEAD = 12


def heteronym_form(lower: Sequence[str], index: int) -> str | None:
    """Symbols of the word at `index` of a phrase in small letters, where it has two forms."""
    word = lower[index]
    entry = _FORMS.get(word) or find_word(word)
    if entry is None or word in _ONE_FORM:
        return None
    if not entry.other_tag:
        return entry.symbols if word in _FORMS else None
    return entry.other_symbols if _is_other(entry.other_tag, lower, index) else entry.symbols


def _is_other(tag: str, lower: Sequence[str], index: int) -> bool:
    """Whether the second form is asked for; tags: N noun, V verb, P past, C by its cues only."""
    previous = lower[index - 1] if index else ""
    following = lower[index + 1] if index + 1 < len(lower) else ""
    before, after = _NEIGHBOURS.get(lower[index], (frozenset(), frozenset()))
    is_verb = previous in _SUBJECTS or previous in _HELPERS
    if previous in before or (following in after and not is_verb):
        return True
    if tag == "P":
        return _is_past(lower, index)
    if tag == "V":
        return _is_verb(previous, following)
    if tag == "N":
        return _is_noun(lower, index, previous, following)
    return _is_special(lower[index], lower, index)


def _is_verb(previous: str, following: str) -> bool:
    is_command = not previous and following in _OBJECT_SIGNS
    return previous in _VERB_SIGNS or following in _PRONOUN_OBJECTS or is_command


def _is_noun(lower: Sequence[str], index: int, previous: str, following: str) -> bool:
    if following in _PRONOUN_OBJECTS:
        return False
    # "people that live here": only the first word of a phrase is surely no "which".
    is_shown = previous in _NOUN_SIGNS or (previous == "that" and index == 1)
    is_live_from = lower[index] == "live" and following == "from" and previous not in _VERB_SIGNS
    return is_shown or is_live_from or (following == "of" and lower[index] in _NOUNS_OF)


_NOUNS_OF = frozenset("use reuse refuse increase import produce estimate excuse".split())


def _is_special(word: str, lower: Sequence[str], index: int) -> bool:
    """lead of metal at the end of "made of lead"; winds as a verb after what can wind."""
    if word == "lead":
        is_metal = index > 1 and lower[index - 1] == "of" and lower[index - 2] in _MADE
        return is_metal and index + 1 == len(lower)
    if word == "winds":
        following = lower[index + 1] if index + 1 < len(lower) else ""
        return following in ("up", "down") and lower[index - 1 : index] not in (["the"], ["strong"])
    return False


_MADE = frozenset("made pounds kilograms grams tons piece pieces bit amount".split())


def _is_past(lower: Sequence[str], index: int) -> bool:
    """Whether read (or wound) is a past form: have read, have you ever read, he read."""
    place = index - 1
    while place >= 0 and index - place <= _MAX_ADVERBS and lower[place] in _ADVERBS:
        place -= 1
    previous = lower[place] if place >= 0 else ""
    earlier = lower[place - 1] if place > 0 else ""
    if previous in _SUBJECTS and (earlier in _HAVE or earlier in _HELPERS):
        return earlier in _HAVE
    is_read = lower[index] == "read"
    is_told = is_read and previous not in _HELPERS and _tells_of_the_past(lower, index, previous)
    return previous in _PAST_SIGNS or is_told


def _tells_of_the_past(lower: Sequence[str], index: int, previous: str) -> bool:
    rest = lower[index + 1 : index + 1 + _MAX_AHEAD]
    is_last = any(a == "last" and b in _TIME_UNITS for a, b in zip(rest, rest[1:], strict=False))
    is_then = previous in _SUBJECTS and "then" in rest
    return is_last or is_then or "yesterday" in rest or "ago" in rest
