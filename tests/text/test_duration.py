"""Byte rules of specs: f5-tts 7.2 to 7.4; chunk cases taken from running the reference."""

import pytest

from text.duration import (
    end_reference_text,
    join_reference_text,
    max_text_bytes,
    packed_chunks,
    packed_num_frames,
    pad_reference_text,
)


@pytest.mark.parametrize(
    ("text", "ended"),
    [("Hi.", "Hi. "), ("Hi. ", "Hi. "), ("Hi", "Hi. "), ("Why?", "Why?. "), ("好。", "好。")],
)
def test_reference_text_ends_as_trained(text: str, ended: str) -> None:
    assert end_reference_text(text) == ended


def test_english_prompts_end_in_two_spaces() -> None:
    assert join_reference_text(end_reference_text("Hi."), "Yes.") == "Hi.  Yes."
    assert join_reference_text("好。", "是的") == "好。是的"


def test_frames_follow_bytes_and_speed() -> None:
    ref = pad_reference_text("abcdefgh. ")
    assert packed_num_frames(num_ref_frames=110, reference_text=ref, text="x" * 20) == 310
    assert packed_num_frames(num_ref_frames=110, reference_text=ref, text="x" * 20, speed=2) == 210


def test_texts_under_ten_bytes_get_more_room() -> None:
    ref = pad_reference_text("abcdefgh. ")
    assert packed_num_frames(num_ref_frames=110, reference_text=ref, text="x" * 9) == 410


def test_budget_leaves_room_for_the_prompt() -> None:
    assert max_text_bytes(reference_text="x" * 100, reference_s=10.0) == 120
    assert max_text_bytes(reference_text="x" * 100, reference_s=30.0) < 0


def test_chunks_are_packed_greedily_after_punctuation() -> None:
    text = "One, two. Three! Four five six seven; eight."
    assert packed_chunks(text, 17) == ["One, two. Three!", "Four five six seven;", "eight."]
    assert packed_chunks("好的。你呢？", 9) == ["好的。", "你呢？"]
    assert packed_chunks("a. b.", 0) == ["a.", "b."]
