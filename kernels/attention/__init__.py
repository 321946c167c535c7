"""Bidirectional attention over right-padded rows."""

from kernels.attention.api import attention

__all__ = ["attention"]
