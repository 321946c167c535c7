"""How long each symbol sounds: duration predictor and frame layout."""

from models.duration.layout import FILLER_ID, NUM_IDS, SILENCE_ID, frame_ids, with_silences
from models.duration.predictor import DurationConfig, DurationPredictor

__all__ = [
    "FILLER_ID",
    "NUM_IDS",
    "SILENCE_ID",
    "DurationConfig",
    "DurationPredictor",
    "frame_ids",
    "with_silences",
]
