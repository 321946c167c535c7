"""Words whose sound hangs on capitals or neighbours, and names no table of words gets right."""

import pytest

from text.english_names import NAMES
from text.phonemes import phonemize
from text.symbols import SYMBOLS

CAPITALS = [
    ("UK's, US's, BBC's", "jˌukˈAz, jˌuˈɛsᵻz, bˌibˌisˈiz"),
    ("CEO's TV's CPU's PhD's", "sˌiˌiˈOz tˌivˈiz sˌipˌijˈuz pˌiˌAʧdˈiz"),
    ("IT's here. IT'S HERE.", "ˌItˈiz hˈɪɹ. ɪts hˈɪɹ."),
    ("SO, ME.", "sˈO, mˌi."),
    ("WHO is it? The WHO said", "hˌu ɪz ɪt? ðə dˌʌbᵊljuˌAʧˈO sˈɛd"),
    ("LET US GO. BUY US GOODS.", "lˈɛt ˌʌs ɡˈO. bˈI jˌuˈɛs ɡˈʊdz."),
    ("the US team, IT support", "ðə jˌuˈɛs tˈim, ˌItˈi səpˈɔɹt"),
    ("IT IS SO HOT", "ɪɾ ɪz sˌO hˈɑt"),
    ("MIT, UCLA AND IBM", "ˌɛmˌItˈi, jˌusˌiˌɛlˈA ænd ˌIbˌiˈɛm"),
    ("3 PM EST", "θɹˈi pˌiˈɛm ˌiˌɛstˈi"),
    ("Option A, A or B", "ˈɑpʃən ˈA, ˈA ɔɹ bˈi"),
    ("A man and a dog", "ə mˈæn ænd ə dˈɑɡ"),
    ("A is for apple", "ˈA ɪz fɔɹ ˈæpᵊl"),
    ("I will be", "ˌI wɪl bi"),
    ("I think", "I θˈɪŋk"),
]
HETERONYMS = [
    ("wait a minute", "mˈɪnɪt"),
    ("excuse me", "ɛkskjˈuz"),
    ("an excuse", "ɛkskjˈus"),
    ("a poor excuse", "ɛkskjˈus"),
    ("they refuse", "ɹᵻfjˈuz"),
    ("the refuse", "ɹˈɛfjˌus"),
    ("drug abuse", "əbjˈus"),
    ("to abuse power", "əbjˈuz"),
    ("we reuse it", "ɹijˈuz"),
    ("I read it yesterday", "ɹˈɛd"),
    ("they read the news last night", "ɹˈɛd"),
    ("have you read it", "ɹˈɛd"),
    ("she has already read it", "ɹˈɛd"),
    ("did he read it", "ɹˈid"),
    ("read the last chapter", "ɹˈid"),
    ("I read books", "ɹˈid"),
    ("make use of it", "jˈus"),
    ("for personal use", "jˈus"),
    ("use case", "jˈus"),
    ("people that use it", "jˈuz"),
    ("I use it", "jˈuz"),
    ("we went live", "lˈIv"),
    ("live from London", "lˈIv"),
    ("I live from day to day", "lˈɪv"),
    ("people that live here", "lˈɪv"),
    ("made of lead", "lˈɛd"),
    ("the lead pipe", "lˈɛd"),
    ("take the lead", "lˈid"),
    ("strong winds", "wˈɪndz"),
    ("the road winds on", "wˈIndz"),
    ("contract law", "kˈɑntɹˌækt"),
    ("contract a disease", "kəntɹˈækt"),
    ("fresh produce", "pɹˈOdˌus"),
    ("import duties", "ˈɪmpɔɹt"),
    ("the page content", "kˈɑntɛnt"),
    ("she felt content", "kəntˈɛnt"),
    ("an invalid ticket", "ɪnvˈælɪd"),
    ("a closer look", "klˈOsəɹ"),
    ("bass guitar", "bˈAs"),
    ("sea bass", "bˈæs"),
]
NAMED = [
    ("Olivia's", "əlˈɪviəz"),
    ("Sean", "ʃˈɔn"),
    ("Hermione", "həɹmˈIəni"),
    ("Xbox", "ˈɛksbˌɑks"),
    ("Wi-Fi", "wˈIfˌI"),
    ("résumé", "ɹˈɛzəmˌA"),
    ("resume", "ɹᵻzˈum"),
    ("rose", "ɹˈOz"),
]


def symbols_of(text: str) -> str:
    return "".join(word.symbols for word in phonemize(text))


@pytest.mark.parametrize(("text", "symbols"), CAPITALS + NAMED)
def test_capitals_and_names(text: str, symbols: str) -> None:
    assert symbols_of(text) == symbols


@pytest.mark.parametrize(("text", "symbols"), HETERONYMS)
def test_neighbours_choose_the_form(text: str, symbols: str) -> None:
    assert symbols in symbols_of(text).replace("(", "").split()


def test_names_are_written_in_the_voices_symbols() -> None:
    for name, symbols in NAMES.items():
        assert set(symbols) <= set(SYMBOLS) and symbols.count("ˈ") == 1, name
        assert name == name.lower()
