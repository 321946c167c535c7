"""Named real shapes, shared by the tests, the probe and the benchmark."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jaxtyping import Array


@dataclass(frozen=True, kw_only=True)
class AttentionSpec:
    """Shape of one call: b rows of n frames, h heads of width k."""

    num_rows: int
    num_frames: int
    num_heads: int
    head_dim: int = 64

    def arguments(self, seed: int = 0) -> tuple[Array, Array, Array, Array]:
        """Random q, k, v (b, n, h, k) and lengths (b,); the first row is full."""
        shape = (self.num_rows, self.num_frames, self.num_heads, self.head_dim)
        keys = jax.random.split(jax.random.key(seed), 3)
        q, k, v = (jax.random.normal(key, shape) for key in keys)
        rows = jnp.arange(self.num_rows, dtype=jnp.int32)
        return q, k, v, self.num_frames - rows * (self.num_frames // (2 * self.num_rows))


SPECS = {
    # Two requests of the shipped voice, some four seconds each with their references, patched by 2.
    "shipped_voice": AttentionSpec(num_rows=2, num_frames=192, num_heads=5),
    "shipped_voice_training": AttentionSpec(num_rows=16, num_frames=192, num_heads=5),
    "v1_base": AttentionSpec(num_rows=2, num_frames=1024, num_heads=16),
    "v1_base_batch": AttentionSpec(num_rows=32, num_frames=768, num_heads=16),
}
