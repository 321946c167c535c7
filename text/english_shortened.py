"""English abbreviations, titles and initials written out, and the full stops they share."""

from __future__ import annotations

import re

from text.english_context import STARTERS, kept_stop, next_word
from text.rules import Rule, after, before

_TITLES = {
    **{"mr": "Mister", "mrs": "Missus", "ms": "Miz", "dr": "Doctor", "prof": "Professor"},
    **{"st": "Saint", "gen": "General", "col": "Colonel", "capt": "Captain", "lt": "Lieutenant"},
    **{"sgt": "Sergeant", "gov": "Governor", "sen": "Senator", "rep": "Representative"},
    **{"rev": "Reverend", "hon": "Honorable", "ft": "Fort", "maj": "Major", "cpl": "Corporal"},
    **{"pvt": "Private", "cmdr": "Commander", "adm": "Admiral", "pres": "President"},
    **{"supt": "Superintendent", "fr": "Father", "assoc": "Associate", "asst": "Assistant"},
    **{"det": "Detective", "atty": "Attorney"},
}
_TITLE = "|".join(name.title() for name in _TITLES)
_SHORT_WORDS = {
    **{"etc": "et cetera", "jr": "Junior", "sr": "Senior", "inc": "Incorporated"},
    **{"ltd": "Limited", "co": "Company", "corp": "Corporation", "dept": "Department"},
    **{"approx": "approximately", "est": "established", "messrs": "Messieurs"},
    **{"bros": "Brothers", "govt": "Government", "univ": "University", "assn": "Association"},
    **{"incl": "including", "excl": "excluding", "avg": "average", "misc": "miscellaneous"},
    **{"natl": "National", "intl": "International", "cf": "compare", "viz": "namely"},
    **{"ave": "Avenue", "blvd": "Boulevard", "rd": "Road", "pkwy": "Parkway"},
}
_SHORT = (
    "etc|Jr|Sr|Inc|Ltd|Co|Corp|Dept|approx|Messrs|Bros|Govt|Univ|Assn|incl|excl|avg|misc|Natl|Intl"
    "|cf|viz|Ave|Blvd|Rd|Pkwy"
)
# Before a number only: "Fig. 3", "pp. 4-6", "Apt. 4B".
_NUMBERED = {
    **{"fig": "figure", "figs": "figures", "p": "page", "pp": "pages", "vol": "volume"},
    **{"vols": "volumes", "ch": "chapter", "eq": "equation", "apt": "apartment", "ste": "suite"},
    **{"ext": "extension", "rm": "room", "no": "number", "nos": "numbers", "tel": "telephone"},
    **{"est": "established", "ca": "circa", "c": "circa", "b": "born", "d": "died"},
    **{"min": "minimum", "max": "maximum", "ver": "version", "art": "article", "approx": "about"},
}
_SLASHED = {
    **{"w/o": "without", "b/c": "because", "c/o": "care of"},
}
# After these a single capital is the letter at the end of a sentence: "Vitamin C. Then".
_LETTERED = re.compile(
    r"\b(?:Vitamin|Plan|Option|Grade|Class|Type|Part|Section|Group|Team|Hepatitis|Exhibit|Figure|"
    r"Appendix|Series|Version|And|Or) \Z"
)
_NAME_BEFORE = re.compile(r"\b(?P<name>[A-Z][a-z]+|[A-Z]\.?) \Z")


def _title(match: re.Match[str]) -> str:
    return _TITLES[match["title"].lower()]


def _short_word(match: re.Match[str]) -> str:
    return _SHORT_WORDS[match["short"].lower()] + kept_stop(match)


def _clause_end(match: re.Match[str]) -> str:
    """After "etc." a capital begins a sentence, whatever it is."""
    is_new = next_word(match)[:1].isupper()
    return "et cetera" + ("." if is_new else kept_stop(match))


def _numbered(match: re.Match[str]) -> str | None:
    word = match["short"]
    if word in ("c", "b", "d", "Est", "est", "ca") and not re.match(r"1\d{3}|20\d\d", after(match)):
        return None
    if word == "min" and re.search(r"\d \Z", before(match, 2)):
        return None
    return _NUMBERED[word.lower()] + " "


def _initials(match: re.Match[str]) -> str:
    """U.S., J.R.R., D.C.: letters, whose last stop may also end the sentence."""
    is_name = len(match[0]) > 4 and next_word(match)[:1].isupper() and " " in after(match, 1)
    return match[0].replace(".", "").upper() + ("" if is_name else kept_stop(match))


def _middle_initial(match: re.Match[str]) -> str | None:
    """John F. Kennedy, J. K. Rowling; not "plan B. Then", "Vitamin C. It"."""
    past = before(match, 16)
    name = _NAME_BEFORE.search(past)
    is_start = not past.strip() or past.rstrip()[-1:] in '.!?"“('
    if next_word(match) in STARTERS or _LETTERED.search(past) or not (name or is_start):
        return None
    return None if name and name["name"] in STARTERS and name["name"] != "I" else match[0][0]


SHORT_RULES: tuple[Rule, ...] = (
    (rf"\b(?P<title>{_TITLE})\.(?= ?[A-Z])", _title),
    (r"\b(?P<title>Mr|Mrs|Ms|Dr)\b\.?(?= (?:[A-Z]|and (?:Mr|Mrs|Ms|Dr)\b))", _title),
    (r"\bPh\. ?D\.", lambda m: "PhD" + kept_stop(m)),
    (r"\b[Vv]s\.?(?= )|\bv\.(?= [A-Z])", lambda m: "versus"),
    (r"\betc\.", _clause_end),
    (rf"\b(?P<short>{_SHORT})\.", _short_word),
    (r"\bet al\.(?= ?[\d(,a-z])", lambda m: "et al"),
    (
        r"\b(?P<short>[Ff]igs?|pp?|[Vv]ols?|[Cc]h|[Ee]q|Apt|Ste|[Ee]xt|Rm|Nos?|nos|Tel|[Ee]st|ca|c|b|d"
        r"|[Mm]in|[Mm]ax|[Vv]er|Art)\. ?(?=\d)",
        _numbered,
    ),
    (r"\b[Ee]\.g\.,?", lambda m: "for example,"),
    (r"\b[Ii]\.e\.,?", lambda m: "that is,"),
    (r"\b(?:[A-Za-z]\.){2,8}", _initials),
    (r"\b(?P<slashed>w/o|b/c|c/o)\b", lambda m: _SLASHED[m["slashed"]]),
    (r"\bw/(?= ?[A-Za-z0-9]{2}| [aA] )", lambda m: "with "),
    (r"\b[A-Z]\.(?= [A-Z]\.| [a-z])", lambda m: m[0][0]),
    (r"\b[A-Z]\.(?= [A-Z])", _middle_initial),
    (r"\bWW(?P<war>II?)\b", lambda m: "World War " + ("two" if m["war"] == "II" else "one")),
)
