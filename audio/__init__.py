"""Sound on the host: decoding, resampling, loudness, trimming, mel, joining, encoding.

Numpy, soundfile and soxr only, never jax: the decode worker process must start fast. Import
from the modules (`from audio.mel import log_mel`); nothing is re-exported here, so that the
worker loads only what it needs. Axis legend: n mel frames, m mel bins, nw wave samples.
"""
