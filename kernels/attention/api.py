"""Public attention op."""

from typing import Literal

import jax
import jax.numpy as jnp
from jax.typing import DTypeLike
from jaxtyping import Array, Float, Int

from kernels.attention.blocked import attention_blocked
from kernels.attention.cudnn import attention_cudnn
from kernels.attention.pallas import attention_pallas
from kernels.attention.reference import attention_reference
from kernels.attention.xla import attention_xla

Implementation = Literal["reference", "xla", "blocked", "pallas", "cudnn"]
IMPLEMENTATIONS = {
    "reference": attention_reference,
    "xla": attention_xla,
    "blocked": attention_blocked,
    "pallas": attention_pallas,
    "cudnn": attention_cudnn,
}


def attention(
    q: Float[Array, "b n h k"],
    k: Float[Array, "b n h k"],
    v: Float[Array, "b n h k"],
    lengths: Int[Array, " b"],
    *,
    dtype: DTypeLike = jnp.float32,
    implementation: Implementation | None = None,
) -> Float[Array, "b n h k"]:
    """Bidirectional attention of right-padded rows, scale 1 / sqrt(k), no bias.

    Args:
        q, k, v: (b, n, h, k).
        lengths: int32 (b,); keys at or beyond a row's length are ignored, even when they are NaN.
        dtype: compute dtype of the products; softmax and sums are float32.
        implementation: None means "xla"; servers ask `kernels.attention.probe` instead.
            All but "pallas" are differentiable.

    Returns:
        float32 (b, n, h, k); frames at or beyond the length are zero.

    Raises:
        ValueError: shapes disagree.
        NotImplementedError: this implementation cannot run these shapes here; try another.
    """
    if not q.shape == k.shape == v.shape or q.ndim != 4:
        shapes = f"{q.shape} {k.shape} {v.shape}"
        raise ValueError(f"attention: q, k, v must share (b, n, h, k), got {shapes}")
    if lengths.shape != q.shape[:1]:
        raise ValueError(f"attention: lengths must be ({q.shape[0]},), got {lengths.shape}")
    with jax.named_scope("attention"):
        return IMPLEMENTATIONS[implementation or "xla"](q, k, v, lengths, dtype=dtype)
