"""Build `lexicon_en.tsv.xz` and `letters_en.tsv.xz`: the English pronunciations of the voice.

    python -m text.lexicon_build --misaki DIR --metadata metadata.jsonl --out text

`DIR` holds `us_gold.json` and `us_silver.json` of misaki 0.9.4 (Apache-2.0). Its pronunciations
follow other habits than the voice data (reduced vowels, secondary stress), so a context table
learned from the words both know rewrites all of them; words of the data keep the data's form.
A second table, letters to symbols, is learned from the result for words nobody listed. Both
tables back off from wide contexts to narrow ones with Witten-Bell weights. Needs two minutes of
one core and is run once; the two files are committed.
"""

from __future__ import annotations

import argparse
import difflib
import json
import logging
import lzma
import random
import re
from collections import Counter, defaultdict
from collections.abc import Iterable
from pathlib import Path

from text.english_forms import JOINED
from text.letter_alignment import LetterAligner, align_units, sound_units
from text.lexicon import letter_contexts

Context = tuple[str, ...]
Distribution = dict[str, float]

_NUM_ALIGNED_WORDS = 8000
_MIN_WIDE_COUNT = 2
_NUM_NARROW_LEVELS = 3
_MIN_LIKENESS = 0.4
_WORD = re.compile(r"[a-z]+(?:['-][a-z]+)*'?")
_PUNCTUATION = '-.,;:!?"()'
_logger = logging.getLogger(__name__)


def _interpolated(counts: Counter[str], wider: Distribution) -> Distribution:
    """Witten-Bell: a context trusts itself by its count against its number of outcomes."""
    weight = len(counts)
    total = counts.total() + weight
    outputs = counts.keys() | wider.keys()
    return {o: (counts[o] + weight * wider.get(o, 1e-4)) / total for o in outputs}


def read_misaki(folder: Path) -> tuple[dict[str, str], dict[str, dict[str, str]]]:
    """Default forms by lower-case word, and the words that have several, by part of speech."""
    words: dict[str, str] = {}
    several: dict[str, dict[str, str]] = {}
    for name in ("us_silver.json", "us_gold.json"):
        entries = json.loads((folder / name).read_text(encoding="utf-8"))
        for word, entry in sorted(entries.items(), key=lambda item: item[0].islower()):
            forms = entry if isinstance(entry, dict) else {"DEFAULT": entry}
            if forms["DEFAULT"] is None:
                continue
            words[word.lower()] = forms["DEFAULT"]
            if len(forms) > 1 and "None" not in forms and word.islower():
                several[word] = {tag: form for tag, form in forms.items() if form}
    return words, several


def read_metadata(path: Path, misaki: dict[str, str]) -> dict[str, str]:
    """The data's most frequent form of each word, from its training rows.

    Forms far from misaki's are left out: they come from rows where words and symbols slipped.
    """
    forms: dict[str, Counter[str]] = defaultdict(Counter)
    for line in path.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        if row["lang"] == "en" and row["split"] == "train":
            for word, symbols in _word_forms(row["text"], row["phonemes"]):
                is_slip = _likeness(symbols, misaki.get(word, symbols)) < _MIN_LIKENESS
                if _WORD.fullmatch(word) and symbols.isalpha() and not is_slip:
                    forms[word][symbols] += 1
    return {word: counts.most_common(1)[0][0] for word, counts in forms.items()}


def _likeness(first: str, second: str) -> float:
    return difflib.SequenceMatcher(None, first, second, autojunk=False).ratio()


def _word_forms(text: str, phonemes: str) -> list[tuple[str, str]]:
    """Words and their symbols; words run together are left out, and rows that do not match up."""
    words = [bare for word in text.split() if (bare := word.strip(_PUNCTUATION).lower())]
    groups = [group.strip(_PUNCTUATION) for group in phonemes.split()]
    pairs: list[tuple[str, str]] = []
    index = 0
    for group in groups:
        joined = JOINED.get(tuple(words[index : index + 2]))
        if joined and group[:-1] == "".join(joined)[:-1]:
            index += 2
        elif index < len(words):
            pairs.append((words[index], group))
            index += 1
        else:
            return []
    return pairs if index == len(words) else []


class FormRewriter:
    """Rewrites misaki's forms to the data's, one symbol at a time, by sounds and letters around."""

    def __init__(self, aligner: LetterAligner, words: Iterable[tuple[str, str, str]]) -> None:
        """`words` are (word, misaki form, data form)."""
        self._aligner = aligner
        examples: list[tuple[Context, str]] = []
        for word, source, target in words:
            outputs = align_units(sound_units(source), sound_units(target))
            examples += zip(self._contexts(word, source), outputs, strict=True)
        self._rules = decision_list(examples)

    def rewrite(self, word: str, source: str) -> str:
        """`source` in the habits of the data; unchanged where its main stress would get lost."""
        result = "".join(map(self._rewritten, self._contexts(word, source)))
        return result if result.count("ˈ") == source.count("ˈ") else source

    def _rewritten(self, context: Context) -> str:
        answer = context[0]
        for width in range(1, len(context) + 1):
            answer = self._rules.get(context[:width], answer)
        return answer

    def _contexts(self, word: str, source: str) -> list[Context]:
        units = sound_units(source)
        letters = ["#", *self._aligner.letters_of_units(word, units), "#"]
        units = ["#", "#", *units, "#", "#"]
        contexts: list[Context] = []
        for i in range(1, len(letters) - 1):
            sounds = units[i - 1 : i + 4]
            near = (sounds[2], letters[i], sounds[3], sounds[1])
            contexts.append((*near, letters[i + 1], sounds[4], letters[i - 1], sounds[0]))
        return contexts


def build_lexicon(
    misaki: dict[str, str], data: dict[str, str]
) -> tuple[dict[str, str], FormRewriter]:
    """All words in the data's habits, and the rewriter for further forms."""
    plain = [(w, sound_units(s)) for w, s in sorted(misaki.items()) if w.isalpha() and len(w) > 1]
    aligner = LetterAligner.fit(random.Random(0).sample(plain, _NUM_ALIGNED_WORDS))
    known = [(w, misaki[w], form) for w, form in data.items() if w in misaki and w.isalpha()]
    rewriter = FormRewriter(aligner, known)
    lexicon = {word: rewriter.rewrite(word, form) for word, form in misaki.items()}
    return lexicon | data, rewriter


def learn_letters(lexicon: dict[str, str]) -> dict[str, str]:
    """Context string -> symbols, for words outside the lexicon."""
    words = [
        (w, sound_units(s))
        for w, s in sorted(lexicon.items())
        if w.isascii() and w.isalpha() and len(w) > 2
    ]
    # Half of them make nearly the same rules in half the time.
    words = words[::2]
    aligner = LetterAligner.fit(random.Random(0).sample(words, _NUM_ALIGNED_WORDS))
    examples: list[tuple[Context, str]] = []
    for word, units in words:
        spans = aligner.spans(word, units)
        for context, (start, end) in zip(letter_contexts(word), spans or (), strict=False):
            examples.append((tuple(context), "".join(units[start:end])))
    return {"".join(context): symbols for context, symbols in decision_list(examples).items()}


def decision_list(examples: list[tuple[Context, str]]) -> dict[Context, str]:
    """Best output per context prefix where it differs from the shorter prefix's.

    Each width looks only at examples whose shorter context leaves a choice.
    """
    rules: dict[Context, str] = {}
    shares: dict[Context, Distribution] = {(): {}}
    answers: dict[Context, str] = {(): ""}
    for width in range(1, len(examples[0][0]) + 1):
        counts: dict[Context, Counter[str]] = defaultdict(Counter)
        for context, output in examples:
            counts[context[:width]][output] += 1
        next_shares: dict[Context, Distribution] = {}
        next_answers: dict[Context, str] = {}
        for context, outputs in counts.items():
            if width > _NUM_NARROW_LEVELS and outputs.total() < _MIN_WIDE_COUNT:
                continue
            found = _interpolated(outputs, shares[context[:-1]])
            best = max(found, key=lambda output: found[output])
            if width == 1 or best != answers[context[:-1]]:
                rules[context] = best
            if len(outputs) > 1:
                next_shares[context], next_answers[context] = found, best
        shares, answers = next_shares, next_answers
        examples = [example for example in examples if example[0][:width] in shares]
        if not examples:
            break
    return rules


def other_form(forms: dict[str, str]) -> tuple[str, str] | None:
    """Tag (N noun or adjective, V verb, P past) and misaki form that differs from the default."""
    for tag in ("VERB", "NOUN", "VBN", "ADJ"):
        if tag in forms and forms[tag] != forms["DEFAULT"]:
            return {"VERB": "V", "VBN": "P"}.get(tag, "N"), forms[tag]
    return None


def entry_fields(word: str, form: str, forms: dict[str, str], rewriter: FormRewriter) -> list[str]:
    """Columns of one word: itself, its usual form and, for heteronyms, tag and other form.

    Where the data's usual form is what misaki gives as the other one, the two change places.
    """
    other = other_form(forms)
    if other is None:
        return [word, form]
    tag, second = other[0], rewriter.rewrite(word, other[1])
    first = rewriter.rewrite(word, forms["DEFAULT"])
    if _likeness(form, second) > _likeness(form, first):
        if tag == "P":
            return [word, first, tag, form]
        tag, second = {"V": "N", "N": "V"}[tag], first
    return [word, form, tag, second] if second != form else [word, form]


def _write(path: Path, lines: Iterable[str]) -> None:
    content = "\n".join(lines).encode()
    path.write_bytes(lzma.compress(content, preset=9 | lzma.PRESET_EXTREME))
    _logger.info("%s: %d bytes", path.name, path.stat().st_size)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--misaki", type=Path, required=True)
    parser.add_argument("--metadata", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    logging.basicConfig(level=logging.INFO)
    misaki, several = read_misaki(args.misaki)
    lexicon, rewriter = build_lexicon(misaki, read_metadata(args.metadata, misaki))
    lines = (
        "\t".join(entry_fields(word, form, several.get(word, {"DEFAULT": form}), rewriter))
        for word, form in sorted(lexicon.items())
    )
    _write(args.out / "lexicon_en.tsv.xz", lines)
    _write(args.out / "letters_en.tsv.xz", (f"{k}\t{v}" for k, v in learn_letters(lexicon).items()))


if __name__ == "__main__":
    main()
