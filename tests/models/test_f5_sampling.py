"""`sample` against the published sampler, and what it refuses."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest

from models.f5 import F5Config, F5Model, sample, seeded_noise
from models.f5.sampling import LENGTH_QUANTUM
from models.rows import row_noise
from tests.golden import f5_cases as cases
from tests.golden.seeded_weights import seeded_normal
from tests.models.tiny_f5 import goldens, seeded_model, tiny_inputs, tiny_model

NUM_FRAMES, NUM_TOKENS, NUM_REF = cases.SOLVE_UTTERANCE
INPUTS = tiny_inputs(cases.SOLVE_UTTERANCE)
COND = INPUTS["cond"][:NUM_REF]
SOLVES = {name: rest for name, *rest in cases.SOLVES}


def run(model: F5Model, **changes: Any) -> np.ndarray:
    arguments = {"cond": COND, "text_ids": INPUTS["text_ids"], "num_frames": NUM_FRAMES}
    return sample(model, **(arguments | changes))


@pytest.mark.parametrize(
    ("variant", "name"),
    [("v1", "epss7"), ("v1", "unguided7"), ("v1", "uniform8"), ("v0", "epss7")],
)
def test_solve_with_given_noise_is_the_reference(variant: str, name: str) -> None:
    steps, guidance_scale, sway = SOLVES[name]
    noise = seeded_normal("noise", (NUM_FRAMES, cases.MEL_DIM))
    mel = run(
        tiny_model(variant), noise=noise, steps=steps, guidance_scale=guidance_scale, sway=sway
    )
    assert (mel.shape, mel.dtype) == ((NUM_FRAMES, cases.MEL_DIM), np.float32)
    np.testing.assert_array_equal(mel[:NUM_REF], COND)
    expected = goldens()[f"solve.{variant}.{name}"]
    np.testing.assert_allclose(mel, expected, atol=1e-4, rtol=0)


def test_noise_comes_from_the_seed_alone() -> None:
    model = tiny_model("v1")
    given = run(model, noise=seeded_noise(3, NUM_FRAMES, cases.MEL_DIM))
    np.testing.assert_array_equal(run(model, seed=3), given)
    assert np.abs(run(model, seed=4) - given).max() > 0.1


def test_shorter_noise_is_a_prefix_of_longer() -> None:
    long = seeded_noise(1 << 40, 200, 5)
    np.testing.assert_array_equal(seeded_noise(1 << 40, 37, 5), long[:37])
    assert np.abs(seeded_noise(1 << 41, 200, 5) - long).max() > 1
    assert np.abs(seeded_noise(1 << 40, 200, 5, segment_index=1) - long).max() > 1


def test_noise_is_the_engine_s_for_its_first_segment() -> None:
    seed = (5 << 32) + 11
    words, segment = jnp.asarray([5, 11], jnp.uint32), jnp.int32(0)
    np.testing.assert_array_equal(seeded_noise(seed, 37, 5), row_noise(words, segment, 64, 5)[:37])


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"cond": np.zeros((4, 7))}, "cond must have shape"),
        ({"cond": np.full((4, cases.MEL_DIM), np.nan)}, "cond holds"),
        ({"cond": np.zeros((NUM_FRAMES, cases.MEL_DIM))}, "num_frames must be more than"),
        ({"text_ids": INPUTS["text_ids"][None]}, "text_ids must be whole numbers"),
        ({"text_ids": [0.5]}, "text_ids must be whole numbers"),
        ({"text_ids": np.zeros(0, int)}, "at least one id"),
        ({"text_ids": [cases.VOCAB_SIZE]}, "all below 40"),
        ({"text_ids": [1] * NUM_FRAMES}, "num_frames must be more than the 61 text_ids"),
        ({"num_frames": 100_000}, "at most 8192"),
        ({"noise": np.zeros((5, cases.MEL_DIM))}, "noise must have num_frames = 61 rows"),
        ({"noise": np.zeros((NUM_FRAMES, 3))}, "noise must have shape"),
        ({"steps": 0}, "num_steps must be at least 1"),
        ({"guidance_scale": float("nan")}, "guidance_scale must be a finite number"),
        ({"seed": -1}, "seed must be from 0"),
    ],
)
def test_what_cannot_work_is_refused_by_name(changes: dict[str, Any], named: str) -> None:
    with pytest.raises(ValueError, match=named):
        run(tiny_model("v1"), **changes)


def test_an_aligned_model_takes_one_id_per_frame_and_unstandardised_mels() -> None:
    config = F5Config(
        vocab_size=9,
        text_layout="aligned",
        patch_frames=2,
        mel_mean=-2.5,
        mel_std=3.5,
        **cases.TINY_SIZES,
    )
    model = seeded_model(config)
    model.output.kernel[...] *= 0
    model.output.bias[...] *= 0
    num_frames = LENGTH_QUANTUM + 3
    noise = seeded_normal("noise", (num_frames, cases.MEL_DIM))
    mel = run(model, text_ids=[4] * num_frames, num_frames=num_frames, noise=noise, steps=2)
    # With an output layer of zeros the flow stands still.
    np.testing.assert_allclose(mel[NUM_REF:], noise[NUM_REF:] * 3.5 - 2.5, rtol=1e-5, atol=1e-5)
    with pytest.raises(ValueError, match="one id per frame"):
        run(model, text_ids=[4] * NUM_TOKENS)
