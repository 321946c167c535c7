"""Checkpoints: round trip, retention, and what a kill may leave behind."""

import logging
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from training.checkpoint import list_checkpoints, load_checkpoint, load_latest, save_checkpoint

ROOT = Path(__file__).parents[2]


def _arrays(step: int) -> dict[str, np.ndarray]:
    return {"w": np.full((64, 64), step, np.float32), "count": np.array(step, np.int32)}


def test_round_trip_keeps_arrays_and_meta(tmp_path: Path) -> None:
    transposed = np.arange(6, dtype=np.float16).reshape(2, 3).T
    save_checkpoint(tmp_path, 7, {"t": transposed}, {"rng": [1, 2], "lr": 0.5})
    latest = load_latest(tmp_path)
    assert latest is not None
    step, arrays, meta = latest
    assert step == 7 and meta == {"rng": [1, 2], "lr": 0.5}
    np.testing.assert_array_equal(arrays["t"], transposed)


def test_only_the_newest_are_kept(tmp_path: Path) -> None:
    for step in (1, 2, 10):
        save_checkpoint(tmp_path, step, _arrays(step), {})
    assert [step for step, _ in list_checkpoints(tmp_path)] == [2, 10]
    assert sorted(p.name for p in tmp_path.iterdir())[0].startswith("step_")


def test_empty_or_missing_folder_has_no_latest(tmp_path: Path) -> None:
    assert load_latest(tmp_path) is None
    assert load_latest(tmp_path / "missing") is None


@pytest.mark.parametrize("damage", ["cut", "empty"])
def test_damaged_newest_falls_back_to_the_one_before(
    tmp_path: Path, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    save_checkpoint(tmp_path, 1, _arrays(1), {})
    newest = save_checkpoint(tmp_path, 2, _arrays(2), {})
    newest.write_bytes(newest.read_bytes()[:1000] if damage == "cut" else b"")
    with caplog.at_level(logging.WARNING):
        latest = load_latest(tmp_path)
    assert latest is not None and latest[0] == 1
    assert "damaged" in caplog.text


def test_foreign_safetensors_is_refused(tmp_path: Path) -> None:
    from safetensors.numpy import save_file

    save_file(_arrays(1), tmp_path / "x.safetensors")
    with pytest.raises(ValueError, match="not a training checkpoint"):
        load_checkpoint(tmp_path / "x.safetensors")


def test_kill_while_saving_leaves_a_whole_checkpoint(tmp_path: Path) -> None:
    program = (
        "import numpy as np, itertools\n"
        "from training.checkpoint import save_checkpoint\n"
        "for s in itertools.count(1):\n"
        "    arrays = {'w': np.full((512, 512), s, 'f4')}\n"
        f"    save_checkpoint({str(tmp_path)!r}, s, arrays, {{'s': s}})\n"
        "    print(s, flush=True)\n"
    )
    child = subprocess.Popen([sys.executable, "-c", program], cwd=ROOT, stdout=subprocess.PIPE)
    assert child.stdout is not None
    with child.stdout as lines:
        seen = [int(lines.readline()) for _ in range(5)][-1]
        os.kill(child.pid, signal.SIGKILL)
        child.wait()
    latest = load_latest(tmp_path)
    assert latest is not None
    step, arrays, meta = latest
    assert step >= seen and meta == {"s": step} and (arrays["w"] == step).all()
