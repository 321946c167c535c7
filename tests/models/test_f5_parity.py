"""F5 against the published torch code, utterances of three lengths in one padded batch.

The goldens ran one utterance at a time: agreeing in a batch is agreeing and not leaking.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from tests.golden import f5_cases as cases
from tests.golden.seeded_weights import seeded_normal
from tests.models.tiny_f5 import both_branches, goldens, padded_batch, tiny_inputs, tiny_model

# float32 of another order of sums; values reach 7. Issue 2 asks for 1e-4.
TOLERANCE = 3e-5
BUCKET = 128


@pytest.fixture(scope="module", params=cases.VARIANTS)
def variant(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="module")
def outputs(variant: str) -> dict[str, np.ndarray]:
    rows = [tiny_inputs(utterance) for utterance in cases.UTTERANCES]
    times = jnp.full((len(rows),), 0.3)
    return both_branches(tiny_model(variant), *padded_batch(rows, BUCKET), times)


@pytest.mark.parametrize("branch", ["cond", "null"])
@pytest.mark.parametrize("row", range(len(cases.UTTERANCES)))
def test_velocity_in_a_padded_batch_is_the_reference_alone(
    outputs: dict[str, np.ndarray], variant: str, branch: str, row: int
) -> None:
    frames = cases.UTTERANCES[row][0]
    expected = goldens()[f"velocity.{variant}.{branch}.{frames}"]
    np.testing.assert_allclose(
        outputs[f"velocity.{branch}"][row, :frames], expected, atol=TOLERANCE, rtol=0
    )


@pytest.mark.parametrize("branch", ["cond", "null"])
def test_text_embedding_is_the_reference_and_zero_beyond_the_row(
    outputs: dict[str, np.ndarray], variant: str, branch: str
) -> None:
    row = cases.UTTERANCES.index(cases.SOLVE_UTTERANCE)
    frames = cases.SOLVE_UTTERANCE[0]
    text = outputs[f"text.{branch}"][row]
    expected = goldens()[f"text.{variant}.{branch}.{frames}"]
    np.testing.assert_allclose(text[:frames], expected, atol=1e-5, rtol=0)
    assert not text[frames:].any()


def test_block_is_the_reference(variant: str) -> None:
    model, num_frames = tiny_model(variant), cases.UTTERANCES[0][0]
    graph, params = nnx.split(model.blocks)
    layer = 1
    block = nnx.merge(graph, jax.tree.map(lambda leaf: leaf[layer], params))
    modulation = model.modulate(jnp.asarray(cases.TIMES[2:3]), jnp.zeros(1)).blocks[:, layer]
    x = jnp.asarray(seeded_normal("block", (1, num_frames, cases.DIM)))
    lengths, mask = jnp.asarray([num_frames]), jnp.ones((1, num_frames, 1), bool)
    out = jax.jit(lambda x: block(x, modulation, lengths, mask))(x)
    np.testing.assert_allclose(out[0], goldens()[f"block.{variant}"], atol=TOLERANCE, rtol=0)


def test_time_embedding_is_the_reference() -> None:
    embedding = tiny_model("v1").time_embedding(jnp.asarray(cases.TIMES))
    # Angles reach 1000: a float32 frequency that differs in its last digit moves the sine 3e-5.
    np.testing.assert_allclose(embedding, goldens()["time_embedding"], atol=TOLERANCE, rtol=0)
