"""Depthwise 1-D convolution along frames."""

from kernels.depthwise_conv.api import depthwise_conv

__all__ = ["depthwise_conv"]
