"""Vocos against the torch reference, and the promises about batches and chunks."""

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from models.vocos import Vocos, VocosConfig, decode, load_vocos, synthesize
from models.vocos.modeling import istft
from models.vocos.params import official_tensors, save_vocos
from tests.golden import vocos_cases as cases
from tests.golden.seeded_weights import seeded_normal, seeded_weights

GOLDEN = Path(__file__).parents[1] / "golden" / "vocos"
TINY = VocosConfig(**cases.TINY_SIZES)


@pytest.fixture(scope="module")
def tiny() -> Vocos:
    return load_vocos(GOLDEN / "tiny.safetensors", TINY)


def test_tiny_matches_torch(tiny: Vocos) -> None:
    wave = decode(tiny, cases.vocos_mel(cases.TINY_FRAMES))
    golden = np.load(GOLDEN / "tiny.npz")["wave"]
    assert wave.dtype == np.float32
    np.testing.assert_allclose(wave, golden, atol=1e-4 * np.abs(golden).max())


def test_full_size_matches_torch(tmp_path: Path) -> None:
    config = VocosConfig(**cases.BASE_SIZES)
    assert config == VocosConfig()
    model = Vocos(config, rngs=nnx.Rngs(0))
    shapes = {key: tensor.shape for key, tensor in official_tensors(model).items()}
    assert sum(int(np.prod(shape)) for shape in shapes.values()) == 13_531_650
    assert len(shapes) == 80  # the specification counts the window as the 81st
    from safetensors.numpy import save_file

    save_file(seeded_weights(shapes), tmp_path / "base.safetensors")
    wave = decode(
        load_vocos(tmp_path / "base.safetensors", config), cases.vocos_mel(cases.BASE_FRAMES)
    )
    golden = np.load(GOLDEN / "base.npz")["wave"]
    np.testing.assert_allclose(wave, golden, atol=1e-4 * np.abs(golden).max())


def test_istft_matches_torch() -> None:
    real, imag = seeded_normal("istft", (2, cases.ISTFT_FRAMES, TINY.num_bins))
    num_frames = jnp.array([cases.ISTFT_FRAMES])
    mask = jnp.ones((1, cases.ISTFT_FRAMES, 1))
    wave = istft(jax.lax.complex(real, imag)[None], mask, num_frames, TINY)[0]
    golden = np.load(GOLDEN / "tiny.npz")["istft"]
    np.testing.assert_allclose(wave[: len(golden)], golden, atol=2e-6)
    assert not np.any(wave[len(golden) :])


def test_istft_inverts_the_stft() -> None:
    wave = 0.3 * seeded_normal("identity", (20 * 256,))
    padded = np.pad(wave, 512, mode="reflect")
    frames = np.lib.stride_tricks.sliding_window_view(padded, 1024)[::256]
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(1024) / 1024)
    spectrum = np.fft.rfft(frames * window).astype(np.complex64)
    mask = jnp.ones((1, len(frames), 1))
    back = istft(jnp.asarray(spectrum)[None], mask, jnp.array([len(frames)]), TINY)[0]
    np.testing.assert_allclose(back[: len(wave)], wave, atol=1e-6)


@pytest.mark.parametrize("num_frames", [2, 3, 63, 64, 65, 200, 201])
@pytest.mark.parametrize("chunk_frames", [64, 100])
def test_chunked_equals_whole(tiny: Vocos, num_frames: int, chunk_frames: int) -> None:
    mel = cases.vocos_mel(num_frames)
    whole = decode(tiny, mel, chunk_frames=None)
    assert whole.shape == ((num_frames - 1) * 256,)
    chunked = decode(tiny, mel, chunk_frames=chunk_frames)
    np.testing.assert_allclose(chunked, whole, atol=1e-5 * np.abs(whole).max())


def test_a_row_is_the_same_alone_and_beside_any_neighbours(tiny: Vocos) -> None:
    lengths = [7, 64, 33]
    rng = np.random.default_rng(0)
    mel = rng.normal(-3, 3, (3, 80, 100)).astype(np.float32)  # garbage behind every row's end
    batch = nnx.jit(synthesize)(tiny, jnp.asarray(mel), jnp.array(lengths))
    assert batch.shape == (3, 80 * 256)
    for row, length in enumerate(lengths):
        alone = decode(tiny, mel[row, :length], chunk_frames=None)
        np.testing.assert_allclose(batch[row, : len(alone)], alone, atol=1e-5 * np.abs(alone).max())
        assert not np.any(batch[row, len(alone) :])


def test_synthesize_compiles_ahead_of_time(tiny: Vocos) -> None:
    graph, state = nnx.split(tiny)

    def run(state: nnx.State, mel: jax.Array, num_frames: jax.Array) -> jax.Array:
        return synthesize(nnx.merge(graph, state), mel, num_frames)

    shapes = jax.ShapeDtypeStruct((2, 64, 100), jnp.float32), jax.ShapeDtypeStruct((2,), jnp.int32)
    compiled = jax.jit(run).lower(state, *shapes).compile()
    mel = cases.vocos_mel(64)
    wave = compiled(state, jnp.stack([mel, mel]), jnp.array([64, 20], jnp.int32))
    np.testing.assert_allclose(wave[1, : 19 * 256], decode(tiny, mel[:20]), atol=1e-4)


@pytest.mark.parametrize("shape", [(1, 100), (5, 80), (5,)])
def test_decode_refuses_other_shapes(tiny: Vocos, shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="2 or more, 100"):
        decode(tiny, np.zeros(shape, np.float32))


def test_config_refuses_a_hop_that_does_not_divide() -> None:
    with pytest.raises(ValueError, match="hop_samples 300"):
        VocosConfig(hop_samples=300)


def test_save_then_load_keeps_every_weight(tmp_path: Path) -> None:
    model = Vocos(TINY, rngs=nnx.Rngs(3))
    save_vocos(model, tmp_path / "v.safetensors", jnp.float16)
    again = load_vocos(tmp_path / "v.safetensors", TINY)
    for key, tensor in official_tensors(model).items():
        np.testing.assert_array_equal(
            official_tensors(again)[key], tensor.astype(np.float16).astype(np.float32)
        )
