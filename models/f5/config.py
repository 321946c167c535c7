"""Sizes and switches of the F5-TTS family (specs: f5-tts 1.1)."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, Self

from inference_types import ModelLoadError

TextLayout = Literal["packed", "aligned"]


@dataclass(frozen=True, kw_only=True)
class F5Config:
    """One DiT of the F5-TTS family.

    `pe_attn_head` is the number of heads that get rotary positions (None: all of them).
    `text_layout` "packed" puts token ids at the left and lets the model align them (every
    official checkpoint); "aligned" gives one id per frame, by duration (the shipped voice).
    `mel_mean` and `mel_std` standardise log-mels on the way in and out; official models use
    raw log-mels (0 and 1). `patch_frames` mel frames make one position of the transformer (the
    shipped voice halves its work with 2; official models have 1). `max_guidance`: the guidance
    scale is an input of the network, learned from 0 to this, and a step needs no null branch
    (distilled guidance, arXiv 2210.03142); None, as in every official model: two branches.
    """

    dim: int = 1024
    depth: int = 22
    heads: int = 16
    dim_head: int = 64
    ff_mult: int = 2
    text_dim: int = 512
    conv_layers: int = 4
    vocab_size: int = 2545
    mel_dim: int = 100
    text_mask_padding: bool = True
    pe_attn_head: int | None = None
    text_layout: TextLayout = "packed"
    conv_pos_kernel: int = 31
    conv_pos_groups: int = 16
    patch_frames: int = 1
    max_frames: int = 8192
    mel_mean: float = 0.0
    mel_std: float = 1.0
    max_guidance: float | None = None

    def __post_init__(self) -> None:
        if self.dim % self.conv_pos_groups:
            raise ValueError(f"dim {self.dim} must be a multiple of {self.conv_pos_groups} groups")
        if self.text_layout not in ("packed", "aligned"):
            raise ValueError(f"text_layout must be packed or aligned, not {self.text_layout!r}")
        if self.patch_frames > 1 and self.text_layout == "packed":
            raise ValueError("patch_frames above 1 needs text_layout aligned")
        if self.text_dim % self.patch_frames:
            raise ValueError(f"text_dim must be a multiple of patch_frames {self.patch_frames}")
        if self.max_guidance is not None and self.max_guidance <= 0:
            raise ValueError(f"max_guidance must be positive or null, not {self.max_guidance}")

    @property
    def num_branches(self) -> int:
        """Passes of the network in one guided step."""
        return 2 if self.max_guidance is None else 1

    @classmethod
    def v1_base(cls) -> Self:
        return cls()

    @classmethod
    def v0_base(cls) -> Self:
        return cls(text_mask_padding=False, pe_attn_head=1)

    @classmethod
    def v1_small(cls) -> Self:
        return cls(dim=768, depth=18, heads=12)

    @classmethod
    def v0_small(cls) -> Self:
        return cls(dim=768, depth=18, heads=12, text_mask_padding=False, pe_attn_head=1)

    @classmethod
    def shipped_voice(cls) -> Self:
        """The voice in this repository: real time on two cores, phonemes laid out by duration."""
        return cls(
            dim=320,
            depth=8,
            heads=5,
            text_dim=256,
            conv_layers=3,
            vocab_size=79,  # the 78 phoneme symbols and silence
            text_layout="aligned",
            conv_pos_kernel=11,
            conv_pos_groups=320,
            patch_frames=2,
            mel_mean=-2.5,
            mel_std=3.5,
        )

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """From a manifest. Raises ModelLoadError naming unknown keys and the valid ones."""
        valid = {f.name for f in fields(cls)}
        unknown = sorted(set(values) - valid)
        if unknown:
            raise ModelLoadError(f"unknown model settings {unknown}; valid are {sorted(valid)}")
        return cls(**values)

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)
