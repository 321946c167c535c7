"""Cuts: where they may be, the budget, the two policies, and that nothing is lost."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inference_types import ChunkPolicy, TextSegment
from tests.text.linear_time import assert_linear
from text.boundaries import find_boundaries
from text.segment import is_speakable, speech_units, split

STORY = (
    "Mr. J. R. Smith paid $3.50 to Dr. Wu at 5 p.m. yesterday. Then he left... and stayed away. "
    '"Stop!" she cried. "Go away, please, and do not come back before the sun has set, or else." '
    "Version 2.0 is out (see example.com for more). "
    "你好，世界！今天天气很好，我们去公园玩吧。好的。 "
) * 3


def sentences_of(text: str) -> list[str]:
    cuts = [0, *find_boundaries(text).sentences, len(text)]
    return [text[a:b].strip() for a, b in zip(cuts, cuts[1:], strict=False)]


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("One. Two! Three?", ["One.", "Two!", "Three?"]),
        ("Pi is 3.14. Yes.", ["Pi is 3.14.", "Yes."]),
        ("Mr. Smith and J. R. R. Tolkien met.", ["Mr. Smith and J. R. R. Tolkien met."]),
        (
            "At 5 p.m. he left. At 6 p.m. She came.",
            ["At 5 p.m. he left.", "At 6 p.m.", "She came."],
        ),
        ("I live in the U.S. now.", ["I live in the U.S. now."]),
        ('"Stop!" he said. "Go."', ['"Stop!" he said.', '"Go."']),
        ("(Really?) Yes.", ["(Really?)", "Yes."]),
        ("Well... maybe. So... Yes.", ["Well... maybe.", "So...", "Yes."]),
        ("See example.com. Bye.", ["See example.com.", "Bye."]),
        ("Great 🎉! Next.", ["Great 🎉!", "Next."]),
        ("Done. 🎉🎉 Next.", ["Done. 🎉🎉", "Next."]),
        ("你好！我们走吧。好的", ["你好！", "我们走吧。", "好的"]),
        ("他说：“走吧。”然后走了。", ["他说：“走吧。”", "然后走了。"]),
        ("你好。OK. 再见", ["你好。", "OK.", "再见"]),
        ("Title\nText goes on", ["Title", "Text goes on"]),
        ("I, etc., agree. Fig. 3 shows", ["I, etc., agree.", "Fig. 3 shows"]),
        ("Is it I? It is I. Good.", ["Is it I?", "It is I.", "Good."]),
    ],
)
def test_sentence_ends(text: str, sentences: list[str]) -> None:
    assert sentences_of(text) == sentences


def test_clauses_are_not_cut_inside_numbers() -> None:
    text = "At 12:30, 1,000 people; 一，二、三"
    pieces = [0, *find_boundaries(text).clauses, len(text)]
    assert [text[a:b] for a, b in zip(pieces, pieces[1:], strict=False)] == [
        "At 12:30, ", "1,000 people; ", "一，", "二、", "三",
    ]  # fmt: skip


def check(text: str, policy: ChunkPolicy, budget: float) -> list[TextSegment]:
    pieces = split(text, policy, budget)
    end = 0
    for index, piece in enumerate(pieces):
        assert piece.index == index
        assert piece.text == text[piece.start : piece.end]
        assert any(map(is_speakable, piece.text))
        assert not any(map(is_speakable, text[end : piece.start]))
        assert speech_units(piece.text) <= budget + 1e-6
        assert piece.is_last == (index + 1 == len(pieces))
        end = piece.end
    assert not any(map(is_speakable, text[end:]))
    return pieces


@pytest.mark.parametrize("policy", ["equal", "exponential"])
@pytest.mark.parametrize("budget", [1.0, 4.0, 12.0, 1000.0])
def test_story_is_cut_within_every_budget(policy: ChunkPolicy, budget: float) -> None:
    check(STORY, policy, budget)


@settings(max_examples=150, deadline=None)
@given(
    st.one_of(
        st.text(max_size=300),
        st.text(alphabet="ab 你好.,。，!\n\"'(5🎉\u0301", max_size=300),
    ),
    st.sampled_from(["equal", "exponential"]),
    st.floats(1.0, 30.0),
)
def test_nothing_is_lost_or_over_budget(text: str, policy: ChunkPolicy, budget: float) -> None:
    check(text, policy, budget)


def test_exponential_starts_short_and_grows_to_the_budget() -> None:
    pieces = check(STORY, "exponential", 10.0)
    seconds = [speech_units(piece.text) for piece in pieces]
    assert seconds[0] <= 2.5
    assert max(seconds[3:]) > 2 * seconds[0]
    assert max(seconds) > 5.0


def test_letters_read_by_their_names_take_longer_than_words() -> None:
    assert speech_units("FBI") == pytest.approx(speech_units("XKQ")) == pytest.approx(0.75)
    assert speech_units("FBI") > 3 * speech_units("fbi")
    assert speech_units("WE ARE THE NATO") == speech_units("we are the nato")


def test_equal_pieces_are_of_one_size() -> None:
    seconds = [speech_units(piece.text) for piece in check(STORY, "equal", 10.0)]
    assert min(seconds) > 0.35 * max(seconds)


def test_sentence_ends_are_preferred() -> None:
    pieces = check("This is one sentence, in two parts. And here is the other one.", "equal", 3.5)
    assert [piece.text for piece in pieces][-1] == "And here is the other one."


def test_one_word_is_one_piece() -> None:
    assert [piece.text for piece in split("Yes.", "exponential", 10.0)] == ["Yes."]


def test_a_word_over_the_budget_is_cut() -> None:
    assert "".join(piece.text for piece in check("x" * 500, "equal", 2.0)) == "x" * 500


@pytest.mark.parametrize("text", ["", "  ", "...", "🎉", "\u0301"])
def test_nothing_speakable_gives_no_piece(text: str) -> None:
    assert split(text, "equal", 5.0) == []


def test_bad_settings_are_refused() -> None:
    with pytest.raises(ValueError, match="budget"):
        split("a", "equal", 0.0)
    with pytest.raises(ValueError, match="policy"):
        split("a", "random", 5.0)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "unit", ["a", "Hi. ", "。", "我", "a, ", ".", "a\u0301", "Mr. ", "(", '"A" ']
)
def test_time_grows_linearly(unit: str) -> None:
    assert_linear(lambda text: split(text, "exponential", 20.0), unit, num_chars=8_000)


def test_a_short_opening_pays_for_a_short_second_piece() -> None:
    pieces = pieces_of("Hello! You are hearing this while the rest is still being made.")
    assert pieces == ["Hello!", "You are hearing this", "while the rest is still being made."]


def test_words_that_belong_together_are_not_parted() -> None:
    pieces = pieces_of("你好！你听到这句话的时候，后面的内容还在生成。")
    assert pieces[0] == "你好！" and all(piece[0] not in "的候到" for piece in pieces)


def pieces_of(text: str) -> list[str]:
    return [piece.text for piece in split(text, "exponential", 5.3)]
