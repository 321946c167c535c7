"""Symbols and durations -> one id per mel frame, for models with `text_layout="aligned"`.

Mel frame i is centred on sample i * hop, so it carries the symbol that sounds at that sample.
An utterance is [silence, symbols..., silence]; both silences carry `SILENCE_ID`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int

from text.symbols import NUM_SYMBOLS

SILENCE_ID = NUM_SYMBOLS  # one past the phoneme symbols
NUM_IDS = NUM_SYMBOLS + 1
FILLER_ID = -1  # frames of the reference voice: no text


def with_silences(symbol_ids: Sequence[int]) -> Int[np.ndarray, " nt"]:
    """The ids of an utterance: silence, symbols, silence."""
    return np.asarray([SILENCE_ID, *symbol_ids, SILENCE_ID], np.int32)


def frame_ids(
    ids: Int[np.ndarray, " nt"],
    durations_samples: Float[np.ndarray, " nt"] | Int[np.ndarray, " nt"],
    num_frames: int,
    hop_samples: int,
) -> Int[np.ndarray, " n"]:
    """Id of every frame (n,); frames past the last symbol keep the last id."""
    ends = np.cumsum(durations_samples)
    centres = np.arange(num_frames) * hop_samples
    places = np.searchsorted(ends, centres, side="right")
    return ids[np.minimum(places, len(ids) - 1)].astype(np.int32)
