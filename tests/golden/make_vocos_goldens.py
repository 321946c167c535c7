"""Make tests/golden/vocos/: the vocoder and its inverse STFT from the published torch code.

Runs in the environment described in make_f5_goldens.py:
`/work/torchenv/bin/python -m tests.golden.make_vocos_goldens` from the repository root.

`tiny.safetensors` (official names, bfloat16 values; the two window and filter buffers a real
file also holds are included) and `tiny.npz`; `base.npz` has the full-size output only: its
weights are `seeded_weights` of the official names and shapes.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file

from tests.golden import vocos_cases as cases
from tests.golden.seeded_weights import seeded_normal, seeded_weights
from tests.golden.torch_reference import (
    ISTFT,
    ISTFTHead,
    VocosBackbone,
    load_weights,
    to_numpy,
    torchaudio,
)

FOLDER = Path(__file__).parent / "vocos"


class Vocos(torch.nn.Module):
    """Backbone and head under the names of the published checkpoint."""

    def __init__(self, sizes: dict[str, int]) -> None:
        super().__init__()
        self.backbone = VocosBackbone(input_channels=cases.MEL_DIM, **sizes)
        self.head = ISTFTHead(sizes["dim"], cases.N_FFT, cases.HOP, padding="center")

    def forward(self, mel: torch.Tensor) -> torch.Tensor:
        return self.head(self.backbone(mel))


def official_shapes(model: Vocos) -> dict[str, tuple[int, ...]]:
    state = model.state_dict()
    return {key: tuple(value.shape) for key, value in state.items() if "istft" not in key}


def front_end_buffers() -> dict[str, torch.Tensor]:
    mel = torchaudio.transforms.MelSpectrogram(
        sample_rate=24_000, n_fft=cases.N_FFT, hop_length=cases.HOP, n_mels=cases.MEL_DIM
    )
    buffers = {f"feature_extractor.mel_spec.{k}": v for k, v in mel.state_dict().items()}
    filters = "feature_extractor.mel_spec.mel_scale.fb"
    return buffers | {filters: buffers[filters].bfloat16()}  # loaders ignore it: keep it small


def run(model: Vocos, weights: dict[str, np.ndarray], frames: int) -> np.ndarray:
    window = {"head.istft.window": to_numpy(model.head.istft.window)}
    load_weights(model, weights | window)
    mel = torch.from_numpy(cases.vocos_mel(frames)).T[None]
    return to_numpy(model(mel))[0]


def make_tiny() -> None:
    model = Vocos(cases.TINY_SIZES)
    shapes = official_shapes(model)
    half = {
        key: torch.from_numpy(value).bfloat16() for key, value in seeded_weights(shapes).items()
    }
    wave = run(model, {k: to_numpy(v.float()) for k, v in half.items()}, cases.TINY_FRAMES)
    file = half | front_end_buffers() | {"head.istft.window": model.head.istft.window}
    save_file({k: v.contiguous() for k, v in file.items()}, FOLDER / "tiny.safetensors")
    np.savez(FOLDER / "tiny.npz", wave=wave, istft=istft_golden())


def istft_golden() -> np.ndarray:
    parts = seeded_normal("istft", (2, cases.ISTFT_FRAMES, cases.N_FFT // 2 + 1))
    spectrum = torch.complex(*torch.from_numpy(parts)).T[None]
    return to_numpy(ISTFT(cases.N_FFT, cases.HOP, cases.N_FFT, padding="center")(spectrum))[0]


def make_base() -> None:
    model = Vocos(cases.BASE_SIZES)
    weights = seeded_weights(official_shapes(model))
    np.savez(FOLDER / "base.npz", wave=run(model, weights, cases.BASE_FRAMES))


def main() -> None:
    torch.set_grad_enabled(False)
    FOLDER.mkdir(exist_ok=True)
    make_tiny()
    make_base()


if __name__ == "__main__":
    main()
