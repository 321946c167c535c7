"""Files that are not the vocoder the configuration asks for."""

from pathlib import Path

import numpy as np
import pytest
from flax import nnx
from safetensors.numpy import load_file, save_file

from inference_types import ModelLoadError
from models.vocos import Vocos, VocosConfig, load_vocos, save_vocos

TINY = VocosConfig(dim=16, intermediate_dim=48, num_layers=2)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    save_vocos(Vocos(TINY, rngs=nnx.Rngs(0)), tmp_path / "tiny.safetensors")
    return tmp_path / "tiny.safetensors"


def test_every_mismatch_is_listed_at_once(file: Path) -> None:
    tensors = load_file(file)
    del tensors["head.out.bias"]
    tensors["surprise"] = np.zeros(3, np.float32)
    tensors["backbone.embed.bias"] = np.zeros(5, np.float32)
    tensors["backbone.norm.weight"] = np.zeros(16, np.int32)
    save_file(tensors, file)
    with pytest.raises(ModelLoadError) as caught:
        load_vocos(file, TINY)
    message = caught.value.message
    assert "4 problems" in message
    assert "missing head.out.bias" in message and "left over surprise" in message
    assert "backbone.embed.bias has shape (5,) instead of (16,)" in message
    assert "backbone.norm.weight is I32" in message


def test_front_end_buffers_are_ignored(file: Path) -> None:
    tensors = load_file(file)
    tensors["head.istft.window"] = np.ones(1024, np.float32)
    tensors["feature_extractor.mel_spec.mel_scale.fb"] = np.ones((513, 100), np.float32)
    save_file(tensors, file)
    load_vocos(file, TINY)


def test_deeper_file_names_the_layers_left_over(file: Path) -> None:
    shallow = VocosConfig(dim=16, intermediate_dim=48, num_layers=1)
    with pytest.raises(ModelLoadError, match="left over backbone.convnext.1.gamma"):
        load_vocos(file, shallow)


def test_numbers_that_are_not_finite_are_refused(file: Path) -> None:
    tensors = load_file(file)
    tensors["backbone.embed.bias"][3] = np.nan
    save_file(tensors, file)
    with pytest.raises(ModelLoadError, match="backbone.embed.bias holds numbers"):
        load_vocos(file, TINY)


@pytest.mark.parametrize("num_bytes", [0, 5, 2000])
def test_truncated_file_says_so(file: Path, num_bytes: int) -> None:
    file.write_bytes(file.read_bytes()[:num_bytes])
    with pytest.raises(ModelLoadError, match="cut short"):
        load_vocos(file, TINY)


def test_missing_file_and_pickle(tmp_path: Path) -> None:
    with pytest.raises(ModelLoadError, match="there is no model file at .*gone.safetensors"):
        load_vocos(tmp_path / "gone.safetensors", TINY)
    (tmp_path / "pytorch_model.bin").write_bytes(b"x")
    with pytest.raises(ModelLoadError, match="is a pickle"):
        load_vocos(tmp_path / "pytorch_model.bin", TINY)


def test_a_hub_address_is_fetched(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def fetch(**place: str | None) -> str:
        asked.append(place)
        return str(file)

    monkeypatch.setattr("huggingface_hub.hf_hub_download", fetch)
    load_vocos("hf://owner/vocos@main/model.safetensors", TINY)
    assert asked == [
        {"repo_id": "owner/vocos", "revision": "main", "filename": "model.safetensors"}
    ]
