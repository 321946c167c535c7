"""Loading and saving F5 checkpoints in the official safetensors layout (specs: f5-tts 6)."""

from __future__ import annotations

import os
from collections import defaultdict
from pathlib import Path

import jax.numpy as jnp
import numpy as np
from flax import nnx
from jax import Array
from jax.typing import DTypeLike
from safetensors.numpy import save_file

from inference_types import ModelLoadError
from kernels.attention.api import Implementation
from models.f5.checkpoint_file import (
    EMA_PREFIX,
    PREFIX,
    ROTARY_KEY,
    CheckpointFile,
    open_checkpoint,
    rotary_frequencies,
)
from models.f5.checkpoint_table import LeafPath, Row, table
from models.f5.config import F5Config
from models.f5.modeling import F5Model
from models.hub import resolve_model_file

PICKLE_SUFFIXES = (".pt", ".pth", ".bin", ".ckpt")


def load_f5(
    path: str | Path,
    config: F5Config,
    *,
    dtype: DTypeLike = jnp.float32,
    attention_implementation: Implementation | None = None,
) -> F5Model:
    """A model with the weights of an official-layout file, float32 whatever the file's type.

    Args:
        path: local safetensors file, or `hf://owner/repo/folder/file.safetensors`.
        config: the file's own; v0 and v1 files look alike, so it cannot be guessed.
        dtype: type of the products' operands (float32 exact, bfloat16 with float32 sums).
        attention_implementation: as in `kernels.attention.attention`.

    Raises:
        ModelLoadError: no such file, not safetensors, truncated, or not this configuration; then
            every missing, left-over and misshapen tensor is listed at once.
    """
    _refuse_pickle(path)
    abstract = nnx.eval_shape(
        lambda: F5Model(
            config,
            rngs=nnx.Rngs(0),
            dtype=jnp.dtype(dtype),
            attention_implementation=attention_implementation,
        )
    )
    with open_checkpoint(resolve_model_file(path)) as file:
        return _fill(abstract, file)


def save_f5(model: F5Model, path: str | Path) -> None:
    """Write the model as an official-layout float32 file, whole or not at all."""
    partial = Path(path).with_name(f"{Path(path).name}.partial")
    save_file(official_tensors(model), partial)
    os.replace(partial, path)


def official_tensors(model: F5Model) -> dict[str, np.ndarray]:
    """Official name -> float32 array, rotary buffer included; the inverse of loading."""
    leaves = dict(nnx.to_flat_state(nnx.state(model, nnx.Param)))
    tensors = {ROTARY_KEY: rotary_frequencies(model.config.dim_head)}
    for path, rows in _rows_by_leaf(model.config).items():
        leaf = np.asarray(leaves[path][...], np.float32)
        for row in rows:
            tensors[row.key] = np.ascontiguousarray(row.to_official(row.part(leaf)))
    return {f"{EMA_PREFIX}{PREFIX}{key}": tensor for key, tensor in tensors.items()}


def _fill(abstract: F5Model, file: CheckpointFile) -> F5Model:
    graph, state = nnx.split(abstract)
    leaves = dict(nnx.to_flat_state(state))
    rows = _rows_by_leaf(abstract.config)
    expected = {
        row.key: row.official_shape(leaves[path].shape)
        for path, group in rows.items()
        for row in group
    }
    file.check(expected, abstract.config.dim_head)
    filled = [
        (path, leaf.replace(_read_leaf(file, rows[path], leaf.shape)))
        for path, leaf in leaves.items()
    ]
    return nnx.merge(graph, nnx.from_flat_state(filled))


def _read_leaf(file: CheckpointFile, rows: list[Row], shape: tuple[int, ...]) -> Array:
    leaf = np.empty(shape, np.float32)
    for row in rows:
        row.part(leaf)[...] = row.to_ours(file.read(row.key))
    return jnp.asarray(leaf)


def _rows_by_leaf(config: F5Config) -> dict[LeafPath, list[Row]]:
    grouped: dict[LeafPath, list[Row]] = defaultdict(list)
    for row in table(config):
        grouped[row.leaf].append(row)
    return grouped


def _refuse_pickle(path: str | Path) -> None:
    if Path(path).suffix.lower() in PICKLE_SUFFIXES:
        raise ModelLoadError(
            f"{Path(path).name} is a pickle, which can run code, so it is never opened; use the"
            " .safetensors file, or convert once where torch is at hand: save_file(torch.load("
            "file, weights_only=True)['ema_model_state_dict'], 'model.safetensors')"
        )
