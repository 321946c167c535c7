"""What English words become beside others: weak forms, words run together, letters.

Observed in the voice data, so that the model meets at run time what it was trained on.
"""

from __future__ import annotations

# Pairs the data speaks as one, and the two halves; a final ðə is ðɪ before a vowel.
JOINED: dict[tuple[str, ...], tuple[str, str]] = {
    ("of", "the"): ("ʌv", "ðə"),
    ("in", "the"): ("ɪn", "ðə"),
    ("on", "the"): ("ɔn", "ðə"),
    ("had", "been"): ("həd", "bɪn"),
    ("for", "the"): ("fəɹ", "ðə"),
    ("for", "a"): ("fəɹ", "ə"),
    ("of", "a"): ("əv", "ə"),
    ("from", "the"): ("fɹʌm", "ðə"),
    ("that", "the"): ("ðæt", "ðə"),
    ("there", "was"): ("ðɛɹ", "wˌʌz"),
    ("was", "a"): ("wʌz", "ə"),
    ("did", "not"): ("dɪd", "nˌɑt"),
    ("to", "be"): ("tə", "bi"),
    ("with", "the"): ("wɪð", "ðə"),
    ("was", "the"): ("wʌz", "ðə"),
    ("have", "been"): ("həv", "bɪn"),
    ("out", "of"): ("ˌWɾ", "əv"),
    ("would", "have"): ("wʊd", "həv"),
    ("of", "an"): ("əv", "ən"),
    ("there", "were"): ("ðɛɹ", "wˌɜɹ"),
    ("has", "been"): ("hˈæz", "bin"),
    ("i", "am"): ("I", "əm"),
    ("that", "a"): ("ðˌæɾ", "ə"),
    ("for", "an"): ("fəɹ", "ən"),
    ("of", "which"): ("ʌv", "wˈɪʧ"),
    ("there", "are"): ("ðɛɹ", "ˌɑɹ"),
    ("that", "it"): ("ðˌəɾ", "ɪt"),
    ("at", "once"): ("ət", "wˈʌns"),
    ("might", "have"): ("mˌIt", "həv"),
    ("many", "of"): ("mˈɛni", "əv"),
    ("do", "not"): ("du", "nˌɑt"),
    ("may", "have"): ("mˌA", "həv"),
    ("does", "not"): ("dʌz", "nˌɑt"),
    ("in", "which"): ("ɪn", "wˌɪʧ"),
    ("at", "a"): ("æɾ", "ə"),
    ("could", "have"): ("kˌʊd", "əv"),
    ("that", "one"): ("ðˈæt", "wˌʌn"),
    ("not", "a"): ("nˌɑɾ", "ə"),
    ("must", "have"): ("mˈʌst", "əv"),
    ("i", "shall"): ("I", "ʃˌəl"),
    ("we", "shall"): ("wi", "ʃˌəl"),
    ("no", "more"): ("nˈO", "mˌɔɹ"),
    ("had", "to"): ("hæd", "tə"),
    ("not", "have"): ("nˌɑɾ", "əv"),
    ("should", "have"): ("ʃˌʊd", "əv"),
    ("has", "not"): ("həz", "nɑt"),
    ("some", "one"): ("sˈʌm", "wʌn"),
    ("than", "a"): ("ðˌæn", "ə"),
    ("no", "one"): ("nˈO", "wˈʌn"),
    ("this", "one"): ("ðˈɪs", "wˌʌn"),
    ("far", "more"): ("fˈɑɹ", "mˌɔɹ"),
}

# Forms of words that lean on the next one: (inside a phrase, before a pause).
WEAK_FORMS: dict[str, tuple[str, str]] = {
    "a": ("ə", "ˈA"),
    "about": ("əbˌWt", "əbˈWt"),
    "already": ("ɔlɹˌɛdi", "ɔlɹˈɛdi"),
    "and": ("ænd", "ænd"),
    "before": ("bᵻfˌɔɹ", "bᵻfˈɔɹ"),
    "behind": ("bᵻhˌInd", "bᵻhˈInd"),
    "being": ("bˌiɪŋ", "bˈiɪŋ"),
    "below": ("bᵻlˌO", "bᵻlˈO"),
    "besides": ("bᵻsˌIdz", "bᵻsˈIdz"),
    "by": ("bI", "bˈI"),
    "could": ("kʊd", "kˈʊd"),
    "down": ("dˌWn", "dˈWn"),
    "go": ("ɡˌO", "ɡˈO"),
    "gone": ("ɡɔn", "ɡˈɔn"),
    "got": ("ɡɑt", "ɡˈɑt"),
    "had": ("hæd", "hˌæd"),
    "hers": ("hɜɹz", "hˈɜɹz"),
    "i": ("I", "ˈI"),
    "in": ("ɪn", "ˈɪn"),
    "it": ("ɪt", "ɪt"),
    "made": ("mˌAd", "mˈAd"),
    "so": ("sˌO", "sˈO"),
    "not": ("nˌɑt", "nˈɑt"),
    "on": ("ˌɔn", "ˈɔn"),
    "one": ("wˈʌn", "wˌʌn"),
    "over": ("ˌOvəɹ", "ˈOvəɹ"),
    "that": ("ðæt", "ðˈæt"),
    "the": ("ðə", "ðə"),
    "there": ("ðɛɹ", "ðˈɛɹ"),
    "this": ("ðɪs", "ðˈɪs"),
    "through": ("θɹu", "θɹˈu"),
    "to": ("tə", "tu"),
    "together": ("təɡˌɛðəɹ", "təɡˈɛðəɹ"),
    "up": ("ˌʌp", "ˈʌp"),
    "when": ("wɛn", "wˈɛn"),
    "what": ("wʌt", "wˈʌt"),
    "which": ("wˌɪʧ", "wˈɪʧ"),
    "who": ("hˌu", "hˈu"),
    "why": ("wˌI", "wˈI"),
}

# The same words where a phrase begins.
START_FORMS = {"what": "wˌʌt", "when": "wˌɛn", "got": "ɡˈɑt"}

# Pairs that change each other but keep their space.
PAIRED: dict[tuple[str, ...], tuple[str, str]] = {
    ("so", "much"): ("sˈO", "mˌʌʧ"),
    ("too", "much"): ("tˈu", "mʌʧ"),
    ("so", "far"): ("sˈO", "fˌɑɹ"),
    ("used", "to"): ("jˈust", "tə"),
}

BEFORE_VOWEL = {"the": "ðɪ", "to": "tʊ", "it": "ɪɾ", "at": "æɾ"}

LETTER_NAMES: dict[str, str] = {
    "a": "A",
    "b": "bi",
    "c": "si",
    "d": "di",
    "e": "i",
    "f": "ɛf",
    "g": "ʤi",
    "h": "Aʧ",
    "i": "I",
    "j": "ʤA",
    "k": "kA",
    "l": "ɛl",
    "m": "ɛm",
    "n": "ɛn",
    "o": "O",
    "p": "pi",
    "q": "kju",
    "r": "ɑɹ",
    "s": "ɛs",
    "t": "ti",
    "u": "ju",
    "v": "vi",
    "w": "dʌbᵊlju",
    "x": "ɛks",
    "y": "wI",
    "z": "zi",
}

# Capitals that are letters although the lexicon knows a word written the same.
SPELLED = frozenset(
    "AD AM AR BA CD DJ DR EU HR ID II IP IT LA MA MC MS OS PA PC PM PR TV UK UN US USA UPS VR "
    "ETA LED FAQ EST AWS HQ".split()
)

# Letters when somebody speaks softly, words when a whole phrase is shouted: "LET US GO".
WORDS_TOO = frozenset("IT US AM ID LED".split())
US_AFTER = frozenset(
    "let lets tell give help join contact call follow with for of to from by at "
    "between behind near against visit show save get send sent about ask all both".split()
)
IT_BEFORE = frozenset("support department team manager staff guy guys security services".split())

# After these a capital A is the letter.
BEFORE_LETTER = frozenset(
    "option plan grade vitamin part section group team type class hepatitis appendix letter "
    "exhibit room gate figure table point answer choice side schedule level zone block building "
    "terminal influenza series item an".split()
)
