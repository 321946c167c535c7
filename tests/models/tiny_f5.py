"""The tiny F5 models of the goldens and their inputs, for the tests of this folder."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jax import Array

from models.f5 import F5Config, F5Model, load_f5
from tests.golden import f5_cases as cases
from tests.golden.seeded_weights import seeded_normal

GOLDEN_FOLDER = Path(cases.__file__).parent / "f5"
TINY_FILE = GOLDEN_FOLDER / "tiny.safetensors"


def tiny_config(variant: str) -> F5Config:
    return F5Config(vocab_size=cases.VOCAB_SIZE, **cases.TINY_SIZES, **cases.SWITCHES[variant])


@functools.cache
def tiny_model(variant: str) -> F5Model:
    return load_f5(TINY_FILE, tiny_config(variant))


def seeded_model(config: F5Config) -> F5Model:
    """Random weights without compiling an initialiser."""
    graph, state = nnx.split(nnx.eval_shape(lambda: F5Model(config, rngs=nnx.Rngs(0))))
    filled = [
        (path, leaf.replace(jnp.asarray(0.2 * seeded_normal(str(path), leaf.shape))))
        for path, leaf in nnx.to_flat_state(state)
    ]
    return nnx.merge(graph, nnx.from_flat_state(filled))


@functools.cache
def goldens(name: str = "tiny") -> dict[str, np.ndarray]:
    with np.load(GOLDEN_FOLDER / f"{name}.npz") as file:
        return dict(file)


def tiny_inputs(utterance: tuple[int, int, int]) -> dict[str, np.ndarray]:
    return cases.utterance_inputs(*utterance, mel_dim=cases.MEL_DIM, vocab_size=cases.VOCAB_SIZE)


def padded_batch(
    rows: list[dict[str, np.ndarray]], num_frames: int
) -> tuple[Array, Array, Array, Array]:
    """x, cond (b, n, m), ids (b, n) and lengths (b,) of utterances padded to one length."""

    def stack(key: str, fill: int) -> Array:
        padded = []
        for row in rows:
            widths = [(0, num_frames - len(row[key]))] + [(0, 0)] * (row[key].ndim - 1)
            padded.append(np.pad(row[key], widths, constant_values=fill))
        return jnp.asarray(np.stack(padded))

    lengths = jnp.asarray([len(row["x"]) for row in rows], jnp.int32)
    return stack("x", 0), stack("cond", 0), stack("text_ids", -1), lengths


@functools.partial(jax.jit, static_argnames="graph")
def _both_branches(
    graph: nnx.GraphDef[F5Model],
    params: Any,
    x: Array,
    cond: Array,
    text_ids: Array,
    lengths: Array,
    times: Array,
) -> dict[str, Array]:
    model = nnx.merge(graph, params)
    out, modulation = {}, model.modulate(times, jnp.zeros_like(times))
    for branch, is_null in (("cond", False), ("null", True)):
        static = model.encode(cond, text_ids, lengths, is_null=is_null)
        out[f"text.{branch}"] = model.text_embedding(text_ids, lengths, is_null=is_null)
        out[f"static.{branch}"] = static
        out[f"velocity.{branch}"] = model.velocity(x, static, modulation, lengths)
    return out


def both_branches(
    model: F5Model, x: Array, cond: Array, text_ids: Array, lengths: Array, times: Array
) -> dict[str, np.ndarray]:
    """Text embedding, static projection and velocity of each branch, "velocity.null" and so on."""
    graph, params = nnx.split(model)
    out = _both_branches(graph, params, x, cond, text_ids, lengths, times)
    return {name: np.asarray(value) for name, value in out.items()}
