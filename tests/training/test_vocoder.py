"""The vocoder trainer on a few synthetic seconds: it learns, resumes exactly, and plays fair."""

from dataclasses import replace
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import soundfile
from jax.sharding import Mesh

from models.vocos import VocosConfig, load_vocos
from training import vocoder_export
from training.checkpoint import load_latest
from training.data import SAMPLE_RATE, SpeechData
from training.prepare import prepare
from training.vocoder import WaveSampler, train
from training.vocoder_trainer import VocoderSettings, VocoderTrainer, start_near_data

pytestmark = pytest.mark.usefixtures("quick_compilation")
TINY = VocosConfig(dim=16, intermediate_dim=32, num_layers=1)
SETTINGS = VocoderSettings(
    minutes=1e6, num_rows=4, num_frames=32, adversarial_from=1.0, discriminator_width=4, max_steps=3
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two gliding harmonic tones as an LJSpeech-style data set, prepared."""
    source = tmp_path_factory.mktemp("source")
    (source / "wavs").mkdir()
    time_s = np.arange(2 * SAMPLE_RATE) / SAMPLE_RATE
    for name, pitch_hz in (("low", 110.0), ("high", 190.0)):
        angle = 2 * np.pi * pitch_hz * (time_s + 0.1 * time_s**2)
        wave = sum(np.sin(angle * harmonic) / harmonic for harmonic in range(1, 20))
        soundfile.write(source / "wavs" / f"{name}.wav", 0.1 * wave, SAMPLE_RATE)
    (source / "metadata.csv").write_text("low|ooh|ooh\nhigh|aah|aah\n")
    out = tmp_path_factory.mktemp("prepared")
    prepare(source, out, lang="en", voice="tone", num_workers=1)
    return out


def _trainer(folder: Path) -> tuple[VocoderTrainer, WaveSampler]:
    sampler = WaveSampler(SpeechData(folder), SETTINGS, TINY)
    trainer = VocoderTrainer(TINY, SETTINGS, Mesh(np.array(jax.devices()), ("data",)))
    trainer.start(start_near_data(TINY, 0, jnp.asarray(sampler.batch(0).waves)))
    return trainer, sampler


def _rates(vocoder: float, discriminator: float) -> tuple[jax.Array, ...]:
    return tuple(jnp.float32(x) for x in (vocoder, discriminator, 0.9))


def test_loss_falls_in_20_steps_and_the_judges_learn_too(folder: Path) -> None:
    trainer, sampler = _trainer(folder)
    totals = []
    for step in range(20):
        batch = sampler.batch(step % 2)
        trainer.state, facts = trainer.step(trainer.state, batch, _rates(5e-3, 0.0))
        totals.append(float(facts["total"]))
    assert totals[-1] < 0.8 * totals[0]
    batch = sampler.batch(0)
    judged = []
    for _ in range(15):
        trainer.state, facts = trainer.adversarial_step(trainer.state, batch, _rates(0.0, 5e-3))
        judged.append(float(facts["fake"] + facts["real"]))
    assert judged[-1] < 0.9 * judged[0]
    assert all(np.isfinite(float(value)) for value in facts.values())


@pytest.fixture(scope="module")
def whole(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of four steps without interruption."""
    out = tmp_path_factory.mktemp("whole")
    train(folder, out, TINY, replace(SETTINGS, max_steps=4))
    return out


def test_interrupted_run_ends_with_the_same_weights(
    folder: Path, whole: Path, tmp_path: Path
) -> None:
    for stop in (2, 4):
        train(folder, tmp_path, TINY, replace(SETTINGS, max_steps=stop))
    one, two = load_latest(whole), load_latest(tmp_path)
    assert one is not None and two is not None and one[0] == two[0] == 4
    for name, array in one[1].items():
        np.testing.assert_array_equal(array, two[1][name], err_msg=name)
    assert (whole / "log.csv").read_text().startswith("step,spent_s,rate,total")
    assert list((whole / "validation").glob("mel_*.png"))


def test_export_writes_the_ema_in_the_official_layout(whole: Path, tmp_path: Path) -> None:
    file = tmp_path / "ship" / "vocoder.safetensors"
    vocoder_export.main(["--run", str(whole), "--to", str(file)])
    latest = load_latest(whole)
    assert latest is not None
    shipped = load_vocos(file, TINY)
    expected = latest[1][".ema['head']['kernel']"].astype(np.float16)
    np.testing.assert_array_equal(shipped.head.kernel[...], expected.astype(np.float32))


def test_crops_depend_on_seed_and_step_alone(folder: Path) -> None:
    data = SpeechData(folder)
    one, two = (WaveSampler(data, SETTINGS, TINY) for _ in range(2))
    np.testing.assert_array_equal(one.batch(5).waves, two.batch(5).waves)
    assert not np.array_equal(one.batch(5).waves, one.batch(6).waves)
    assert one.batch(0).waves.shape == (4, 31 * 256 + 1024)
    assert not one.batch(0).is_given.any()


def test_too_short_data_names_the_length(folder: Path) -> None:
    with pytest.raises(ValueError, match="501 frames"):
        WaveSampler(SpeechData(folder), replace(SETTINGS, num_frames=500), TINY)
