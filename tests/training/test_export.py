"""Bundles: what training.export writes, frontend.bundle opens; damage is refused."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from frontend.bundle import find_bundle
from frontend.schedules import RecommendedSchedule
from inference_types import ModelLoadError
from models.duration import DurationConfig
from models.duration.predictor import init_params, save_params
from models.f5 import official_tensors
from models.vocos import save_vocos
from tests.tiny_models import ALIGNED, VOCOS, random_f5, random_vocos
from tests.training.tiny_speech import write_data, write_run
from training.data import INDEX_NAME, SpeechData
from training.export import BuiltinVoice, export, paces, read_ema, read_voices

VOICES = tuple(
    BuiltinVoice(name=name, source=source, language="en", gender="", description=f"{source} tone")
    for name, source in (("ann", "high"), ("ben", "low"))
)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Data, a run and the other parts."""
    root = tmp_path_factory.mktemp("parts")
    write_data(root / "data")
    write_run(root / "run")
    save_params(root / "duration.safetensors", init_params(DurationConfig(dim=16, depth=1), 0))
    save_vocos(random_vocos(), root / "vocoder.safetensors")
    return root


def _export(root: Path, out: Path, voices: tuple[BuiltinVoice, ...] = VOICES) -> None:
    export(
        out,
        acoustic_run=root / "run",
        duration_file=root / "duration.safetensors",
        vocoder_file=root / "vocoder.safetensors",
        data=SpeechData(root / "data"),
        schedule=RecommendedSchedule(num_steps=6, guidance=1.5),
        voices=voices,
        vocos=VOCOS,
        licence="CC0-1.0",
    )


@pytest.fixture(scope="module")
def pristine(root: Path) -> Path:
    _export(root, root / "mine")
    return root / "mine"


def test_bundle_is_found_whole(pristine: Path) -> None:
    bundle = find_bundle(str(pristine))
    assert (bundle.name, bundle.kind, bundle.licence) == ("mine", "aligned", "CC0-1.0")
    assert bundle.f5 == ALIGNED and bundle.vocos == VOCOS and bundle.languages == ("en",)
    assert bundle.schedule == RecommendedSchedule(num_steps=6, guidance=1.5)
    assert bundle.default_voice == "ann" and [v.name for v in bundle.voices] == ["ann", "ben"]
    voice = bundle.voices[0].info
    assert voice.consent.startswith("synthetic") and 0.5 < voice.pace < 2 and voice.text
    ids = np.array([1, 2, 3])
    assert len(bundle.load_durations().predict_s(ids)) == 3
    bundle.load_vocoder()


def test_weights_are_the_ema_in_half_precision(pristine: Path) -> None:
    loaded = official_tensors(find_bundle(str(pristine)).load_acoustic(np.float32))
    for name, tensor in official_tensors(random_f5()).items():
        if "rotary" in name:
            continue
        expected = (0.5 * tensor).astype(np.float16).astype(np.float32)
        np.testing.assert_array_equal(loaded[name], expected, err_msg=name)


@pytest.mark.parametrize(
    "name",
    ["acoustic.safetensors", "vocoder.safetensors", "duration.safetensors", "voices/ann.flac"],
)
def test_damage_is_refused(pristine: Path, tmp_path: Path, name: str) -> None:
    folder = Path(shutil.copytree(pristine, tmp_path / "mine"))
    data = bytearray((folder / name).read_bytes())
    data[len(data) // 2] ^= 1
    (folder / name).write_bytes(data)
    with pytest.raises(ModelLoadError, match=f"{name} of mine is damaged"):
        find_bundle(str(folder))


def test_exporting_again_removes_voices_that_are_gone(
    root: Path, pristine: Path, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(pristine, tmp_path / "mine"))
    _export(root, folder, VOICES[1:])
    bundle = find_bundle(str(folder))
    assert [voice.name for voice in bundle.voices] == ["ben"] == [bundle.default_voice]


def test_clip_is_a_training_utterance_in_the_voices_language(root: Path, tmp_path: Path) -> None:
    data = Path(shutil.copytree(root / "data", tmp_path / "data"))
    index = json.loads((data / INDEX_NAME).read_text())
    for row in index["utterances"]:
        row["lang"] = "en" if row["id"] in ("high_1", "high_3") else "zh"
    (data / INDEX_NAME).write_text(json.dumps(index))
    parts = tmp_path / "parts"
    shutil.copytree(root, parts, ignore=shutil.ignore_patterns("data", "mine"))
    shutil.move(data, parts / "data")
    _export(parts, parts / "mine")
    record = json.loads((parts / "mine" / "voices" / "ann.json").read_text())
    assert record["text"] == "tush at."  # high_1; high_3 is held out


def test_pace_is_relative_to_the_language(root: Path) -> None:
    measured = paces(SpeechData(root / "data"))
    assert measured.keys() == {"low", "high"}
    assert measured["low"] == pytest.approx(1.0) == measured["high"]  # they say the same


def test_missing_parts_are_named(root: Path, tmp_path: Path) -> None:
    stranger = BuiltinVoice(name="eve", source="nobody", language="en", gender="", description="")
    with pytest.raises(ValueError, match="no utterance of nobody, wanted for eve"):
        _export(root, tmp_path / "mine", (stranger,))
    with pytest.raises(FileNotFoundError, match=r"run training\.acoustic first"):
        read_ema(tmp_path)


def test_voices_come_from_a_json_list(tmp_path: Path) -> None:
    record = {
        "name": "me", "source": "ljspeech", "language": "en", "gender": "", "description": "I",
        "licence": "CC0-1.0", "consent": "my own voice",
    }  # fmt: skip
    file = tmp_path / "voices.json"
    file.write_text(json.dumps([record]))
    assert read_voices(file)[0].consent == "my own voice"
    file.write_text(json.dumps([record | {"pitch": 3}]))
    with pytest.raises(ValueError, match=r"voices\.json must be a list of voices.*pitch"):
        read_voices(file)
