"""The acoustic trainer on a few synthetic seconds: it learns, resumes exactly, and fine-tunes."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from inference_types import ModelLoadError
from models.f5 import F5Config, load_f5, official_tensors
from models.flow import euler_step
from tests.tiny_models import ALIGNED, random_f5, write_bundle
from tests.training.tiny_speech import write_data
from training import acoustic
from training.acoustic_trainer import (
    AcousticSettings,
    guidance_pull,
    is_muon_matrix,
    rows_mesh,
    with_guidance_input,
)
from training.checkpoint import list_checkpoints, load_latest
from training.history import read_columns

pytestmark = pytest.mark.usefixtures("quick_compilation")
SETTINGS = AcousticSettings(
    minutes=1e6,  # the rate follows the time used: none of it here
    num_rows=2,
    num_frames=96,
    peak_rate=3e-2,  # the warm-up is longer than these runs
    log_every=5,
    save_every_s=0.0,
    max_steps=20,
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_data(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def whole(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of 20 steps without interruption."""
    out = tmp_path_factory.mktemp("whole")
    acoustic.train(folder, out, ALIGNED, SETTINGS, random_f5())
    return out


def test_loss_falls_in_20_steps(whole: Path) -> None:
    log = read_columns(whole / "log.csv")
    assert list(log) == ["step", "spent_s", "loss", "dev_loss", "grad_norm", "rate"]
    assert log["step"].tolist() == [5, 10, 15, 20]
    assert log["dev_loss"][-1] < 0.8 * log["dev_loss"][0]
    assert [step for step, _ in list_checkpoints(whole)] == [19, 20]


def test_killed_and_resumed_equals_uninterrupted(
    folder: Path, whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(acoustic, "append_row", _die_at_step_10)
        with pytest.raises(KeyboardInterrupt):
            acoustic.train(folder, tmp_path, ALIGNED, SETTINGS, random_f5())
    newest = list_checkpoints(tmp_path)[-1][1]
    newest.write_bytes(newest.read_bytes()[:2000])  # the next older one has to do
    acoustic.train(folder, tmp_path, ALIGNED, SETTINGS, random_f5())
    one, two = load_latest(whole), load_latest(tmp_path)
    assert one is not None and two is not None and one[0] == two[0] == 20
    assert one[1].keys() == two[1].keys()
    for name, array in one[1].items():
        np.testing.assert_array_equal(array, two[1][name], err_msg=name)


def _die_at_step_10(path: Path, row: dict[str, float]) -> None:
    if row["step"] == 10:
        raise KeyboardInterrupt


def test_fine_tuning_starts_from_a_bundle(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = tmp_path / "tiny"
    write_bundle(bundle)
    begun: list[acoustic.AcousticTrainer] = []
    monkeypatch.setattr(acoustic, "_run", lambda trainer, *_: begun.append(trainer))
    acoustic.main(
        ["--data", str(folder), "--out", str(tmp_path / "run"), "--init-from", str(bundle)]
        + ["--num-rows", "2", "--num-frames", "64"]
    )
    (trainer,) = begun
    assert trainer.config == ALIGNED and trainer.settings.num_rows == 2
    expected = official_tensors(load_f5(bundle / "acoustic.safetensors", ALIGNED))
    for params in (trainer.state.params, trainer.state.ema):
        for name, tensor in official_tensors(trainer.build(params)).items():
            np.testing.assert_array_equal(tensor, expected[name], err_msg=name)


def distilled(bundle: Path, data: Path, out: Path, *flags: str) -> acoustic.AcousticTrainer:
    """Three steps of guidance distillation."""
    kept: list[acoustic.AcousticTrainer] = []

    class Kept(acoustic.AcousticTrainer):
        def __init__(self, *arguments: Any) -> None:
            super().__init__(*arguments)
            kept.append(self)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(acoustic, "AcousticTrainer", Kept)
        acoustic.main(
            ["--data", str(data), "--out", str(out), "--init-from", str(bundle), *flags]
            + ["--num-rows", "2", "--num-frames", "64", "--max-steps", "3", "--log-every", "1"]
        )
    return kept[0]


def test_guidance_becomes_an_input_and_its_teacher_stays(folder: Path, tmp_path: Path) -> None:
    write_bundle(tmp_path / "tiny")
    bundle, run = tmp_path / "tiny", tmp_path / "run"
    trainer = distilled(bundle, folder, run, "--distil-guidance", "2")
    assert trainer.config == replace(ALIGNED, max_guidance=2.0)
    out = trainer.state.params["guidance_embedding"]["out"]["kernel"]
    assert np.abs(out).max() > 0, "the scale is learned"
    expected = official_tensors(load_f5(bundle / "acoustic.safetensors", ALIGNED))
    teacher = nnx.merge(trainer._teacher_graph, trainer._teacher)
    for name, tensor in official_tensors(teacher).items():
        np.testing.assert_array_equal(tensor, expected[name], err_msg=name)
    assert read_columns(run / "log.csv")["step"].tolist() == [1, 2, 3]


def test_the_distilled_model_starts_as_its_teacher_without_guidance() -> None:
    model = random_f5()
    student = with_guidance_input(model, 2.0)
    x, times, scales = jnp.ones((1, 8, 100)), jnp.asarray([0.3]), jnp.asarray([1.5])
    ids, lengths = jnp.full((1, 8), 3), jnp.asarray([8])
    velocities = [
        each.velocity(x, each.encode(x, ids, lengths), each.modulate(times, scales), lengths)
        for each in (model, student)
    ]
    np.testing.assert_array_equal(*velocities)


@pytest.mark.parametrize("config", [ALIGNED, replace(ALIGNED, max_guidance=3.0)])
def test_the_pull_is_what_a_guided_step_adds(config: F5Config) -> None:
    teacher = random_f5(config)
    rng = np.random.default_rng(0)
    x, cond = (jnp.asarray(rng.standard_normal((2, 8, 100)), jnp.float32) for _ in range(2))
    ids, lengths = jnp.asarray(rng.integers(0, 70, (2, 8))), jnp.asarray([8, 6])
    times, scales = jnp.asarray([0.2, 0.7]), jnp.asarray([0.5, 2.0])
    row = (lengths, times, jnp.ones(2))
    statics = teacher.encode_branches(cond, ids, lengths)
    guided = euler_step(teacher, x, statics, *row, scales)
    plain = euler_step(teacher, x, statics, *row, jnp.zeros(2))
    pull = guidance_pull(teacher, x, cond, ids, lengths, times, scales)
    np.testing.assert_allclose(pull, guided - plain, atol=2e-6)
    assert float(jnp.abs(pull).max()) > 1e-3


def test_distilling_without_a_teacher_says_what_is_missing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        acoustic.main(["--data", "d", "--out", str(tmp_path), "--distil-guidance", "2"])
    assert "--init-from" in capsys.readouterr().err
    with pytest.raises(ValueError, match="teacher"):
        acoustic.AcousticTrainer(replace(ALIGNED, max_guidance=2.0), SETTINGS, rows_mesh(2, 1))


def test_fine_tuning_from_nothing_says_what_to_give(tmp_path: Path) -> None:
    with pytest.raises(ModelLoadError, match="is not a model: give a folder"):
        acoustic.main(
            ["--data", str(tmp_path), "--out", str(tmp_path), "--init-from", str(tmp_path / "no")]
        )


def test_a_loss_that_is_no_number_ends_the_run() -> None:
    trainer = SimpleNamespace(
        settings=SETTINGS,
        step=lambda *_: (np.float32(np.nan), np.float32(1.0)),
        place=lambda batch: batch,
    )
    with pytest.raises(FloatingPointError, match="--peak-rate"):
        acoustic._advance(cast(Any, trainer), cast(Any, ()), 3, 0.0)


def test_rows_must_divide_by_the_devices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jax, "devices", lambda: [object()] * 4)
    with pytest.raises(ValueError, match=r"num_rows 9 .* 4 devices: take --num-rows 8"):
        rows_mesh(9, 0)
    with pytest.raises(ValueError, match=r"num_rows 2 .* 3 devices: take --num-rows 3"):
        rows_mesh(2, 3)


def test_more_devices_than_there_are_is_an_error() -> None:
    with pytest.raises(ModelLoadError, match="99 devices"):
        rows_mesh(99, 99)


def test_muon_takes_the_blocks_products_only(whole: Path) -> None:
    latest = load_latest(whole)
    assert latest is not None
    prefix = ".params"
    taken = {
        name[len(prefix) :]
        for name, array in latest[1].items()
        if name.startswith(prefix) and is_muon_matrix(_path(name[len(prefix) :]), cast(Any, array))
    }
    assert any("qkv" in name for name in taken) and any("input_proj" in name for name in taken)
    assert not any(
        part in name for name in taken for part in ("bias", "modulation", "output", "text")
    )


def _path(name: str) -> tuple[jax.tree_util.DictKey, ...]:
    return tuple(jax.tree_util.DictKey(part) for part in name.strip("[]'").split("']['"))


@pytest.mark.slow
def test_two_devices_learn_what_one_learns(folder: Path, tmp_path: Path) -> None:
    program = (
        "import sys; from dataclasses import replace; from pathlib import Path\n"
        "from tests.training.test_acoustic import ALIGNED, SETTINGS, acoustic\n"
        "for num in (1, 2):\n"
        "    settings = replace(SETTINGS, num_devices=num, max_steps=3, log_every=1)\n"
        "    acoustic.train(Path(sys.argv[1]), Path(sys.argv[2]) / str(num), ALIGNED, settings)\n"
    )
    subprocess.run(
        [sys.executable, "-c", program, str(folder), str(tmp_path)],
        check=True,
        cwd=Path(__file__).parents[2],
        env=os.environ | {"XLA_FLAGS": "--xla_force_host_platform_device_count=2"},
    )
    one, two = (read_columns(tmp_path / num / "log.csv") for num in ("1", "2"))
    for name in ("loss", "dev_loss", "grad_norm"):
        np.testing.assert_allclose(one[name], two[name], rtol=2e-3, err_msg=name)


def test_a_run_of_another_network_is_not_continued(folder: Path, whole: Path) -> None:
    wider = replace(ALIGNED, text_dim=64)
    with pytest.raises(ValueError, match="does not fit this model"):
        acoustic.train(folder, whole, wider, SETTINGS, random_f5(wider))
