"""The one matrix product every layer uses."""

from kernels.matmul.api import matmul

__all__ = ["matmul"]
