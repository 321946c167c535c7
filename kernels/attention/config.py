"""Block sizes."""

from dataclasses import dataclass

# float32 scores of one block beside their exponentials: well inside a 2 MB second-level cache.
MAX_BLOCK_SCORES = 1 << 18


@dataclass(frozen=True, kw_only=True)
class BlockedConfig:
    """Block sizes of the CPU implementation."""

    block_queries: int

    @classmethod
    def for_frames(cls, num_frames: int) -> "BlockedConfig":
        """As many queries as fit MAX_BLOCK_SCORES, in even blocks of at least 64."""
        fitting = max(MAX_BLOCK_SCORES // num_frames, 64)
        num_blocks = -(-num_frames // fitting)
        return cls(block_queries=-(-num_frames // num_blocks))
