"""The table of official F5-TTS tensor names and where each lives in our model (specs: f5-tts 6.3).

Ours keeps the transformer blocks stacked along a layer axis and q, k, v side by side, so one leaf
is filled from many tensors; a row names one tensor and the part of the leaf it fills.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from models.f5.config import F5Config

Kind = Literal["plain", "linear", "grouped_conv", "depthwise_conv", "grn"]
LeafPath = tuple[Any, ...]  # attribute names and list places, as nnx.to_flat_state gives them
Transform = Callable[[np.ndarray], np.ndarray]

# Official axis order -> ours, and back.
TRANSFORMS: dict[Kind, tuple[Transform, Transform]] = {
    "plain": (lambda x: x, lambda x: x),
    "linear": (np.transpose, np.transpose),  # (out, in) <-> (in, out)
    "grouped_conv": (np.transpose, np.transpose),  # (out, in/g, k) <-> (k, in/g, out)
    "depthwise_conv": (lambda x: x[:, 0].T, lambda x: x.T[:, None]),  # (c, 1, k) <-> (k, c)
    "grn": (lambda x: x[0, 0], lambda x: x[None, None]),  # (1, 1, c) <-> (c,)
}

DENSE = {
    "time_embed.time_mlp.0": ("time_embedding", "hidden"),
    "time_embed.time_mlp.2": ("time_embedding", "out"),
    "input_embed.proj": ("input_proj",),
    "norm_out.linear": ("final_modulation",),
    "proj_out": ("output",),
}
GUIDANCE_DENSE = {  # not in official files: F5Config.max_guidance
    "guidance_embed.mlp.0": ("guidance_embedding", "hidden"),
    "guidance_embed.mlp.2": ("guidance_embedding", "out"),
}
# Name in a block -> (our dense layer, which third of it).
BLOCK_DENSE: dict[str, tuple[str, int | None]] = {
    "attn_norm.linear": ("modulation", None),
    "attn.to_q": ("qkv", 0),
    "attn.to_k": ("qkv", 1),
    "attn.to_v": ("qkv", 2),
    "attn.to_out.0": ("out", None),
    "ff.ff.0.0": ("expand", None),
    "ff.ff.2": ("project", None),
}
TEXT_BLOCK: dict[str, tuple[Kind, LeafPath]] = {
    "dwconv.weight": ("depthwise_conv", ("conv_kernel",)),
    "dwconv.bias": ("plain", ("conv_bias",)),
    "norm.weight": ("plain", ("norm_scale",)),
    "norm.bias": ("plain", ("norm_bias",)),
    "pwconv1.weight": ("linear", ("expand", "kernel")),
    "pwconv1.bias": ("plain", ("expand", "bias")),
    "grn.gamma": ("grn", ("grn_gamma",)),
    "grn.beta": ("grn", ("grn_beta",)),
    "pwconv2.weight": ("linear", ("project", "kernel")),
    "pwconv2.bias": ("plain", ("project", "bias")),
}
POSITION_CONV: dict[str, tuple[Kind, LeafPath]] = {
    "0.weight": ("grouped_conv", ("position_conv", "kernel_1")),
    "0.bias": ("plain", ("position_conv", "bias_1")),
    "2.weight": ("grouped_conv", ("position_conv", "kernel_2")),
    "2.bias": ("plain", ("position_conv", "bias_2")),
}


@dataclass(frozen=True, kw_only=True)
class Row:
    """One official tensor: its name without prefix, our leaf, and the part of it.

    `layer` is its place on the leaf's layer axis; `third` its place on a last axis that holds
    q, k and v side by side.
    """

    key: str
    leaf: LeafPath
    kind: Kind = "plain"
    layer: int | None = None
    third: int | None = None

    def part(self, leaf: np.ndarray) -> np.ndarray:
        """The view of our leaf that this tensor fills, in our axis order."""
        part = leaf if self.layer is None else leaf[self.layer]
        return part if self.third is None else np.split(part, 3, axis=-1)[self.third]

    def to_ours(self, tensor: np.ndarray) -> np.ndarray:
        return TRANSFORMS[self.kind][0](tensor)

    def to_official(self, part: np.ndarray) -> np.ndarray:
        return TRANSFORMS[self.kind][1](part)

    def official_shape(self, leaf_shape: tuple[int, ...]) -> tuple[int, ...]:
        """Shape the file must have, from our leaf's shape (no memory is taken)."""
        return self.to_official(self.part(np.broadcast_to(np.float32(0), leaf_shape))).shape


def table(config: F5Config) -> list[Row]:
    """Every official tensor of this configuration, in the official file's order of parts."""
    rows = [Row(key="text_embed.text_embed.weight", leaf=("text_embedding", "table"))]
    dense = DENSE if config.max_guidance is None else DENSE | GUIDANCE_DENSE
    for name, leaf in dense.items():
        rows += _dense(name, leaf)
    for i in range(config.conv_layers):
        for name, (kind, leaf) in TEXT_BLOCK.items():
            key, path = f"text_embed.text_blocks.{i}.{name}", ("text_embedding", "blocks", i, *leaf)
            rows.append(Row(key=key, leaf=path, kind=kind))
    for name, (kind, leaf) in POSITION_CONV.items():
        rows.append(Row(key=f"input_embed.conv_pos_embed.conv1d.{name}", leaf=leaf, kind=kind))
    for layer in range(config.depth):
        for name, (leaf, third) in BLOCK_DENSE.items():
            key = f"transformer_blocks.{layer}.{name}"
            rows += _dense(key, ("blocks", leaf), layer=layer, third=third)
    return rows


def _dense(
    name: str, leaf: LeafPath, *, layer: int | None = None, third: int | None = None
) -> Iterator[Row]:
    kernel, bias = (*leaf, "kernel"), (*leaf, "bias")
    yield Row(key=f"{name}.weight", leaf=kernel, kind="linear", layer=layer, third=third)
    yield Row(key=f"{name}.bias", leaf=bias, layer=layer, third=third)
