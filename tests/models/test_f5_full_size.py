"""Full-size F5 (337 million parameters) with random weights against the published torch code.

Needs no torch: weights grow from their names (tests/golden/seeded_weights.py), and only the
reference's outputs are stored (tests/golden/make_f5_goldens.py). Takes 5 GB of memory and disk.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from safetensors.numpy import save_file

from models.f5 import F5Config, F5Model, load_f5, sample
from models.f5.checkpoint_table import table
from tests.golden import f5_cases as cases
from tests.golden.seeded_weights import seeded_weights
from tests.models.tiny_f5 import both_branches, goldens, padded_batch

CONFIGS = {"v1": F5Config.v1_base(), "v0": F5Config.v0_base()}


@pytest.fixture(scope="module")
def base_file(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A file of the official base layout; v1 and v0 share it, as they do in public."""
    config = CONFIGS["v1"]
    model = nnx.eval_shape(lambda: F5Model(config, rngs=nnx.Rngs(0)))
    shapes = {path: leaf.shape for path, leaf in nnx.to_flat_state(nnx.state(model))}
    official = {row.key: row.official_shape(shapes[row.leaf]) for row in table(config)}
    tensors = {f"ema_model.transformer.{k}": v for k, v in seeded_weights(official).items()}
    file = tmp_path_factory.mktemp("base") / "model.safetensors"
    save_file(tensors, file)
    yield file
    file.unlink()  # pytest would keep 1.35 GB of it


@pytest.mark.slow
@pytest.mark.parametrize("variant", cases.VARIANTS)
def test_full_size_velocities_are_the_reference(base_file: Path, variant: str) -> None:
    frames = cases.BASE_UTTERANCE[0]
    inputs = cases.utterance_inputs(
        *cases.BASE_UTTERANCE, mel_dim=100, vocab_size=cases.BASE_VOCAB_SIZE
    )
    model = load_f5(base_file, CONFIGS[variant])
    out = both_branches(model, *padded_batch([inputs], frames), jnp.asarray([0.3]))
    for branch in ("cond", "null"):
        expected = goldens("base")[f"velocity.{variant}.{branch}.{frames}"]
        got = out[f"velocity.{branch}"][0]
        np.testing.assert_allclose(got, expected, atol=1e-3, rtol=0)


@pytest.mark.slow
def test_bfloat16_mel_is_near_the_float32_mel(base_file: Path) -> None:
    """7 steps, guidance 2; `pytest -s` shows the figures of the decision note on F5 parity."""
    frames, ref_frames = 96, 32
    inputs = cases.utterance_inputs(
        frames, 30, ref_frames, mel_dim=100, vocab_size=cases.BASE_VOCAB_SIZE
    )
    mels = {}
    for dtype in (jnp.float32, jnp.bfloat16):
        model = load_f5(base_file, CONFIGS["v1"], dtype=dtype)
        mel = sample(
            model, inputs["cond"][:ref_frames], inputs["text_ids"], frames, noise=inputs["x"]
        )
        mels[dtype] = mel[ref_frames:]
        del model
    exact, error = mels[jnp.float32], mels[jnp.bfloat16] - mels[jnp.float32]
    mel_rms, error_rms = (float(np.sqrt(np.mean(part**2))) for part in (exact, error))
    print(f"mel rms {mel_rms:.3f}, error rms {error_rms:.4f}, largest {np.abs(error).max():.4f}")
    assert error_rms < 0.05 * mel_rms
