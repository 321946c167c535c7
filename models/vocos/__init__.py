"""Vocos vocoder: log-mel frames to a waveform."""

from models.vocos.config import VocosConfig
from models.vocos.decode import decode, synthesize
from models.vocos.modeling import Vocos
from models.vocos.params import load_vocos, save_vocos

__all__ = ["Vocos", "VocosConfig", "decode", "load_vocos", "save_vocos", "synthesize"]
