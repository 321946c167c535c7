"""How many frames one block of the block-Toeplitz product covers."""

from dataclasses import dataclass

# Operand width (frames * channels per group) at which the products run near the cores' peak.
# Wider blocks multiply more zeros of the band matrix: (k + block) / k of the arithmetic.
TARGET_WIDTH = 192


@dataclass(frozen=True, kw_only=True)
class ToeplitzBlocks:
    """Blocks of `block_frames` frames; each output block reads `num_side_blocks` on either side."""

    block_frames: int
    num_side_blocks: int

    @classmethod
    def for_kernel(cls, taps: int, group_channels: int) -> "ToeplitzBlocks":
        """Power-of-two blocks about TARGET_WIDTH wide, at most as long as half the filter."""
        block_frames = 1
        limit = min(TARGET_WIDTH / group_channels, max(taps // 2, 1))
        while block_frames * 2 <= limit:
            block_frames *= 2
        return cls(block_frames=block_frames, num_side_blocks=-(-(taps // 2) // block_frames))

    @property
    def num_window_blocks(self) -> int:
        """Input blocks one output block reads."""
        return 1 + 2 * self.num_side_blocks
