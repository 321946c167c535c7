"""F5-TTS in Flax NNX: configuration, network, checkpoints and sampling."""

from models.f5.config import F5Config
from models.f5.modeling import F5Model

__all__ = ["F5Config", "F5Model"]
