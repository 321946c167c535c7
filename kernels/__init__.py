"""Numerical kernels: each folder is one public op, a plain reference and its implementations."""
