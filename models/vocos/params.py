"""Vocos weights in the official safetensors layout (names and shapes: specs f5-tts 5)."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import ml_dtypes  # noqa: F401 - teaches numpy bfloat16, which safetensors needs
import numpy as np
from flax import nnx
from jax.typing import DTypeLike
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from inference_types import ModelLoadError
from models.hub import resolve_model_file
from models.vocos.config import VocosConfig
from models.vocos.modeling import Vocos

LeafPath = tuple[Any, ...]

PICKLE_SUFFIXES = (".pt", ".pth", ".bin", ".ckpt")
FLOAT_TYPES = ("F32", "F16", "BF16", "F64")
# Buffers of the front end and the inverse STFT, which are made from the configuration here.
IGNORED_KEYS = frozenset(
    {
        "feature_extractor.mel_spec.spectrogram.window",
        "feature_extractor.mel_spec.mel_scale.fb",
        "head.istft.window",
    }
)


@dataclass(frozen=True, kw_only=True)
class Row:
    """One tensor: its official name, our leaf, and the axes that turn ours into theirs."""

    key: str
    leaf: LeafPath
    axes: tuple[int, ...] = (0,)
    is_depthwise: bool = False  # theirs has an axis of one in the middle: (d, 1, k)

    def to_official(self, leaf: np.ndarray) -> np.ndarray:
        tensor = leaf.transpose(self.axes)
        return tensor[:, None] if self.is_depthwise else tensor

    def to_ours(self, tensor: np.ndarray) -> np.ndarray:
        tensor = tensor[:, 0] if self.is_depthwise else tensor
        return tensor.transpose(np.argsort(self.axes))


def table(config: VocosConfig) -> Iterator[Row]:
    """Every weight: linear (in, out) <-> (out, in), conv (k, in, out) <-> (out, in, k)."""
    yield Row(key="backbone.embed.weight", leaf=("embed", "kernel"), axes=(2, 1, 0))
    yield Row(key="backbone.embed.bias", leaf=("embed", "bias"))
    yield from _norm("backbone.norm", ("norm",))
    for index in range(config.num_layers):
        block, ours = f"backbone.convnext.{index}", ("blocks", index)
        yield Row(key=f"{block}.gamma", leaf=(*ours, "gamma"))
        conv = (*ours, "conv_kernel")
        yield Row(key=f"{block}.dwconv.weight", leaf=conv, axes=(1, 0), is_depthwise=True)
        yield Row(key=f"{block}.dwconv.bias", leaf=(*ours, "conv_bias"))
        yield from _norm(f"{block}.norm", (*ours, "norm"))
        yield from _linear(f"{block}.pwconv1", (*ours, "expand"))
        yield from _linear(f"{block}.pwconv2", (*ours, "contract"))
    yield from _norm("backbone.final_layer_norm", ("final_norm",))
    yield from _linear("head.out", ("head",))


def _norm(key: str, leaf: LeafPath) -> Iterator[Row]:
    yield Row(key=f"{key}.weight", leaf=(*leaf, "scale"))
    yield Row(key=f"{key}.bias", leaf=(*leaf, "bias"))


def _linear(key: str, leaf: LeafPath) -> Iterator[Row]:
    yield Row(key=f"{key}.weight", leaf=(*leaf, "kernel"), axes=(1, 0))
    yield Row(key=f"{key}.bias", leaf=(*leaf, "bias"))


def load_vocos(path: str | Path, config: VocosConfig) -> Vocos:
    """A float32 vocoder with the weights of an official-layout safetensors file.

    `path` is local, or `hf://owner/repo/file.safetensors` on the Hub.

    Raises:
        ModelLoadError: no such file, a pickle, truncated, numbers that are not finite, or not
            this configuration; then every missing, left-over and misshapen tensor is listed.
    """
    if Path(path).suffix.lower() in PICKLE_SUFFIXES:
        raise ModelLoadError(
            f"{Path(path).name} is a pickle, which can run code, so it is never opened; use a"
            " .safetensors copy of the vocoder"
        )
    path = resolve_model_file(path)
    try:
        with safe_open(path, framework="numpy") as file:
            return _fill(path.name, file, config)
    except SafetensorError as error:
        raise ModelLoadError(
            f"{path.name} is cut short or not a safetensors file; fetch it again"
        ) from error


def official_tensors(model: Vocos) -> dict[str, np.ndarray]:
    """Official name -> float32 array; the inverse of loading."""
    leaves = dict(nnx.to_flat_state(nnx.state(model, nnx.Param)))
    rows = table(model.config)
    return {row.key: row.to_official(np.asarray(leaves[row.leaf][...])) for row in rows}


def save_vocos(model: Vocos, path: str | Path, dtype: DTypeLike = jnp.float32) -> None:
    """Write an official-layout file in `dtype`, whole or not at all."""
    tensors = {
        key: np.ascontiguousarray(tensor.astype(dtype))
        for key, tensor in official_tensors(model).items()
    }
    partial = Path(path).with_name(f"{Path(path).name}.partial")
    save_file(tensors, partial)
    os.replace(partial, path)


def _fill(label: str, file: Any, config: VocosConfig) -> Vocos:
    abstract = nnx.eval_shape(lambda: Vocos(config, rngs=nnx.Rngs(0)))
    graph, state = nnx.split(abstract)
    leaves = dict(nnx.to_flat_state(state))
    rows = list(table(config))
    _check(label, file, {row.key: _official_shape(row, leaves[row.leaf].shape) for row in rows})
    filled = []
    for row in rows:
        tensor = file.get_tensor(row.key).astype(np.float32)
        if not np.isfinite(tensor).all():
            raise ModelLoadError(f"{label} is damaged: {row.key} holds numbers that are not finite")
        filled.append((row.leaf, leaves[row.leaf].replace(jnp.asarray(row.to_ours(tensor)))))
    return nnx.merge(graph, nnx.from_flat_state(filled))


def _official_shape(row: Row, shape: tuple[int, ...]) -> tuple[int, ...]:
    moved = tuple(shape[axis] for axis in row.axes)
    return (moved[0], 1, *moved[1:]) if row.is_depthwise else moved


def _check(label: str, file: Any, expected: dict[str, tuple[int, ...]]) -> None:
    """Raise one ModelLoadError that lists everything that does not fit."""
    slices = {key: file.get_slice(key) for key in file.keys() if key not in IGNORED_KEYS}
    wrong = [f"missing {key}" for key in sorted(expected.keys() - slices.keys())]
    wrong += [f"left over {key}" for key in sorted(slices.keys() - expected.keys())]
    for key in sorted(expected.keys() & slices.keys()):
        found = tuple(slices[key].get_shape())
        if found != expected[key]:
            wrong.append(f"{key} has shape {found} instead of {expected[key]}")
        if slices[key].get_dtype() not in FLOAT_TYPES:
            wrong.append(f"{key} is {slices[key].get_dtype()} instead of {', '.join(FLOAT_TYPES)}")
    if wrong:
        raise ModelLoadError(
            f"{label} does not fit the configuration. {len(wrong)} problems: {'; '.join(wrong)}"
        )
