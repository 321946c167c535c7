"""Shapes and inputs of the F5 goldens, shared by the torch side and the tests (numpy only)."""

from __future__ import annotations

import numpy as np

from tests.golden.seeded_weights import seeded_normal

VARIANTS = ("v1", "v0")
MEL_DIM, DIM, VOCAB_SIZE = 20, 64, 40
TINY_SIZES = {
    "dim": DIM,
    "depth": 2,
    "heads": 2,
    "dim_head": 32,
    "ff_mult": 2,
    "text_dim": 32,
    "conv_layers": 2,
    "mel_dim": MEL_DIM,
}
BASE_SIZES = {
    "dim": 1024,
    "depth": 22,
    "heads": 16,
    "dim_head": 64,
    "ff_mult": 2,
    "text_dim": 512,
    "conv_layers": 4,
    "mel_dim": 100,
}
BASE_VOCAB_SIZE = 2545
# v1 and v0 share every name and shape: only these switches tell them apart.
SWITCHES = {
    "v1": {"text_mask_padding": True, "pe_attn_head": None},
    "v0": {"text_mask_padding": False, "pe_attn_head": 1},
}
TIMES = (0.0, 0.004815, 0.5, 0.9, 1.0)
# (frames, tokens, reference frames) of the utterances; each is computed alone by the reference.
UTTERANCES = ((40, 13, 12), (61, 17, 20), (97, 30, 31))
BASE_UTTERANCE = (48, 19, 16)
# (name, steps, guidance scale, sway) of the solves, all on the second utterance.
SOLVES = (("epss7", 7, 2.0, -1.0), ("unguided7", 7, 0.0, -1.0), ("uniform8", 8, 1.5, None))
SOLVE_UTTERANCE = UTTERANCES[1]
GRID_STEPS = (5, 6, 7, 8, 10, 12, 16, 32)


def utterance_inputs(
    frames: int, tokens: int, ref_frames: int, *, mel_dim: int, vocab_size: int
) -> dict[str, np.ndarray]:
    """x and cond (n, m), cond zero after the reference; text ids (nt,) unshifted, int32."""
    tag = f"{frames}.{tokens}"
    cond = seeded_normal(f"cond.{tag}", (frames, mel_dim))
    cond[ref_frames:] = 0
    ids = np.abs(seeded_normal(f"ids.{tag}", (tokens,)) * 1e6).astype(np.int64) % vocab_size
    x = seeded_normal(f"x.{tag}", (frames, mel_dim))
    return {"x": x, "cond": cond, "text_ids": ids.astype(np.int32)}
