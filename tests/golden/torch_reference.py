"""The published torch code, importable without its training dependencies.

Runs only in a throw-away environment (see make_f5_goldens.py); nothing of it is shipped. The
packages' own `__init__` files pull in trainers and compiled audio libraries, so empty parents
stand in for them.
"""

from __future__ import annotations

import importlib.util
import sys
import types
from pathlib import Path

import numpy as np
import torch


def stub_package(name: str, *, has_files: bool = True, **attributes: object) -> types.ModuleType:
    """Register an empty module; with files, its submodules still import from site-packages."""
    module = types.ModuleType(name)
    if has_files:
        top, *rest = name.split(".")
        spec = importlib.util.find_spec(top) if top not in sys.modules else None
        origin = Path(spec.origin).parent if spec and spec.origin else None
        if spec and origin is None:
            origin = Path(next(iter(spec.submodule_search_locations or [])))
        parent = Path(sys.modules[top].__path__[0]) if origin is None else origin
        module.__path__ = [str(parent.joinpath(*rest))]
    for key, value in attributes.items():
        setattr(module, key, value)
    sys.modules[name] = module
    return module


def import_stubs() -> None:
    stub_package("torchaudio")
    stub_package(
        "torchaudio._extension",
        has_files=False,
        fail_if_no_align=lambda function: function,
        _IS_ALIGN_AVAILABLE=False,
        _IS_TORCHAUDIO_EXT_AVAILABLE=False,
        _IS_RIR_AVAILABLE=False,
    )
    stub_package("f5_tts")
    stub_package("f5_tts.model")
    stub_package("vocos")
    stub_package("encodec", has_files=False, EncodecModel=None)


import_stubs()

import torchaudio.functional  # noqa: E402
import torchaudio.transforms  # noqa: E402
from f5_tts.model import cfm, modules  # noqa: E402
from f5_tts.model import utils as f5_text  # noqa: E402
from f5_tts.model.backbones.dit import DiT  # noqa: E402
from vocos.heads import ISTFTHead  # noqa: E402
from vocos.models import VocosBackbone  # noqa: E402
from vocos.spectral_ops import ISTFT  # noqa: E402
from x_transformers.x_transformers import RotaryEmbedding  # noqa: E402

__all__ = [
    "DiT",
    "ISTFT",
    "ISTFTHead",
    "RotaryEmbedding",
    "VocosBackbone",
    "cfm",
    "f5_text",
    "load_weights",
    "modules",
    "to_numpy",
    "torchaudio",
]


def load_weights(module: torch.nn.Module, weights: dict[str, np.ndarray]) -> torch.nn.Module:
    """Strict load of float32 arrays, evaluation mode, gradients off."""
    tensors = {key: torch.from_numpy(np.array(value)) for key, value in weights.items()}
    module.load_state_dict(tensors, strict=True)
    return module.eval().requires_grad_(False)


def to_numpy(tensor: torch.Tensor) -> np.ndarray:
    return tensor.detach().cpu().numpy()
