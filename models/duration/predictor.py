"""Duration predictor: symbols -> how long each one sounds.

A stack of residual convolutions over the symbols, written once for numpy and jax.numpy: the
trainer differentiates it, the server runs it on host threads (0.1 G multiply-adds for a long
sentence) so that planning never waits for the device. Axis legend: b batch, nt symbols, d width.

`pace` is how slowly this voice speaks relative to the average (1.2: a fifth longer); training
shows the model each utterance's own pace, or 1 where it is hidden.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from jaxtyping import Float, Int
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from inference_types import ModelLoadError
from models.duration.layout import NUM_IDS

UNIT_S = 0.025  # the data's durations are whole numbers of 25 ms
NORM_EPS = 1e-5


@dataclass(frozen=True, kw_only=True)
class DurationConfig:
    """Width, depth and kernel of the stack."""

    dim: int = 128
    depth: int = 5
    kernel: int = 7


def init_params(config: DurationConfig, seed: int) -> dict[str, np.ndarray]:
    """Random float32 parameters by name."""
    rng = np.random.default_rng(seed)
    d, k = config.dim, config.kernel
    params = {
        "table": rng.normal(size=(NUM_IDS, d)) * 0.5,
        "pace": rng.normal(size=(d,)) * 0.5,
        "out.kernel": rng.normal(size=(d, 1)) * 0.1 / np.sqrt(d),
        "out.bias": np.array([np.log(2.2)]),
    }
    for i in range(config.depth):
        params[f"{i}.conv.kernel"] = rng.normal(size=(k, d, d)) / np.sqrt(k * d)
        params[f"{i}.conv.bias"] = np.zeros(d)
        params[f"{i}.norm.scale"] = np.ones(d)
        params[f"{i}.norm.bias"] = np.zeros(d)
        params[f"{i}.mix.kernel"] = rng.normal(size=(d, d)) / np.sqrt(d)
        params[f"{i}.mix.bias"] = np.zeros(d)
    return {name: value.astype(np.float32) for name, value in params.items()}


def log_durations(
    xp: ModuleType,
    params: dict[str, Any],
    ids: Int[Any, "b nt"],
    mask: Float[Any, "b nt"],
    pace: Float[Any, " b"],
) -> Float[Any, "b nt"]:
    """Natural logarithm of the durations in units of 25 ms. `xp` is numpy or jax.numpy."""
    inside = mask[..., None]
    x = (params["table"][ids] + xp.log(pace)[:, None, None] * params["pace"]) * inside
    for i in range(sum(name.endswith("conv.kernel") for name in params)):
        y = _convolve(xp, x, params[f"{i}.conv.kernel"]) + params[f"{i}.conv.bias"]
        y = _normalise(xp, y) * params[f"{i}.norm.scale"] + params[f"{i}.norm.bias"]
        y = _silu(xp, y) @ params[f"{i}.mix.kernel"] + params[f"{i}.mix.bias"]
        x = (x + y) * inside
    return (x @ params["out.kernel"] + params["out.bias"])[..., 0]


def _convolve(xp: ModuleType, x: Any, kernel: Any) -> Any:
    """Same-length convolution along nt: one product over the shifted copies side by side."""
    width, num = kernel.shape[0], x.shape[1]
    padded = xp.pad(x, ((0, 0), (width // 2, width // 2), (0, 0)))
    columns = xp.concatenate([padded[:, i : i + num] for i in range(width)], axis=-1)
    return columns @ kernel.reshape(-1, kernel.shape[-1])


def _normalise(xp: ModuleType, x: Any) -> Any:
    centred = x - xp.mean(x, axis=-1, keepdims=True)
    variance = xp.mean(xp.square(centred), axis=-1, keepdims=True)
    return centred / xp.sqrt(variance + NORM_EPS)


def _silu(xp: ModuleType, x: Any) -> Any:
    return x * 0.5 * (1.0 + xp.tanh(0.5 * x))


class DurationPredictor:
    """Host-side predictor; immutable after loading, so any thread may call it."""

    def __init__(self, params: dict[str, np.ndarray]) -> None:
        self._params = params

    @classmethod
    def load(cls, path: str | Path) -> DurationPredictor:
        """Read a safetensors file. Raises ModelLoadError naming what does not fit."""
        try:
            stored = load_file(path)
        except (OSError, SafetensorError) as error:
            raise ModelLoadError("the duration model is missing or truncated") from error
        expected = set(init_params(_config_of(stored), 0))
        wrong = sorted(expected ^ set(stored))
        if wrong or stored["table"].shape[0] != NUM_IDS:
            raise ModelLoadError(f"the duration model does not fit this version: {wrong[:8]}")
        return cls({name: value.astype(np.float32) for name, value in stored.items()})

    def predict_s(self, ids: Int[np.ndarray, " nt"], pace: float = 1.0) -> Float[np.ndarray, " nt"]:
        """Seconds for every id of `with_silences(...)`, both silences included (nt,)."""
        mask = np.ones((1, len(ids)), np.float32)
        pace_row = np.array([pace], np.float32)
        logs = log_durations(np, self._params, ids[None], mask, pace_row)[0]
        return np.exp(logs.astype(np.float64)) * UNIT_S


def _config_of(params: dict[str, np.ndarray]) -> DurationConfig:
    depth = sum(name.endswith("conv.kernel") for name in params)
    dim = params["table"].shape[1] if "table" in params else 1
    kernel = params["0.conv.kernel"].shape[0] if depth else 1
    return DurationConfig(dim=dim, depth=depth, kernel=kernel)


def save_params(path: str | Path, params: dict[str, np.ndarray]) -> None:
    """Write parameters as float16 safetensors."""
    halves = {name: np.ascontiguousarray(v, dtype=np.float16) for name, v in params.items()}
    save_file(halves, path)
