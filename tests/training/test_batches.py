"""Training rows: a stretch of a voice without text, then laid-out text of the same voice."""

from contextlib import closing
from dataclasses import replace
from itertools import islice

import numpy as np
import pytest

from models.duration import FILLER_ID, SILENCE_ID
from tests.training.tiny_speech import VOICES, write_data
from training.batches import Batch, CropSampler, _weights, prefetched, prompt
from training.data import SpeechData, Utterance

NUM_FRAMES = 128


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> SpeechData:
    return SpeechData(write_data(tmp_path_factory.mktemp("data")))


@pytest.fixture(scope="module")
def sampler(data: SpeechData) -> CropSampler:
    return CropSampler(data, data.select(split="train", is_aligned=True), NUM_FRAMES, 0)


@pytest.fixture(scope="module")
def batch(sampler: CropSampler) -> Batch:
    return sampler.batch(0, 16)


def _source(data: SpeechData, frames: np.ndarray) -> Utterance:
    """The utterance that holds these frames."""
    for utterance in data.utterances:
        mel = data.mel(utterance)
        for start in range(len(mel) - len(frames) + 1):
            if np.array_equal(mel[start : start + len(frames)], frames):
                return utterance
    raise AssertionError("frames from nowhere")


def test_reference_is_filler_and_of_the_same_voice(data: SpeechData, batch: Batch) -> None:
    voices = set()
    for mel, num_ref, length in zip(batch.mel, batch.num_ref, batch.lengths, strict=True):
        reference, target = _source(data, mel[:num_ref]), _source(data, mel[num_ref:length])
        assert reference.voice == target.voice and target.split == "train"
        voices.add(target.voice)
    assert voices == set(VOICES)


def test_ids_cover_the_frames_to_be_spoken_and_nothing_else(batch: Batch) -> None:
    assert batch.mel.shape == (16, NUM_FRAMES, 100) and batch.text_ids.shape == (16, NUM_FRAMES)
    for ids, num_ref, length in zip(batch.text_ids, batch.num_ref, batch.lengths, strict=True):
        assert (ids[:num_ref] == FILLER_ID).all() and (ids[length:] == FILLER_ID).all()
        assert (ids[num_ref:length] != FILLER_ID).all()


def test_lengths_fit_and_padding_is_zero(batch: Batch) -> None:
    assert (batch.num_ref > 0).all() and (batch.num_ref < batch.lengths).all()
    assert batch.lengths.max() <= NUM_FRAMES and batch.lengths.dtype == np.int32
    for mel, length in zip(batch.mel, batch.lengths, strict=True):
        assert not mel[length:].any()


def test_a_batch_depends_on_seed_and_step_alone(data: SpeechData, sampler: CropSampler) -> None:
    again = CropSampler(data, data.select(split="train"), NUM_FRAMES, 0)
    sampler.batch(4, 2)
    np.testing.assert_array_equal(sampler.batch(5, 4).mel, again.batch(5, 4).mel)
    assert not np.array_equal(sampler.batch(5, 4).mel, sampler.batch(6, 4).mel)


def test_prefetching_starts_where_it_is_told(sampler: CropSampler) -> None:
    with closing(prefetched(sampler, 3, first_step=7)) as batches:
        for step, batch in enumerate(islice(batches, 6), start=7):
            np.testing.assert_array_equal(batch.mel, sampler.batch(step, 3).mel)


def test_trouble_in_the_thread_is_raised_by_the_iterator(
    sampler: CropSampler, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(step: int, num_rows: int) -> Batch:
        raise OSError("the disk is gone")

    monkeypatch.setattr(sampler, "batch", fail)
    with pytest.raises(OSError, match="disk"):
        next(prefetched(sampler, 3, 0))


def test_prompt_is_the_voice_then_the_true_durations(data: SpeechData) -> None:
    reference, target = data.utterances[0], data.utterances[1]
    cond, ids = prompt(data, reference, target, 20)
    np.testing.assert_array_equal(cond, data.mel(reference, 0, 20))
    assert len(ids) == 20 + target.num_frames
    assert (ids[:20] == FILLER_ID).all() and ids[20] == ids[-1] == SILENCE_ID
    durations = target.durations
    assert durations is not None
    num_silent = durations[0] * 600 // 256 + 1  # frames centred inside the first silence
    assert (ids[20 : 20 + num_silent] == SILENCE_ID).all() and ids[20 + num_silent] != SILENCE_ID


def test_short_utterances_get_their_share(data: SpeechData) -> None:
    utterances = [
        replace(data.utterances[0], num_frames=num_frames) for num_frames in (100, 300, 600)
    ]
    # In proportion to length: 0.1, 0.3, 0.6; a fifth of the rows goes to the one under 235.
    np.testing.assert_allclose(_weights(utterances, 0.2), [0.28, 0.24, 0.48])
    np.testing.assert_allclose(_weights(utterances[1:], 0.2), [1 / 3, 2 / 3])


def test_nothing_to_train_on_is_an_error(data: SpeechData) -> None:
    with pytest.raises(ValueError, match="durations"):
        CropSampler(data, [], NUM_FRAMES, 0)
