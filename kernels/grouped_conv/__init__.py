"""Grouped 1-D convolution along frames (the convolutional position embedding)."""

from kernels.grouped_conv.api import grouped_conv

__all__ = ["grouped_conv"]
