"""Sampling one utterance from an F5 model (specs: f5-tts 3).

The simple, whole-result driver of the Euler step that the engine runs row by row.
"""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jax import Array
from jax.typing import ArrayLike
from jaxtyping import Float, Int

from models.f5.config import F5Config
from models.f5.modeling import F5Model
from models.flow import MIN_GUIDANCE, modulated_euler_step, time_grid

# Lengths are padded to a multiple of this, so that nearby lengths share one compiled program;
# the result does not depend on it.
LENGTH_QUANTUM = 64


def sample(
    model: F5Model,
    cond: ArrayLike,
    text_ids: ArrayLike,
    num_frames: int,
    noise: ArrayLike | None = None,
    seed: int = 0,
    steps: int = 7,
    guidance_scale: float = 2.0,
    sway: float | None = -1.0,
) -> Float[np.ndarray, "n m"]:
    """Continue a reference: solve the flow from noise to the log-mel of the whole utterance.

    Args:
        model: from `load_f5`.
        cond: float32 (n_ref, m) log-mel of the reference.
        text_ids: int32 (nt,) vocabulary ids of reference and new text together, unshifted; for
            a model of layout "aligned" one id per frame, (num_frames,), -1 for none.
        num_frames: n, reference and new frames together; more than n_ref and than nt.
        noise: (n, m) standard normal to start from; None draws it from `seed`.
        seed: whole number from 0; the same noise as the engine's for its first segment.
        steps: Euler steps; 5, 6, 7, 10, 12 and 16 use the EPSS grids, others are uniform.
        guidance_scale: w in v_c + w (v_c - v_n); under 1e-5 only the text-guided branch runs;
            at most `config.max_guidance`, where the model has one.
        sway: sway sampling coefficient, None for none.

    Returns:
        float32 (n, m); the frames below n_ref are `cond` unchanged.

    Raises:
        ValueError: a shape or value that cannot work, by name.
    """
    config = model.config
    cond = _checked_mel("cond", cond, config.mel_dim)
    ids = _checked_ids(text_ids, num_frames, config)
    _check_length(num_frames, len(cond), config)
    _check_guidance(guidance_scale, config)
    times = np.array(time_grid(steps, sway=sway).times)
    if noise is None:
        start = seeded_noise(seed, num_frames, config.mel_dim)
    else:
        start = _checked_mel("noise", noise, config.mel_dim)
        if len(start) != num_frames:
            raise ValueError(f"noise must have num_frames = {num_frames} rows, not {len(start)}")
    standardised = (cond - np.float32(config.mel_mean)) / np.float32(config.mel_std)
    padded = _padded_length(num_frames, config.patch_frames)
    graph, params = nnx.split(model)
    # Highest: a float32 solve must not fall to TF32 on accelerators that would.
    with jax.default_matmul_precision("highest"):
        x = _solve(
            graph,
            params,
            _pad(start, padded),
            _pad(standardised, padded),
            _pad(ids, padded, fill=-1),
            jnp.int32(num_frames),
            jnp.asarray(times[:-1], jnp.float32),
            jnp.asarray(np.diff(times), jnp.float32),
            jnp.float32(guidance_scale),
            num_branches=1 if guidance_scale < MIN_GUIDANCE else config.num_branches,
        )
    mel = np.asarray(x[:num_frames]) * np.float32(config.mel_std) + np.float32(config.mel_mean)
    mel[: len(cond)] = cond
    return mel


def seeded_noise(
    seed: int, num_frames: int, mel_dim: int, *, segment_index: int = 0
) -> Float[np.ndarray, "n m"]:
    """Standard normal keyed by (seed, segment) alone; a shorter draw is a prefix of a longer.

    Raises ValueError for a seed outside 0 .. 2^64 - 1.
    """
    if not 0 <= seed < 1 << 64:
        raise ValueError(f"seed must be from 0 to 2^64 - 1, not {seed}")
    words = jnp.asarray([seed >> 32, seed & 0xFFFFFFFF], jnp.uint32)
    key = jax.random.fold_in(jax.random.wrap_key_data(words, impl="threefry2x32"), segment_index)
    return np.asarray(jax.random.normal(key, (num_frames, mel_dim)))


@partial(jax.jit, static_argnames=("graph", "num_branches"))
def _solve(
    graph: nnx.GraphDef[F5Model],
    params: Any,
    x: Float[Array, "n m"],
    cond: Float[Array, "n m"],
    text_ids: Int[Array, " n"],
    num_frames: Int[Array, ""],
    times: Float[Array, " s"],
    step_sizes: Float[Array, " s"],
    guidance_scale: Float[Array, ""],
    *,
    num_branches: int,
) -> Float[Array, "n m"]:
    """The whole solve of one padded utterance as one program."""
    model = nnx.merge(graph, params)
    lengths = num_frames[None]
    statics = model.encode_branches(cond[None], text_ids[None], lengths, num_branches)

    def advance(x: Array, at: tuple[Any, Array]) -> tuple[Array, None]:
        modulation, step_size = jax.tree.map(lambda part: part[None], at)
        stepped = modulated_euler_step(
            model, x, statics, lengths, modulation, step_size, guidance_scale[None]
        )
        return stepped, None

    # Once per solve, one row per step.
    table = model.modulate(times, jnp.full_like(times, guidance_scale))
    return jax.lax.scan(advance, x[None], (table, step_sizes))[0][0]


def _checked_mel(name: str, values: ArrayLike, mel_dim: int) -> Float[np.ndarray, "n m"]:
    mel = np.asarray(values, np.float32)
    if mel.ndim != 2 or mel.shape[1] != mel_dim:
        raise ValueError(f"{name} must have shape (frames, {mel_dim}), not {mel.shape}")
    if not np.isfinite(mel).all():
        raise ValueError(f"{name} holds numbers that are not finite")
    return mel


def _checked_ids(text_ids: ArrayLike, num_frames: int, config: F5Config) -> Int[np.ndarray, " nt"]:
    ids = np.asarray(text_ids)
    if ids.ndim != 1 or not np.issubdtype(ids.dtype, np.integer):
        raise ValueError(
            f"text_ids must be whole numbers of shape (nt,), not {ids.dtype} {ids.shape}"
        )
    if ids.size == 0 or ids.min() < -1 or ids.max() >= config.vocab_size:
        raise ValueError(f"text_ids must hold at least one id, all below {config.vocab_size}")
    if config.text_layout == "aligned" and len(ids) != num_frames:
        raise ValueError(
            f"text_ids must give one id per frame: {len(ids)} ids, {num_frames} frames"
        )
    if config.text_layout == "packed" and len(ids) >= num_frames:
        # The reference would lengthen the utterance in silence.
        raise ValueError(f"num_frames must be more than the {len(ids)} text_ids, not {num_frames}")
    return ids.astype(np.int32)


def _check_guidance(scale: float, config: F5Config) -> None:
    if not math.isfinite(scale):
        raise ValueError(f"guidance_scale must be a finite number, not {scale}")
    if config.max_guidance is not None and not 0 <= scale <= config.max_guidance:
        raise ValueError(f"guidance_scale must be from 0 to {config.max_guidance:g}, not {scale}")


def _check_length(num_frames: int, num_ref_frames: int, config: F5Config) -> None:
    if not num_ref_frames < num_frames <= config.max_frames:
        raise ValueError(
            f"num_frames must be more than the {num_ref_frames} frames of cond and at most"
            f" {config.max_frames}, not {num_frames}"
        )


def _padded_length(num_frames: int, patch_frames: int) -> int:
    quantum = math.lcm(LENGTH_QUANTUM, patch_frames)
    return -(-num_frames // quantum) * quantum


def _pad(values: np.ndarray, length: int, fill: int = 0) -> Array:
    """Right-pad the first axis."""
    widths = [(0, length - len(values))] + [(0, 0)] * (values.ndim - 1)
    return jnp.asarray(np.pad(values, widths, constant_values=fill))
