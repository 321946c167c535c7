"""Segments into chunks: order, cuts, words, digests; with the real joiner too."""

import hashlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audio.join import JoinSettings, SegmentJoiner
from inference_types import NumericError, SegmentPlan, StepSchedule, VoicePrompt, WordSpan
from orchestrator.assembly import Assembler
from tests.fakes import EndToEndJoiner


def plan(index: int, words: tuple[WordSpan, ...] = ()) -> SegmentPlan:
    return SegmentPlan(
        segment_index=index,
        voice=VoicePrompt(key="v", mel=np.zeros((1, 1), np.float32)),
        text_ids=np.zeros(1, np.int32),
        num_frames=2,
        seed=0,
        guidance_scale=2.0,
        schedule=StepSchedule(times=(0.0, 1.0)),
        words=words,
    )


def wave(value: int, num_samples: int) -> np.ndarray:
    return np.full(num_samples, value / 32767, np.float32)


def drain(assembler: Assembler) -> list:
    chunks = []
    while (made := assembler.next_segment()) is not None:
        chunks += made[1]
    return chunks


@settings(deadline=None, max_examples=50)
@given(order=st.permutations(range(5)), chunk_samples=st.integers(1, 40))
def test_segments_leave_in_order_whatever_order_they_arrive_in(
    order: list[int], chunk_samples: int
) -> None:
    """Segment i is 10 i samples of value 100 + i (the first is empty)."""
    assembler = Assembler(EndToEndJoiner(), chunk_samples)
    chunks = []
    for index in order:
        assembler.add(plan(index), wave(100 + index, 10 * index), index == 4)
        chunks += drain(assembler)
    pcm = np.concatenate([chunk.pcm for chunk in chunks])
    assert pcm.tolist() == [100 + i for i in range(5) for _ in range(10 * i)]
    assert [chunk.chunk_index for chunk in chunks] == list(range(len(chunks)))
    assert all(0 < len(chunk.pcm) <= chunk_samples for chunk in chunks)
    assert [chunk.is_final for chunk in chunks] == [False] * (len(chunks) - 1) + [True]
    totals = assembler.totals
    assert (totals.num_chunks, totals.num_samples) == (len(chunks), 100)
    assert totals.pcm_sha256 == hashlib.sha256(pcm.tobytes()).hexdigest()


def test_an_empty_last_segment_still_ends_the_stream() -> None:
    assembler = Assembler(EndToEndJoiner(), 10)
    assembler.add(plan(0), wave(1, 10), False)
    assembler.add(plan(1), wave(1, 0), True)
    chunks = drain(assembler)
    assert [(len(chunk.pcm), chunk.is_final) for chunk in chunks] == [(10, False), (0, True)]


def test_words_go_with_the_chunk_they_start_in() -> None:
    def word(text: str, start: int, end: int) -> WordSpan:
        return WordSpan(text=text, start_sample=start, end_sample=end)

    assembler = Assembler(EndToEndJoiner(), 10)
    assembler.add(plan(0, (word("a", 0, 9), word("b", 9, 15), word("c", 10, 20))), wave(1, 20), 0)
    assembler.add(plan(1, (word("d", 2, 4), word("late", 30, 40))), wave(1, 5), True)
    assert [chunk.words for chunk in drain(assembler)] == [
        (word("a", 0, 9), word("b", 9, 15)),
        (word("c", 10, 20),),
        (word("d", 22, 24), word("late", 25, 25)),
    ]


def test_clipping_and_refusing_what_is_not_finite() -> None:
    assembler = Assembler(EndToEndJoiner(), 10)
    assembler.add(plan(0), np.array([2.0, -2.0, 0.5], np.float32), False)
    assert drain(assembler)[0].pcm.tolist() == [32767, -32767, 16384]
    assembler.add(plan(1), np.array([np.inf], np.float32), True)
    with pytest.raises(NumericError):
        assembler.next_segment()


def test_the_real_joiner_gives_the_same_stream_however_it_is_cut() -> None:
    rng = np.random.default_rng(1)
    waves = [rng.uniform(-0.3, 0.3, 4000).astype(np.float32) for _ in range(3)]

    def whole(chunk_samples: int) -> np.ndarray:
        assembler = Assembler(SegmentJoiner(24_000, JoinSettings()), chunk_samples)
        for index, samples in enumerate(waves):
            assembler.add(plan(index), samples, index == 2)
        return np.concatenate([chunk.pcm for chunk in drain(assembler)])

    assert whole(24_000).tolist() == whole(777).tolist()
    assert len(whole(24_000)) == 12_000 - 2 * 240  # two cross-fades of 10 ms


def test_no_word_outlasts_the_sound_of_the_stream() -> None:
    """The second segment has 6 samples; its words end at 5 and 9 of the segment."""
    words = (
        WordSpan(text="in", start_sample=0, end_sample=5),
        WordSpan(text="over", start_sample=5, end_sample=9),
    )
    assembler = Assembler(EndToEndJoiner(), chunk_samples=4)
    assembler.add(plan(0), wave(1, 4), False)
    assembler.add(plan(1, words), wave(2, 6), True)
    spans = [word for chunk in drain(assembler) for word in chunk.words]
    assert [(word.start_sample, word.end_sample) for word in spans] == [(4, 9), (9, 10)]
