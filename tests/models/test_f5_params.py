"""Checkpoints: what loads, what round-trips, and what is refused in one clear sentence."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest
from flax import nnx
from safetensors.numpy import load_file, save_file

from inference_types import ModelLoadError
from models.f5 import F5Config, F5Model, load_f5, official_tensors, save_f5
from models.f5.checkpoint_table import table
from tests.models.tiny_f5 import TINY_FILE, seeded_model, tiny_config, tiny_model

PREFIX = "ema_model.transformer."
Tensors = dict[str, np.ndarray]


@pytest.fixture
def official() -> Tensors:
    return load_file(TINY_FILE)


@pytest.fixture
def load(tmp_path: Path) -> Callable[[Tensors], F5Model]:
    """Load a file of the given tensors as the tiny v1 model."""

    def load_tensors(tensors: Tensors) -> F5Model:
        save_file(tensors, tmp_path / "model.safetensors")
        return load_f5(tmp_path / "model.safetensors", tiny_config("v1"))

    return load_tensors


def leaves(model: F5Model) -> dict[tuple[str | int, ...], np.ndarray]:
    return {path: np.asarray(leaf[...]) for path, leaf in nnx.to_flat_state(nnx.state(model))}


def assert_same_weights(model: F5Model, other: F5Model) -> None:
    expected = leaves(other)
    for path, leaf in leaves(model).items():
        assert leaf.dtype == np.float32, path
        np.testing.assert_array_equal(leaf, expected[path], err_msg=str(path))


def test_official_base_has_364_tensors_and_337_096_804_parameters() -> None:
    config = F5Config.v1_base()
    model = nnx.eval_shape(lambda: F5Model(config, rngs=nnx.Rngs(0)))
    shapes = {path: leaf.shape for path, leaf in nnx.to_flat_state(nnx.state(model))}
    rows = table(config)
    assert len(rows) + 1 == 364, "the file's tensors: our rows and the rotary buffer"
    assert {row.leaf for row in rows} == set(shapes)
    sizes = {row.key: math.prod(row.official_shape(shapes[row.leaf])) for row in rows}
    assert sum(sizes.values()) == sum(map(math.prod, shapes.values())) == 337_096_804


@pytest.mark.parametrize(
    ("config", "parameters"),
    [(F5Config.v0_base(), 337_096_804), (F5Config.v1_small(), 159_228_772)],
)
def test_other_official_sizes(config: F5Config, parameters: int) -> None:
    model = nnx.eval_shape(lambda: F5Model(config, rngs=nnx.Rngs(0)))
    shapes = [leaf.shape for _, leaf in nnx.to_flat_state(nnx.state(model))]
    assert sum(map(math.prod, shapes)) == parameters


def test_saving_gives_back_the_official_tensors(tmp_path: Path, official: Tensors) -> None:
    save_f5(tiny_model("v1"), tmp_path / "model.safetensors")
    saved = load_file(tmp_path / "model.safetensors")
    assert saved.keys() == {key for key in official if key.startswith(PREFIX)}
    for key, tensor in saved.items():
        # The rotary buffer is not stored but computed: its last digit may differ.
        tolerance = 2e-7 if key.endswith("inv_freq") else 0
        expected = official[key].astype(np.float32)
        np.testing.assert_allclose(tensor, expected, rtol=tolerance, err_msg=key)
    assert [file.name for file in tmp_path.iterdir()] == ["model.safetensors"]


@pytest.mark.parametrize("max_guidance", [None, 2.0])
def test_a_trained_layout_with_patches_round_trips(
    tmp_path: Path, max_guidance: float | None
) -> None:
    config = F5Config(
        dim=32,
        depth=1,
        heads=1,
        dim_head=8,
        text_dim=8,
        conv_layers=1,
        vocab_size=3,
        mel_dim=4,
        text_layout="aligned",
        patch_frames=2,
        conv_pos_kernel=5,
        conv_pos_groups=32,
        max_guidance=max_guidance,
    )
    model = seeded_model(config)
    save_f5(model, tmp_path / "voice.safetensors")
    assert_same_weights(load_f5(tmp_path / "voice.safetensors", config), model)


@pytest.mark.parametrize("dtype", [np.float32, ml_dtypes.bfloat16])
def test_wider_and_narrower_files_give_the_same_float32_weights(
    load: Callable[[Tensors], F5Model], dtype: type
) -> None:
    # The tiny file holds bfloat16 values, so none of these casts rounds.
    tensors = {k: v.astype(dtype) for k, v in official_tensors(tiny_model("v1")).items()}
    assert_same_weights(load(tensors), tiny_model("v1"))


def test_half_precision_files_load(load: Callable[[Tensors], F5Model]) -> None:
    exact = official_tensors(tiny_model("v1"))
    model = load({key: tensor.astype(np.float16) for key, tensor in exact.items()})
    for key, tensor in official_tensors(model).items():
        np.testing.assert_allclose(tensor, exact[key], rtol=1e-3, atol=1e-6, err_msg=key)


def test_bookkeeping_and_mel_buffers_are_ignored_and_prefixes_are_optional(
    load: Callable[[Tensors], F5Model], official: Tensors
) -> None:
    tensors = {key.removeprefix("ema_model."): tensor for key, tensor in official.items()}
    del tensors["transformer.rotary_embed.inv_freq"]
    tensors["update"] = np.zeros(1, np.int64)
    tensors["mel_spec.mel_stft.mel_scale.fb"] = np.zeros((513, 100), np.float32)
    tensors["mel_spec.mel_stft.spectrogram.window"] = np.zeros(1024, np.float32)
    assert_same_weights(load(tensors), tiny_model("v1"))


def test_every_misfit_is_listed_at_once(
    load: Callable[[Tensors], F5Model], official: Tensors
) -> None:
    tensors = dict(official)
    del tensors[f"{PREFIX}proj_out.bias"]
    del tensors[f"{PREFIX}transformer_blocks.1.attn.to_k.weight"]
    tensors[f"{PREFIX}transformer_blocks.0.attn.q_norm.weight"] = np.ones(32, np.float32)
    tensors["optimizer.state"] = np.ones(1, np.float32)
    tensors[f"{PREFIX}text_embed.text_embed.weight"] = np.zeros((50, 32), np.float32)
    tensors[f"{PREFIX}norm_out.linear.bias"] = np.zeros(128, np.int8)
    tensors[f"{PREFIX}rotary_embed.inv_freq"] = np.ones(16, np.float32)
    with pytest.raises(ModelLoadError) as caught:
        load(tensors)
    for part in (
        "7 problems",
        "vocab_size 49",
        "missing proj_out.bias",
        "missing transformer_blocks.1.attn.to_k.weight",
        f"left over {PREFIX}transformer_blocks.0.attn.q_norm.weight",
        "left over optimizer.state",
        "text_embed.text_embed.weight has shape (50, 32) instead of (41, 32)",
        "norm_out.linear.bias is I8 instead of one of F32",
        "rotary_embed.inv_freq is not 10000^(-2j/32)",
    ):
        assert part in caught.value.message


def test_a_wrong_configuration_says_what_the_file_holds() -> None:
    with pytest.raises(ModelLoadError, match="the file has dim 64, depth 2, text_dim 32"):
        load_f5(TINY_FILE, F5Config.v1_small())


def test_weights_that_are_not_finite_are_refused(
    load: Callable[[Tensors], F5Model], official: Tensors
) -> None:
    official[f"{PREFIX}proj_out.bias"][3] = np.nan
    with pytest.raises(ModelLoadError, match="proj_out.bias holds numbers that are not finite"):
        load(official)


def test_an_e2_checkpoint_is_named(load: Callable[[Tensors], F5Model]) -> None:
    with pytest.raises(ModelLoadError, match="E2-TTS checkpoint"):
        load({f"{PREFIX}layers.0.1.g": np.ones(4, np.float32)})


@pytest.mark.parametrize("kept_bytes", [0, 5, 1000, -1000])
def test_a_file_cut_short_is_one_clear_sentence(tmp_path: Path, kept_bytes: int) -> None:
    cut = tmp_path / "cut.safetensors"
    cut.write_bytes(TINY_FILE.read_bytes()[:kept_bytes])
    with pytest.raises(ModelLoadError, match="cut.safetensors is cut short or not a safetensors"):
        load_f5(cut, tiny_config("v1"))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelLoadError, match="there is no model file at .*absent.safetensors"):
        load_f5(tmp_path / "absent.safetensors", tiny_config("v1"))


@pytest.mark.parametrize("name", ["model_1200000.pt", "pytorch_model.bin", "x.PTH", "y.ckpt"])
def test_a_pickle_is_refused_unread_and_says_how_to_convert(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"never opened")
    with pytest.raises(ModelLoadError, match=r"pickle.*convert once.*save_file\("):
        load_f5(tmp_path / name, tiny_config("v1"))


@pytest.mark.parametrize("address", ["hf://", "hf://owner", "hf://owner//file.safetensors"])
def test_a_hub_address_must_name_a_repository(address: str) -> None:
    with pytest.raises(ModelLoadError, match="should look like hf://owner/repo/"):
        load_f5(address, tiny_config("v1"))


def test_a_hub_address_is_fetched_by_repository_revision_and_path(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = []

    def fetch(repo_id: str, filename: str, *, revision: str | None) -> str:
        asked.append((repo_id, filename, revision))
        return str(TINY_FILE)

    monkeypatch.setattr("huggingface_hub.hf_hub_download", fetch)
    for at in ("", "@abc123"):
        load_f5(f"hf://SWivid/F5-TTS{at}/F5TTS_v1_Base/model.safetensors", tiny_config("v1"))
    file = "F5TTS_v1_Base/model.safetensors"
    assert asked == [("SWivid/F5-TTS", file, None), ("SWivid/F5-TTS", file, "abc123")]


def test_a_repository_stands_for_its_only_safetensors_file(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    files = ["README.md", "model.bin", "small/model.safetensors"]
    monkeypatch.setattr("huggingface_hub.list_repo_files", lambda repo_id, revision: files)
    monkeypatch.setattr(
        "huggingface_hub.hf_hub_download",
        lambda repo_id, filename, revision: str(TINY_FILE) if filename == files[2] else "wrong",
    )
    load_f5("hf://owner/repo", tiny_config("v1"))
    files.append("other.safetensors")
    with pytest.raises(ModelLoadError, match=r"name one of .*: small/model.safetensors, other\."):
        load_f5("hf://owner/repo", tiny_config("v1"))


def test_a_failed_download_and_a_missing_package_are_one_clear_sentence(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    address = "hf://owner/repo/model.safetensors"

    def refuse(*_: object, **__: object) -> str:
        raise OSError("the Hub is unreachable\nwith a long story behind it")

    monkeypatch.setattr("huggingface_hub.hf_hub_download", refuse)
    with pytest.raises(ModelLoadError, match="could not download .*: the Hub is unreachable$"):
        load_f5(address, tiny_config("v1"))
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(ModelLoadError, match="needs the huggingface_hub package"):
        load_f5(address, tiny_config("v1"))
