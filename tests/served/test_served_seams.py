"""Where segments of the shipped voice meet: no click, no jump in loudness or pitch of voice."""

from __future__ import annotations

import httpx
import numpy as np
import pytest

from audio.mel import log_mel
from tests.served.harness import Record, Served, read_events
from tests.server.harness import RATE, audio_of

pytestmark = pytest.mark.slow
TEXT = (
    "The old lighthouse stood at the end of the pier, and every evening its lamp was lit. "
    "Children came to watch the boats return, counting the sails as they passed the wall. "
    "Nobody remembered who had built it, although the date was carved above the door. "
    "In winter the waves broke over the roof, but the light never once went out. "
    "When the keeper retired, the whole town came to thank him for his patience."
)
EDGE_S = 0.005


def speak(served: Served, voice: str, policy: str) -> tuple[np.ndarray, list[int]]:
    """Samples as floats, and where a new segment begins."""
    body = {"gen_text": TEXT, "voice": voice, "chunk_policy": policy, "seed": 7}
    url = served.url + "/v1/generate/stream"
    pieces, seams, segment, at = [], [], 0, 0
    with httpx.stream("POST", url, json=body, timeout=300) as response:
        for _, event in read_events(response):
            if event["metadata"]["segment_index"] != segment:
                segment = event["metadata"]["segment_index"]
                seams.append(at)
            pieces.append(audio_of(event) / 32768)
            at += len(pieces[-1])
    return np.concatenate(pieces), seams


def voiced_levels_db(wave: np.ndarray) -> np.ndarray:
    """Levels of the 50 ms windows that hold speech."""
    size = RATE // 20
    rms = np.sqrt((wave[: len(wave) // size * size].reshape(-1, size) ** 2).mean(axis=1))
    db = 20 * np.log10(np.maximum(rms, 1e-6))
    return db[db > db.max() - 25]


def spectrum_db(wave: np.ndarray) -> np.ndarray:
    """Mean log-mel of the loud half of the frames: the colour of the voice."""
    mel = log_mel(wave.astype(np.float32))
    loudness = mel.mean(axis=1)
    return 8.686 * mel[loudness >= np.median(loudness)].mean(axis=0)


@pytest.mark.parametrize(("voice", "policy"), [("heart", "equal"), ("george", "exponential")])
def test_a_seam_is_no_worse_than_the_inside_of_a_segment(
    served: Served, record_property: Record, voice: str, policy: str
) -> None:
    wave, seams = speak(served, voice, policy)
    assert len(seams) >= 2
    jumps = np.abs(np.diff(wave))
    edge = int(EDGE_S * RATE)
    is_seam = np.zeros(len(jumps), bool)
    for seam in seams:
        is_seam[max(0, seam - edge) : seam + edge] = True
    assert jumps[is_seam].max() <= np.quantile(jumps[~is_seam], 0.999)  # no click

    segments = np.split(wave, seams)
    levels = [np.median(voiced_levels_db(segment)) for segment in segments]
    halves = [np.array_split(segment, 2) for segment in segments if len(segment) > 2 * RATE]
    inside = [abs(np.subtract(*(np.median(voiced_levels_db(h)) for h in pair))) for pair in halves]
    across = np.abs(np.diff(levels))
    record_property("level_steps_db", (across.round(2).tolist(), np.round(inside, 2).tolist()))
    assert np.median(across) <= max(np.median(inside), 1.5) and across.max() <= 4.0

    colours = [spectrum_db(segment) for segment in segments]
    across = [
        float(np.abs(one - two).mean()) for one, two in zip(colours, colours[1:], strict=False)
    ]
    inside = [float(np.abs(spectrum_db(one) - spectrum_db(two)).mean()) for one, two in halves]
    record_property("colour_steps_db", (np.round(across, 2).tolist(), np.round(inside, 2).tolist()))
    assert np.median(across) <= 1.25 * np.median(inside)
