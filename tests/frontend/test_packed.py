from __future__ import annotations

import numpy as np
import pytest

from audio.decode import decode_audio
from frontend.packed import PackedFrontend, PackedSettings, estimate_words, prepare_transcript
from frontend.prompts import VoicePrompts
from frontend.references import ReferenceCache, ReferenceEncoder, ReferenceRules
from frontend.schedules import RecommendedSchedule
from frontend.voices import VoiceStore
from inference_types import (
    InvalidReferenceError,
    InvalidTextError,
    ReferenceAudio,
    SynthesisRequest,
    TextSegment,
    VoicePrompt,
)
from server.errors import body_of
from tests.tiny_models import encode, speech_like
from text.pinyin import Vocabulary

VOCABULARY = Vocabulary.from_tokens([" ", *"abcdefghijklmnopqrstuvwxyz", ".", ",", "ni3", "hao3"])


def make(max_frames: int = 2304) -> PackedFrontend:
    encoder = ReferenceEncoder(decode_audio, ReferenceRules(is_f5=True))
    prompts = VoicePrompts(
        VoiceStore([]),
        encoder,
        ReferenceCache(),
        default_voice="",
        prepare_text=prepare_transcript,
    )
    schedule = RecommendedSchedule(num_steps=16)
    return PackedFrontend(prompts, VOCABULARY, schedule, PackedSettings(max_frames=max_frames))


def request(text: str = "some new words", ref_text: str = "a reference.") -> SynthesisRequest:
    reference = ReferenceAudio(data=encode(speech_like(4.0)), text=ref_text)
    return SynthesisRequest(request_id="r", text=text, reference=reference)


def voice(num_frames: int = 300, text: str = "a reference. ") -> VoicePrompt:
    return VoicePrompt(key="k", mel=np.zeros((num_frames, 100), np.float32), text=text)


def segment(text: str) -> TextSegment:
    return TextSegment(index=0, text=text, start=0, end=len(text), is_last=True)


def test_transcript_is_required_and_named() -> None:
    with pytest.raises(InvalidReferenceError) as caught:
        make().load_voice(request(ref_text="  "))
    assert caught.value.field == "ref_text"
    with pytest.raises(InvalidReferenceError) as caught:
        make().load_voice(SynthesisRequest(request_id="r", text="hello"))
    assert caught.value.field == "ref_audio_base64"


def test_transcript_gets_its_ending_and_keys_the_cache() -> None:
    frontend = make()
    first = frontend.load_voice(request(ref_text="one two"))
    assert first.text == "one two. "
    assert frontend.load_voice(request(ref_text="one two.")) is first
    assert frontend.load_voice(request(ref_text="one three")) is not first


def test_bytes_decide_the_length() -> None:
    # "a reference. " is 13 bytes, 14 with the extra space; the new text has 28.
    text = "twenty eight bytes of speech"
    plan = make().plan(request(), voice(num_frames=300), segment(text))
    assert plan.num_frames == 300 + int(300 / 14 * 28) == 900
    assert plan.text_ids.tolist() == VOCABULARY.encode_text("a reference.  " + text)
    assert not plan.are_words_exact and plan.schedule.num_steps == 16
    assert plan.words[0].start_sample == 0
    assert plan.words[-1].end_sample == plan.num_new_frames * 256


def test_frames_always_outnumber_tokens_and_fit_the_bucket() -> None:
    short = make().plan(request(), voice(num_frames=10, text="x" * 99), segment("y" * 99))
    assert short.num_frames > len(short.text_ids)
    long = make(max_frames=700).plan(request(), voice(num_frames=300), segment("word " * 90))
    assert long.num_frames == 700


def test_pieces_stay_within_the_model() -> None:
    frontend, prompt = make(), voice(num_frames=300, text="a reference of three seconds it is. ")
    asked = request("the quick brown fox jumps over the lazy dog. " * 20)
    pieces = frontend.split(asked, prompt)
    assert len(pieces) > 2
    for piece in pieces:
        assert frontend.plan(asked, prompt, piece).num_frames < 2304
    with pytest.raises(InvalidTextError):
        frontend.split(request("..."), prompt)


def test_reference_too_long_for_the_buckets_is_refused() -> None:
    with pytest.raises(InvalidReferenceError) as caught:
        make(max_frames=400).load_voice(request())
    assert body_of(caught.value)["error"]["field"] == "ref_audio_base64"


def test_word_estimates_share_the_time_by_bytes() -> None:
    words = estimate_words("ab abcd, 你好。", 1600)
    assert [word.text for word in words] == ["ab", "abcd,", "你", "好。"]
    assert [(w.start_sample, w.end_sample) for w in words] == [
        (0, 200),
        (200, 700),
        (700, 1000),
        (1000, 1600),
    ]
    assert estimate_words("...", 100)[0].end_sample == 100
    assert estimate_words("  ", 100) == []
