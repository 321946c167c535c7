"""Block sizes."""

from dataclasses import dataclass

# 8 MB of float32 scores in one block. Two quiet cores, 2 x 1024 x 16 x 64: 67-70 ms at 1 << 18 (a
# block inside the second-level cache), 51 here, 54 at 1 << 23: small blocks leave the cores waiting
# for each other, and products of few heads run slower.
MAX_BLOCK_SCORES = 1 << 21
# Triton tiles: powers of two. 64 x 64 keeps scores, values and the running sums in registers for
# heads of 64 to 128; wider key blocks spill.
PALLAS_BLOCK_FRAMES = 64
PALLAS_NUM_WARPS = 4
PALLAS_NUM_STAGES = 2


@dataclass(frozen=True, kw_only=True)
class BlockedConfig:
    """Blocks of the CPU implementation: `block_queries` queries of `block_heads` heads."""

    block_heads: int
    block_queries: int

    @classmethod
    def for_shape(cls, num_heads: int, num_frames: int) -> "BlockedConfig":
        """The most heads, else the most queries, whose scores fit MAX_BLOCK_SCORES.

        Args:
            num_heads: heads of all rows together, b * h.
            num_frames: queries and keys, n.
        """
        fitting_heads = MAX_BLOCK_SCORES // num_frames**2
        if fitting_heads >= 1:
            divisors = [g for g in range(1, num_heads + 1) if num_heads % g == 0]
            block_heads = max(g for g in divisors if g <= fitting_heads)
            return cls(block_heads=block_heads, block_queries=num_frames)
        num_blocks = -(-num_frames // max(MAX_BLOCK_SCORES // num_frames, 64))
        return cls(block_heads=1, block_queries=-(-num_frames // num_blocks))
