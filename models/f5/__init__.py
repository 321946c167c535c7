"""F5-TTS in Flax NNX: configuration, network, checkpoints and sampling."""

from models.f5.config import F5Config
from models.f5.modeling import F5Model
from models.f5.params import load_f5, official_tensors, save_f5
from models.f5.sampling import sample, seeded_noise

__all__ = [
    "F5Config",
    "F5Model",
    "load_f5",
    "official_tensors",
    "sample",
    "save_f5",
    "seeded_noise",
]
