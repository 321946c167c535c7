"""Every attention implementation against the plain reference: one body for all of them."""

import logging
from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from kernels.attention import attention
from kernels.attention.api import IMPLEMENTATIONS
from kernels.attention.arg_specs import SPECS, AttentionSpec
from kernels.attention.blocked import attention_blocked
from kernels.attention.config import MAX_BLOCK_SCORES, BlockedConfig
from kernels.attention.pallas import attention_pallas
from kernels.attention.probe import choose_attention
from kernels.attention.reference import attention_reference

SMALL = {
    "one_block": AttentionSpec(num_rows=2, num_frames=64, num_heads=2, head_dim=16),
    "odd_frames": AttentionSpec(num_rows=3, num_frames=75, num_heads=3, head_dim=32),
    "single_frame": AttentionSpec(num_rows=1, num_frames=1, num_heads=1, head_dim=16),
    "several_blocks": AttentionSpec(num_rows=2, num_frames=200, num_heads=1, head_dim=64),
}
UNEVEN_BLOCKS = BlockedConfig(block_heads=1, block_queries=48)
CANDIDATES: dict[str, Callable[..., jax.Array]] = {
    "xla": IMPLEMENTATIONS["xla"],
    "blocked": attention_blocked,
    "blocked_queries": partial(attention_blocked, config=UNEVEN_BLOCKS),
    "pallas": partial(attention_pallas, is_interpreted=True),
}
TOLERANCE = {jnp.float32: 2e-6, jnp.bfloat16: 2e-2}


@pytest.fixture(params=CANDIDATES)
def candidate(request: pytest.FixtureRequest) -> Callable[..., jax.Array]:
    return CANDIDATES[request.param]


@pytest.mark.parametrize("dtype", TOLERANCE, ids=lambda dtype: dtype.__name__)
@pytest.mark.parametrize("shape", SMALL)
def test_same_as_the_reference(
    candidate: Callable[..., jax.Array], shape: str, dtype: jnp.dtype
) -> None:
    arguments = SMALL[shape].arguments()
    out = candidate(*arguments, dtype=dtype)
    assert out.dtype == jnp.float32
    np.testing.assert_allclose(out, attention_reference(*arguments), atol=TOLERANCE[dtype])


def test_reference_is_the_textbook_softmax() -> None:
    q, k, v, _ = AttentionSpec(num_rows=1, num_frames=5, num_heads=1, head_dim=16).arguments()
    scores = np.asarray(q[0, :, 0], np.float64) @ np.asarray(k[0, :3, 0], np.float64).T / 4.0
    weights = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    expected = weights @ np.asarray(v[0, :3, 0], np.float64)
    out = attention_reference(q, k, v, jnp.array([3], jnp.int32))[0, :, 0]
    np.testing.assert_allclose(out[:3], expected[:3], atol=1e-6)
    assert not np.any(out[3:])


@pytest.mark.parametrize("poison", [np.nan, np.inf, 1e30])
def test_padding_of_keys_and_values_never_leaks(
    candidate: Callable[..., jax.Array], poison: float
) -> None:
    q, k, v, _ = SMALL["odd_frames"].arguments()
    lengths = jnp.array([75, 40, 1], jnp.int32)
    is_padding = (jnp.arange(75)[None, :] >= lengths[:, None])[:, :, None, None]
    poisoned = [jnp.where(is_padding, poison, t) for t in (q, k, v)]
    out = candidate(*poisoned, lengths)
    np.testing.assert_array_equal(out, candidate(q, k, v, lengths))
    assert not np.any(np.asarray(jnp.where(is_padding, out, 0.0)))


def test_a_row_of_length_zero_is_zero(candidate: Callable[..., jax.Array]) -> None:
    q, k, v, _ = SMALL["one_block"].arguments()
    lengths = jnp.array([0, 64], jnp.int32)
    out = candidate(q, k, v, lengths)
    assert not np.any(out[0])
    np.testing.assert_allclose(out[1], attention_reference(q, k, v, lengths)[1], atol=2e-6)


def test_a_row_does_not_depend_on_padding_or_neighbours(
    candidate: Callable[..., jax.Array],
) -> None:
    q, k, v, _ = SMALL["several_blocks"].arguments()
    lengths = jnp.array([200, 70], jnp.int32)
    together = candidate(q, k, v, lengths)[1, :70]
    alone = candidate(q[1:, :70], k[1:, :70], v[1:, :70], lengths[1:])[0]
    np.testing.assert_allclose(together, alone, atol=2e-6)


def test_large_scores_do_not_overflow(candidate: Callable[..., jax.Array]) -> None:
    q, k, v, lengths = SMALL["one_block"].arguments()
    out = candidate(100.0 * q, 100.0 * k, v, lengths)
    np.testing.assert_allclose(
        out, attention_reference(100.0 * q, 100.0 * k, v, lengths), atol=1e-3
    )


@pytest.mark.parametrize("name", ["xla", "blocked", "blocked_queries"])
def test_gradients(name: str) -> None:
    q, k, v, lengths = SMALL["odd_frames"].arguments()

    def loss(function: Callable[..., jax.Array], *operands: jax.Array) -> jax.Array:
        return jnp.sum(jnp.sin(3.0 * function(*operands, lengths)))

    expected = jax.grad(partial(loss, attention_reference), argnums=(0, 1, 2))(q, k, v)
    got = jax.grad(partial(loss, CANDIDATES[name]), argnums=(0, 1, 2))(q, k, v)
    for left, right in zip(got, expected, strict=True):
        np.testing.assert_allclose(left, right, atol=1e-5)


def test_wrong_shapes_are_refused() -> None:
    q, k, v, lengths = SMALL["one_block"].arguments()
    with pytest.raises(ValueError, match="must share"):
        attention(q, k[:, :10], v, lengths)
    with pytest.raises(ValueError, match="lengths must be"):
        attention(q, k, v, lengths[:1])


@pytest.mark.parametrize("name", ["pallas", "cudnn"])
def test_gpu_implementations_say_so_elsewhere(name: str) -> None:
    if jax.default_backend() == "gpu":
        pytest.skip("there is a GPU")
    with pytest.raises(NotImplementedError, match="GPU"):
        attention(*SMALL["one_block"].arguments(), implementation=name, dtype=jnp.bfloat16)


def test_probe_skips_what_cannot_run(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        result = choose_attention(
            [SMALL["one_block"]], candidates=["cudnn", "xla", "blocked"], num_repeats=2
        )
    assert result.choice == min(result.seconds, key=result.seconds.__getitem__)
    assert set(result.seconds) == {"xla", "blocked"} and "cudnn" in result.failures
    assert "xla" in caplog.text and "cannot" in caplog.text


def test_probe_without_any_candidate_lists_the_errors() -> None:
    with pytest.raises(ExceptionGroup, match="every attention implementation failed"):
        choose_attention([SMALL["one_block"]], candidates=["cudnn"])
    with pytest.raises(ValueError, match="at least one shape"):
        choose_attention([])


@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)
def test_blocks_cover_every_real_shape(spec: AttentionSpec) -> None:
    num_heads = spec.num_rows * spec.num_heads
    config = BlockedConfig.for_shape(num_heads, spec.num_frames)
    assert num_heads % config.block_heads == 0
    assert config.block_heads * config.block_queries * spec.num_frames <= 2 * MAX_BLOCK_SCORES
