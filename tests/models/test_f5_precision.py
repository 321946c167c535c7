"""Float32 products name their precision: without it an NVIDIA GPU would run them in TF32."""

from __future__ import annotations

import re
from typing import get_args

import jax
import jax.numpy as jnp
import pytest
from flax import nnx
from jax import Array

from kernels.attention.api import Implementation
from models.f5 import F5Model
from models.flow import euler_step
from tests.models.tiny_f5 import tiny_config

NUM_FRAMES = 64
# "cudnn" and "pallas" need a GPU to lower; cuDNN refuses float32 altogether.
ON_ANY_DEVICE = tuple(n for n in get_args(Implementation) if n not in ("cudnn", "pallas"))


def _lowered_step(dtype: jnp.dtype, implementation: Implementation) -> str:
    """StableHLO of text embeddings, projections and one guided Euler step."""
    config = tiny_config("v1")
    model = nnx.eval_shape(
        lambda: F5Model(
            config, rngs=nnx.Rngs(0), dtype=dtype, attention_implementation=implementation
        )
    )
    graph, params = nnx.split(model)
    x = jax.ShapeDtypeStruct((1, NUM_FRAMES, config.mel_dim), jnp.float32)
    ids = jax.ShapeDtypeStruct((1, NUM_FRAMES), jnp.int32)

    def step(params: nnx.State, x: Array, ids: Array) -> Array:
        model, row, lengths = nnx.merge(graph, params), jnp.ones((1,)), jnp.array([NUM_FRAMES])
        statics = [model.encode(x, ids, lengths, is_null=is_null) for is_null in (False, True)]
        return euler_step(model, x, jnp.stack(statics, axis=1), lengths, row, row, row)

    return jax.jit(step).lower(params, x, ids).as_text()


@pytest.mark.parametrize("implementation", ON_ANY_DEVICE)
def test_every_float32_product_is_exact(implementation: Implementation) -> None:
    text = _lowered_step(jnp.dtype(jnp.float32), implementation)
    products = re.findall(r"stablehlo\.(?:dot_general|convolution)\b[^\n]*", text)
    assert len(products) > 10
    inexact = [line for line in products if "HIGHEST" not in line]
    assert not inexact


def test_bfloat16_products_sum_in_float32() -> None:
    text = _lowered_step(jnp.dtype(jnp.bfloat16), "blocked")
    products = re.findall(r"stablehlo\.dot_general\b[^\n]*", text)
    half = [line for line in products if "bf16" in line]
    assert len(half) > 5
    assert all(re.search(r"-> tensor<[0-9x]+xf32>", line) for line in half)
