from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from audio.decode import decode_audio
from frontend.aligned import AlignedFrontend
from frontend.assembly import make_frontend
from frontend.bundle import SHIPPED_FOLDER, find_bundle
from frontend.packed import PackedFrontend
from frontend.voices import VoiceStore
from inference_types import ModelLoadError, SynthesisRequest
from models.f5 import F5Config
from tests.tiny_models import ALIGNED, VOCOS, random_vocos, write_bundle


@pytest.fixture(scope="module")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "tiny"
    write_bundle(folder)
    return folder


@pytest.fixture
def folder(pristine: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(pristine, tmp_path / "tiny"))


def test_written_bundle_is_found_whole(pristine: Path) -> None:
    bundle = find_bundle(str(pristine))
    assert (bundle.name, bundle.kind, bundle.licence) == ("tiny", "aligned", "Apache-2.0")
    assert bundle.f5 == ALIGNED and bundle.vocos == VOCOS
    assert bundle.serving.bucket_frames == (256, 512) and bundle.schedule.num_steps == 4
    assert [voice.name for voice in bundle.voices] == ["amy", "bob"]
    amy = bundle.voices[0]
    assert amy.is_builtin and amy.media_type == "audio/flac" and amy.info.language == "en"


def test_parts_load(pristine: Path) -> None:
    bundle = find_bundle(str(pristine))
    vocoder = bundle.load_vocoder()
    expected = random_vocos().head.bias[...]
    np.testing.assert_array_equal(np.asarray(vocoder.head.bias[...]), np.asarray(expected))
    assert bundle.load_acoustic(np.float32).config == ALIGNED
    with pytest.raises(ModelLoadError):
        bundle.load_vocabulary()


def test_frontend_of_a_bundle_plans(pristine: Path) -> None:
    bundle = find_bundle(str(pristine))
    store = VoiceStore(bundle.voices)
    frontend = make_frontend(bundle, store, decode_audio, max_frames=512)
    assert isinstance(frontend, AlignedFrontend)
    request = SynthesisRequest(request_id="r", text="Hello there. And again!")
    voice = frontend.load_voice(request)
    assert 40 < len(voice.mel) <= 94
    plan = frontend.plan(request, voice, frontend.split(request, voice)[0])
    assert plan.num_new_frames > 5 and plan.words[0].text == "Hello"
    stored = frontend.prompts.encode_for_storage(bundle.voices[0].audio)
    assert stored[:4] == b"fLaC"


def edit(change: Callable[[dict[str, Any]], Any]) -> Callable[[Path], None]:
    def apply(folder: Path) -> None:
        values = json.loads((folder / "manifest.json").read_text())
        change(values)
        (folder / "manifest.json").write_text(json.dumps(values))

    return apply


def flip_byte(folder: Path) -> None:
    data = bytearray((folder / "acoustic.safetensors").read_bytes())
    data[len(data) // 2] ^= 1
    (folder / "acoustic.safetensors").write_bytes(data)


def break_voice(folder: Path) -> None:
    (folder / "voices" / "amy.json").write_text("[]")


DEFECTS: list[tuple[Callable[[Path], Any], str]] = [
    (lambda folder: (folder / "manifest.json").unlink(), "is not a model"),
    (lambda folder: (folder / "manifest.json").write_text("{"), "not JSON"),
    (lambda folder: (folder / "manifest.json").write_text("[]"), "format 1"),
    (edit(lambda values: values.update(format=2)), "format 1"),
    (edit(lambda values: values.pop("licence")), "lacks the keys ['licence']"),
    (edit(lambda values: values.update(lisence="x")), "unknown keys in manifest: ['lisence']"),
    (edit(lambda values: values["f5"].update(width=3)), "unknown model settings ['width']"),
    (edit(lambda values: values["f5"].update(max_guidance=0.5)), "above f5.max_guidance 0.5"),
    (edit(lambda values: values["vocos"].update(width=3)), "unknown keys in vocos"),
    (edit(lambda values: values["serving"].update(rate=3)), "unknown keys in serving"),
    (edit(lambda values: values.update(kind="packed")), "kind 'packed'"),
    (edit(lambda values: values.update(default_voice="eve")), "default voice"),
    (edit(lambda values: values["files"].pop("duration.safetensors")), "duration.safetensors"),
    (edit(lambda values: values["files"].update({"../x": "0"})), "outside its folder"),
    (lambda folder: (folder / "vocoder.safetensors").unlink(), "missing"),
    (flip_byte, "acoustic.safetensors of tiny is damaged"),
    (break_voice, "amy"),
]


@pytest.mark.parametrize(("damage", "words"), DEFECTS, ids=[words for _, words in DEFECTS])
def test_defects_are_named_in_one_sentence(
    damage: Callable[[Path], Any], words: str, folder: Path
) -> None:
    damage(folder)
    with pytest.raises(ModelLoadError) as caught:
        find_bundle(str(folder))
    assert words in caught.value.message and "\n" not in caught.value.message
    assert str(folder.parent) not in caught.value.message


def test_checkpoint_is_found_with_its_vocabulary_and_vocoder(tmp_path: Path) -> None:
    for name in ("model.safetensors", "vocos.safetensors"):
        (tmp_path / name).write_bytes(b"")
    (tmp_path / "vocab.txt").write_text(" \na\nb\n")
    bundle = find_bundle(str(tmp_path / "model.safetensors"))
    assert bundle.kind == "packed" and bundle.f5 == F5Config.v1_base() and not bundle.voices
    frontend = make_frontend(bundle, VoiceStore([]), decode_audio, max_frames=1408)
    assert isinstance(frontend, PackedFrontend)
    v0 = tmp_path / "F5TTS_Base"
    shutil.copytree(tmp_path, v0, ignore=lambda *_: ["F5TTS_Base"])
    assert find_bundle(str(v0 / "model.safetensors")).f5 == F5Config.v0_base()


@pytest.mark.parametrize(
    ("missing", "words"),
    [
        ("model.safetensors", "no model file"),
        ("vocos.safetensors", "--vocoder"),
        ("vocab.txt", "vocab.txt"),
    ],
)
def test_incomplete_checkpoint_is_refused(missing: str, words: str, tmp_path: Path) -> None:
    for name in {"model.safetensors", "vocos.safetensors", "vocab.txt"} - {missing}:
        (tmp_path / name).write_bytes(b"")
    with pytest.raises(ModelLoadError, match=words):
        find_bundle(str(tmp_path / "model.safetensors"))


def test_vocoder_may_be_elsewhere(tmp_path: Path) -> None:
    for name in ("model.safetensors", "other.safetensors", "vocab.txt"):
        (tmp_path / name).write_bytes(b"")
    model, vocoder = str(tmp_path / "model.safetensors"), tmp_path / "other.safetensors"
    assert find_bundle(model, str(vocoder)).vocoder_path == vocoder


@pytest.mark.parametrize("name", ["E2TTS_Base", "F5TTS_Base_bigvgan"])
def test_unsupported_families_are_named(name: str, tmp_path: Path) -> None:
    with pytest.raises(ModelLoadError, match="E2 or BigVGAN"):
        find_bundle(str(tmp_path / name / "model.safetensors"))


@pytest.mark.skipif(not SHIPPED_FOLDER.exists(), reason="the voice has not been exported yet")
def test_shipped_bundle_is_whole() -> None:
    bundle = find_bundle()
    assert len(bundle.voices) >= 6
    num_bytes = sum(p.stat().st_size for p in SHIPPED_FOLDER.rglob("*") if p.is_file())
    assert num_bytes <= 45e6
