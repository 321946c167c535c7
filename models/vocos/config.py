"""Shape of a Vocos vocoder (specs: f5-tts 5)."""

from __future__ import annotations

from dataclasses import dataclass

KERNEL_FRAMES = 7
"""Width of every convolution; part of the architecture, not a setting."""


@dataclass(frozen=True, kw_only=True)
class VocosConfig:
    """Defaults are charactr/vocos-mel-24khz (13.5 M parameters).

    `n_fft` is also the window length; it must be a multiple of `hop_samples`. Raises ValueError.
    """

    dim: int = 512
    intermediate_dim: int = 1536
    num_layers: int = 8
    mel_dim: int = 100
    n_fft: int = 1024
    hop_samples: int = 256
    sample_rate: int = 24_000

    def __post_init__(self) -> None:
        if self.n_fft % (2 * self.hop_samples):
            raise ValueError(
                f"n_fft {self.n_fft} must be an even multiple of hop_samples {self.hop_samples}"
            )

    @classmethod
    def small(cls) -> VocosConfig:
        """The vocoder of the shipped voice (2.8 M parameters)."""
        return cls(dim=256, intermediate_dim=768, num_layers=6)

    @property
    def num_bins(self) -> int:
        """One-sided spectrum bins."""
        return self.n_fft // 2 + 1

    @property
    def context_frames(self) -> int:
        """Frames on each side that a frame's samples depend on (receptive field and ISTFT)."""
        return (self.num_layers + 1) * (KERNEL_FRAMES // 2) + self.n_fft // self.hop_samples
