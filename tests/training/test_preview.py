"""Pictures and samples of a run."""

import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.tiny_models import random_vocos
from tests.training.tiny_speech import write_data, write_run
from training.data import SpeechData
from training.history import append_row, read_columns
from training.preview import PreviewSettings, draw_losses, held_out, preview

PNG_MAGIC = b"\x89PNG"


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> SpeechData:
    return SpeechData(write_data(tmp_path_factory.mktemp("data")))


def test_pictures_and_samples_are_written(data: SpeechData, tmp_path: Path) -> None:
    run, out = write_run(tmp_path / "run"), tmp_path / "out"
    for step in (1, 2):
        append_row(run / "log.csv", {"step": step, "loss": 1 / step, "dev_loss": 2 / step})
    settings = PreviewSettings(num_utterances=1, num_steps=1)
    written = preview(data, run, out, settings, random_vocos())
    names = ["low_3_0000003.png", "low_3_0000003.wav", "loss.png"]
    assert [path.name for path in written] == names
    assert all(path.read_bytes()[:4] == PNG_MAGIC for path in written if path.suffix == ".png")
    wave, rate = soundfile.read(written[1])
    num_frames = next(u.num_frames for u in data.utterances if u.id == "low_3")
    assert rate == 24_000 and len(wave) == num_frames * 256 and np.abs(wave).max() > 0


def test_held_out_utterances_are_spread(data: SpeechData) -> None:
    assert [u.id for u in held_out(data, 9)] == ["low_3", "high_3"]
    assert all(u.split == "dev" for u in held_out(data, 1))


def test_missing_matplotlib_is_said_at_once(
    data: SpeechData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install -r requirements-dev\.txt"):
        preview(data, tmp_path / "nothing", tmp_path, PreviewSettings())


def test_history_of_a_killed_run_is_read_once_per_step(tmp_path: Path) -> None:
    log = tmp_path / "log.csv"
    for step, loss in ((20, 3.0), (40, 2.0), (20, 2.5)):
        append_row(log, {"step": step, "loss": loss})
    with log.open("a") as file:
        file.write("60")  # killed while writing
    columns = read_columns(log)
    assert columns["step"].tolist() == [20, 40] and columns["loss"].tolist() == [2.5, 2.0]
    assert draw_losses(log, tmp_path / "loss.png").read_bytes()[:4] == PNG_MAGIC
