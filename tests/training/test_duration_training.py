"""The duration trainer on a few synthetic seconds."""

import json
from dataclasses import replace
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest
from safetensors.numpy import load_file

from models.duration import DurationConfig, DurationPredictor, with_silences
from models.duration.predictor import UNIT_S, log_durations
from tests.training.tiny_speech import TEXTS, write_data
from text.symbols import symbol_ids
from training.checkpoint import load_latest
from training.data import SpeechData
from training.duration import DurationSettings, Rows, draw, make_rows, total_ratio, train
from training.history import read_columns

TINY = DurationConfig(dim=16, depth=1, kernel=3)
SETTINGS = DurationSettings(
    num_steps=60, num_rows=4, peak_rate=2e-2, ema_decay=0.8, save_every_steps=20, log_every=5
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_data(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def rows(folder: Path) -> Rows:
    return make_rows(SpeechData(folder).select(split="train"))


@pytest.fixture(scope="module")
def whole(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of 60 steps without interruption."""
    out = tmp_path_factory.mktemp("whole")
    train(folder, out, SETTINGS, TINY)
    return out


def test_loss_falls(whole: Path) -> None:
    losses = read_columns(whole / "log.csv")["loss"]
    assert len(losses) == 12 and losses[-1] < 0.3 * losses[0]
    assert json.loads((whole / "report.json").read_text())["loss"] < 0.3 * losses[0]


def test_result_loads_and_says_the_durations_of_the_data(folder: Path, whole: Path) -> None:
    predictor = DurationPredictor.load(whole / "duration.safetensors")
    utterance = SpeechData(folder).utterances[0]
    assert utterance.durations is not None
    seconds = predictor.predict_s(with_silences(symbol_ids(TEXTS[0])))
    expected = np.array(utterance.durations) * UNIT_S
    assert len(seconds) == len(expected)
    assert np.abs(seconds - expected).mean() < 0.3 * expected.mean()


def test_total_of_the_result_is_right(whole: Path, rows: Rows) -> None:
    params = load_file(whole / "duration.safetensors")
    assert total_ratio(params, rows) == pytest.approx(1.0, abs=0.01)  # float16 weights


def test_numpy_and_jax_agree(whole: Path, rows: Rows) -> None:
    params = load_file(whole / "duration.safetensors")
    params = {name: value.astype(np.float32) for name, value in params.items()}
    on_host = log_durations(np, params, rows.ids, rows.mask, rows.pace)
    on_device = log_durations(jnp, params, rows.ids, rows.mask, jnp.asarray(rows.pace))
    np.testing.assert_allclose(on_host, on_device, atol=1e-5)


def test_interrupted_run_ends_with_the_same_weights(
    folder: Path, whole: Path, tmp_path: Path
) -> None:
    # Killed while it wrote its last checkpoint: the one before is whole.
    for number in (40, 60):
        source = whole / f"step_{number:09d}.safetensors"
        (tmp_path / source.name).write_bytes(source.read_bytes())
    newest = tmp_path / "step_000000060.safetensors"
    newest.write_bytes(newest.read_bytes()[:500])
    train(folder, tmp_path, SETTINGS, TINY)
    one, two = load_latest(whole), load_latest(tmp_path)
    assert one is not None and two is not None and one[0] == two[0] == 60
    for name, array in one[1].items():
        np.testing.assert_array_equal(array, two[1][name], err_msg=name)
    result = "duration.safetensors"
    assert (whole / result).read_bytes() == (tmp_path / result).read_bytes()


def test_a_batch_depends_on_seed_and_step_alone(rows: Rows) -> None:
    for one, two in zip(draw(rows, SETTINGS, 3), draw(rows, SETTINGS, 3), strict=True):
        np.testing.assert_array_equal(one, two)
    assert not np.array_equal(draw(rows, SETTINGS, 3).ids, draw(rows, SETTINGS, 4).ids)
    assert len(draw(rows, replace(SETTINGS, num_rows=99), 0).ids) == len(rows.ids)
    hidden = draw(rows, replace(SETTINGS, hidden_pace_share=1.0), 0)
    assert (hidden.pace == 1).all()


def test_rows_carry_symbols_and_relative_pace(rows: Rows) -> None:
    assert rows.ids.shape == (6, 256) and rows.mask[0].sum() == len(TEXTS[0]) + 2
    assert rows.pace.mean() == pytest.approx(1.0) and rows.pace.std() > 0


def test_no_durations_is_an_error() -> None:
    with pytest.raises(ValueError, match="no utterances with durations"):
        make_rows([])
