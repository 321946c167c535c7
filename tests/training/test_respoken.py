"""Mels drawn by the acoustic model, and a vocoder that learns from them."""

from dataclasses import replace
from pathlib import Path

import jax
import numpy as np
import pytest
from jax.sharding import Mesh

from models.vocos import VocosConfig
from tests.tiny_models import random_f5, write_bundle
from tests.training.tiny_speech import write_data
from training import respoken
from training.data import SpeechData, Utterance
from training.respoken import RespeakSettings, RespokenMels, respeak
from training.vocoder import WaveSampler
from training.vocoder_trainer import VocoderSettings, VocoderTrainer

SETTINGS = RespeakSettings(
    num_utterances=4, num_rows=2, num_frames=256, max_ref_frames=32, first_times=(0.9,)
)
CROPS = VocoderSettings(num_rows=8, num_frames=40, min_gain_db=-6.0, max_gain_db=-6.0)
VOCODER = VocosConfig(dim=16, intermediate_dim=32, num_layers=1)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> SpeechData:
    return SpeechData(write_data(tmp_path_factory.mktemp("data")))


@pytest.fixture(scope="module")
def folder(data: SpeechData, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("respoken")
    respeak(data, random_f5(), out, SETTINGS)
    return out


def test_mels_are_new_and_line_up_with_the_utterances(data: SpeechData, folder: Path) -> None:
    drawn = RespokenMels(folder)
    rows = {row.id: row for row in data.utterances}
    assert len(drawn.ids) == 4 and all(rows[i].split == "train" for i in drawn.ids)
    for name in drawn.ids:
        true, made = data.mel(rows[name]), drawn.mel(name, 0, rows[name].num_frames)
        assert made.shape == true.shape and np.isfinite(made).all()
        # At time 0.9 nine tenths of the true mel are in the start: another row would not fit.
        assert np.corrcoef(true.ravel(), made.ravel())[0, 1] > 0.9
        assert np.abs(true - made).mean() > 1e-3


def test_the_command_draws_as_the_bundle_is_served(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest = write_bundle(tmp_path / "tiny")
    seen: list[RespeakSettings] = []
    monkeypatch.setattr(respoken, "SpeechData", lambda path: path)
    monkeypatch.setattr(respoken, "respeak", lambda *arguments: seen.append(arguments[-1]))
    respoken.main(["--data", "d", "--model", str(tmp_path / "tiny"), "--out", "o", "--seed", "3"])
    assert [(each.schedule, each.seed) for each in seen] == [(manifest.schedule, 3)]


def test_a_killed_run_goes_on_and_ends_with_the_same_mels(
    data: SpeechData, folder: Path, tmp_path: Path
) -> None:
    respeak(data, random_f5(), tmp_path, replace(SETTINGS, num_utterances=2))
    with (tmp_path / "mel.f16").open("ab") as mels:
        mels.write(b"half a frame")
    with (tmp_path / "utterances.jsonl").open("a") as lines:
        lines.write('{"id": "lo')
    respeak(data, random_f5(), tmp_path, SETTINGS)
    for name in ("mel.f16", "utterances.jsonl"):
        assert (tmp_path / name).read_bytes() == (folder / name).read_bytes()


def test_crops_take_their_share_of_respoken_mels_at_the_waves_loudness(
    data: SpeechData, folder: Path
) -> None:
    given = RespokenMels(folder)
    always = WaveSampler(data, replace(CROPS, respoken_share=1.0), VOCODER, given).batch(0)
    assert always.is_given.all() and always.mels.shape == (8, 40, 100)
    quieter = np.log(10 ** (-6 / 20))
    shifted = [
        given.mel(i, start, 40) + quieter
        for i in given.ids
        for start in range(len(data.mel(_named(data, i))) - 40)
    ]
    floor = np.log(1e-5)
    for mel in always.mels:
        assert any(np.allclose(mel, np.maximum(whole, floor), atol=1e-4) for whole in shifted)
    mixed = WaveSampler(data, CROPS, VOCODER, given)
    share = np.mean([mixed.batch(step).is_given.mean() for step in range(20)])
    assert 0.35 < share < 0.65


def _named(data: SpeechData, name: str) -> Utterance:
    return next(row for row in data.utterances if row.id == name)


def test_the_trainer_speaks_the_given_mel(data: SpeechData, folder: Path) -> None:
    trainer = VocoderTrainer(VOCODER, CROPS, Mesh(np.array(jax.devices()), ("data",)))
    sampler = WaveSampler(data, replace(CROPS, respoken_share=1.0), VOCODER, RespokenMels(folder))
    crops = sampler.batch(0)
    params = trainer.state.params["vocoder"]
    given = trainer.speak(params, crops)[0]
    computed = trainer.speak(params, crops._replace(is_given=np.zeros(8, bool)))[0]
    again = trainer.speak(params, crops._replace(waves=np.zeros_like(crops.waves)))[0]
    assert not np.allclose(given, computed, atol=1e-3)
    np.testing.assert_allclose(given, again, atol=1e-6)


def test_missing_or_unfit_data_is_named(data: SpeechData, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="run training.respoken first"):
        RespokenMels(tmp_path)
    with pytest.raises(ValueError, match="has 8 frames or fewer"):
        respeak(data, random_f5(), tmp_path, replace(SETTINGS, num_frames=40))
