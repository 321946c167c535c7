from __future__ import annotations

import numpy as np
import pytest

from audio.decode import decode_audio
from frontend.aligned import AlignedFrontend, AlignedSettings
from frontend.prompts import VoicePrompts
from frontend.references import ReferenceCache, ReferenceEncoder, ReferenceRules
from frontend.schedules import RecommendedSchedule
from frontend.voices import VoiceInfo, VoiceStore, make_voice
from inference_types import (
    InvalidTextError,
    NotFoundError,
    ReferenceAudio,
    SynthesisRequest,
    TextSegment,
    VoicePrompt,
)
from models.duration import SILENCE_ID, DurationConfig, DurationPredictor
from models.duration.predictor import init_params
from models.flow import time_grid
from tests.tiny_models import encode, speech_like
from text.symbols import SYMBOL_IDS

HOP = 256


class FlatDurations(DurationPredictor):
    """Every symbol lasts `seconds`, silences a second, so that sums can be done by hand."""

    def __init__(self, seconds: float = 0.064) -> None:
        super().__init__(init_params(DurationConfig(dim=8, depth=1), 0))
        self._seconds = seconds

    def predict_s(self, ids: np.ndarray, pace: float = 1.0) -> np.ndarray:
        return np.where(ids == SILENCE_ID, 1.0, self._seconds * pace).astype(np.float64)


@pytest.fixture
def store() -> VoiceStore:
    voice = make_voice(
        VoiceInfo(name="amy", pace=1.25), encode(speech_like(4.0)), "audio/wav", is_builtin=True
    )
    return VoiceStore([voice])


def make(store: VoiceStore, durations: DurationPredictor | None = None) -> AlignedFrontend:
    rules = ReferenceRules(max_s=2.0, patch_frames=2)
    prompts = VoicePrompts(
        store, ReferenceEncoder(decode_audio, rules), ReferenceCache(), default_voice="amy"
    )
    return AlignedFrontend(
        prompts,
        durations or FlatDurations(),
        RecommendedSchedule(num_steps=8, sway=-1.0, guidance=1.5, noise_scale=0.75, use_epss=False),
        AlignedSettings(max_frames=512),
    )


def request(text: str = "Hello there, world.", **values: object) -> SynthesisRequest:
    return SynthesisRequest(request_id="r", text=text, **values)  # type: ignore[arg-type]


def plain_voice(num_frames: int = 20) -> VoicePrompt:
    return VoicePrompt(key="k", mel=np.zeros((num_frames, 100), np.float32))


def segment(text: str, index: int = 0) -> TextSegment:
    return TextSegment(index=index, text=text, start=0, end=len(text), is_last=True)


def test_ids_are_laid_out_by_duration_behind_the_reference(store: VoiceStore) -> None:
    plan = make(store).plan(request(), plain_voice(), segment("Hello."))
    assert plan.text_ids.dtype == np.int32 and len(plan.text_ids) == plan.num_frames
    assert (plan.text_ids[:20] == -1).all() and (plan.text_ids[20:] >= 0).all()
    new = plan.text_ids[20:]
    runs = [int(i) for i in new[np.flatnonzero(np.diff(new, prepend=-2))]]
    assert runs[0] == runs[-1] == SILENCE_ID and runs[-2] == SYMBOL_IDS["."]
    counts = {i: int((new == i).sum()) for i in runs[1:-1]}
    assert all(count % 6 == 0 for count in counts.values())  # 0.064 s = 6 frames a symbol
    # 0.08 s and 0.25 s of silence are all that is kept of the second the predictor asked for.
    assert 7 <= np.flatnonzero(new != SILENCE_ID)[0] <= 8


def test_word_times_follow_the_durations(store: VoiceStore) -> None:
    plan = make(store).plan(request(), plain_voice(), segment("Hello there, world."))
    assert [word.text for word in plan.words] == ["Hello", "there,", "world."]
    assert plan.are_words_exact
    assert plan.words[0].start_sample == round(0.08 * 24_000)
    for word in plan.words:
        num_symbols = (word.end_sample - word.start_sample) / (0.064 * 24_000)
        assert num_symbols == pytest.approx(round(num_symbols), abs=0.01) and num_symbols >= 3
    ends = [word.end_sample for word in plan.words]
    assert ends == sorted(ends) and ends[-1] <= plan.num_new_frames * HOP
    gap = plan.words[1].start_sample - plan.words[0].end_sample
    assert gap == pytest.approx(0.064 * 24_000, abs=2)  # the space between them


def test_speed_and_pace_scale_the_length(store: VoiceStore) -> None:
    frontend, text = make(store), segment("Hello there, dear world, good to see you.")
    normal = frontend.plan(request(), plain_voice(), text).num_new_frames
    fast = frontend.plan(request(speed=2.0), plain_voice(), text).num_new_frames
    silence = (0.08 + 0.25) * 93.75
    assert fast - silence == pytest.approx((normal - silence) / 2, rel=0.03)
    slow = frontend.plan(request(), frontend.load_voice(request()), text).num_new_frames
    assert slow - silence == pytest.approx((normal - silence) * 1.25, rel=0.03)


def test_no_symbol_is_lost_at_high_speed(store: VoiceStore) -> None:
    frontend = make(store, FlatDurations(0.012))
    plan = frontend.plan(request(speed=4.0), plain_voice(), segment("Strengths"))
    slow = make(store).plan(request(), plain_voice(), segment("Strengths"))
    new, expected = plan.text_ids[20:], slow.text_ids[20:]
    changes = np.flatnonzero(np.diff(expected, prepend=-2))
    np.testing.assert_array_equal(new[np.flatnonzero(np.diff(new, prepend=-2))], expected[changes])


def test_schedule_is_recommended_or_asked_for(store: VoiceStore) -> None:
    frontend = make(store)
    plan = frontend.plan(request(), plain_voice(), segment("Hi."))
    assert plan.schedule.num_steps == 8 and plan.guidance_scale == 1.5
    assert plan.noise_scale == 0.75
    seven = frontend.plan(request(num_steps=7), plain_voice(), segment("Hi.")).schedule
    assert seven == time_grid(7, use_epss=False) != time_grid(7)
    asked = request(num_steps=50, guidance_scale=0.0, use_sway=False, seed=9)
    plan = frontend.plan(asked, plain_voice(), segment("Hi.", index=3))
    assert plan.schedule.times == tuple(i / 50 for i in range(51))
    assert (plan.guidance_scale, plan.seed, plan.segment_index) == (0.0, 9, 3)


def test_segments_fit_the_largest_bucket(store: VoiceStore) -> None:
    frontend = make(store)
    voice = frontend.load_voice(request())
    text = (
        "The quick brown fox jumps over the lazy dog, again and again. 今天天气很好，我们去公园。 "
    )
    asked = request(text * 6, chunk_policy="equal")
    segments = frontend.split(asked, voice)
    assert len(segments) > 3 and segments[-1].is_last
    for piece in segments:
        plan = frontend.plan(asked, voice, piece)
        assert plan.num_frames <= 512 and plan.num_new_frames > 10


def test_overlong_segment_is_squeezed_into_the_bucket(store: VoiceStore) -> None:
    plan = make(store).plan(request(), plain_voice(), segment("word " * 100))
    assert plan.num_frames <= 512
    assert len(plan.words) == 100 and plan.words[-1].end_sample <= plan.num_new_frames * HOP


@pytest.mark.parametrize("text", ["", "  \n", "...", "😀🎉", "-- ?!"])
def test_text_without_speech_is_refused(store: VoiceStore, text: str) -> None:
    frontend = make(store)
    with pytest.raises(InvalidTextError) as caught:
        frontend.split(request(text), plain_voice())
    assert caught.value.field == "gen_text"


def test_voices_come_from_name_reference_or_default_and_are_cached(store: VoiceStore) -> None:
    frontend = make(store)
    default = frontend.load_voice(request())
    assert frontend.load_voice(request(voice="amy")) is default
    assert len(default.mel) <= 2.0 * 93.75 and len(default.mel) % 2 == 0 and default.pace == 1.25
    upload = ReferenceAudio(data=encode(speech_like(3.0)), text="some words")
    uploaded = frontend.load_voice(request(voice="amy", reference=upload))
    assert uploaded.key != default.key and uploaded.pace == 1.0
    with pytest.raises(NotFoundError):
        frontend.load_voice(request(voice="../amy"))
    counters = frontend.prompts.cache.counters
    assert (counters.hits, counters.misses) == (1, 2)


def test_estimate_is_near_the_planned_length(store: VoiceStore) -> None:
    frontend, text = make(store), "Good morning, everyone. " * 10
    estimate = estimate_of(frontend, request(text))
    slow = estimate_of(frontend, request(text, speed=0.5))
    assert 10 < estimate < 25 and slow == pytest.approx(2 * estimate, rel=0.03)


def test_estimate_is_of_the_words_a_number_becomes(store: VoiceStore) -> None:
    frontend = make(store)
    digits = estimate_of(frontend, request("Count 7,777,777."))
    words = "Count seven million seven hundred seventy-seven thousand seven hundred seventy-seven."
    assert digits == pytest.approx(estimate_of(frontend, request(words)), rel=0.1)


def estimate_of(frontend: AlignedFrontend, wanted: SynthesisRequest) -> float:
    voice = plain_voice()
    return frontend.estimate_duration_s(wanted, voice, frontend.split(wanted, voice))


def test_pieces_are_written_out_and_point_into_the_text_as_sent(store: VoiceStore) -> None:
    text = "It costs $5 on 3 May 2021. Dr. Smith paid   12% less, he said, and left."
    pieces = make(store).split(request(text), plain_voice())
    assert not any(char.isdigit() for piece in pieces for char in piece.text)
    assert pieces[0].start == 0 and pieces[-1].end == len(text)
    for before, after in zip(pieces[:-1], pieces[1:], strict=True):
        # A number that is cut after it was written out belongs to both pieces.
        assert before.start < after.start and before.end <= after.end
        assert after.index == before.index + 1
    assert [piece.is_last for piece in pieces] == [False] * (len(pieces) - 1) + [True]


@pytest.mark.parametrize("text", ["Привет, как дела?", "こんにちは、元気ですか", "مرحبا بالعالم"])
def test_other_languages_are_refused_by_name_of_the_fix(store: VoiceStore, text: str) -> None:
    with pytest.raises(InvalidTextError) as caught:
        make(store).split(request(text), plain_voice())
    assert caught.value.code == "language_unsupported" and "--model" in caught.value.message


def test_stray_foreign_word_is_skipped_and_every_piece_can_be_planned(store: VoiceStore) -> None:
    text = "This is a rather long sentence about many things. Да. It goes on after that. " * 3
    frontend = make(store)
    asked = request(text, chunk_policy="equal")
    for piece in frontend.split(asked, plain_voice(400)):
        assert frontend.plan(asked, plain_voice(400), piece).words


def test_silent_segment_is_a_pause_among_others_and_an_error_alone(store: VoiceStore) -> None:
    frontend, silent = make(store), "ꭓ"
    alone = TextSegment(index=0, text=silent, start=0, end=1, is_last=True)
    with pytest.raises(InvalidTextError):
        frontend.plan(request(), plain_voice(), alone)
    among = TextSegment(index=1, text=silent, start=5, end=6, is_last=False)
    plan = frontend.plan(request(), plain_voice(), among)
    assert plan.num_new_frames == round(0.33 * 93.75) and plan.words == ()
