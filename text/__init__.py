"""Text floor: normalise, split, tokens and phonemes. Pure Python on the host, no jax."""
