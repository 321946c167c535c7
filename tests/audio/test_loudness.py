from __future__ import annotations

import numpy as np
import pytest

from audio.loudness import TARGET_RMS, raise_loudness
from tests.audio.waves import sine, speech_like


def test_a_quiet_clip_is_raised_and_the_gain_undoes_it() -> None:
    quiet = speech_like(1.0, level=0.01)
    raised, gain = raise_loudness(quiet)
    assert raised.dtype == np.float32 and gain < 1
    assert np.sqrt(np.mean(np.square(raised, dtype=np.float64))) == pytest.approx(TARGET_RMS)
    np.testing.assert_allclose(raised * gain, quiet, atol=1e-7)


def test_a_loud_clip_stays_as_it_is() -> None:
    loud = sine(1.0)  # rms 0.21
    same, gain = raise_loudness(loud)
    assert gain == 1.0
    np.testing.assert_array_equal(same, loud)


def test_silence_has_no_loudness() -> None:
    with pytest.raises(ValueError, match="silence"):
        raise_loudness(np.zeros(100, np.float32))
