from __future__ import annotations

import io
import threading

import numpy as np
import pytest
import soundfile

from audio.decode import DecodedAudio, decode_audio
from frontend.references import ReferenceCache, ReferenceEncoder, ReferenceRules
from inference_types import InvalidReferenceError, VoicePrompt
from tests.tiny_models import encode, speech_like


def prompt(key: str, num_frames: int = 10) -> VoicePrompt:
    return VoicePrompt(key=key, mel=np.zeros((num_frames, 100), np.float32))


def test_cache_counts_and_keeps_the_recently_used_within_its_bytes() -> None:
    one = prompt("a").mel.nbytes
    cache = ReferenceCache(max_bytes=2 * one)
    made: list[str] = []

    def fetch(key: str) -> VoicePrompt:
        def make() -> VoicePrompt:
            made.append(key)
            return prompt(key)

        return cache.fetch(key, make)

    first = fetch("a")
    fetch("b")
    assert fetch("a") is first
    fetch("c")  # evicts b
    fetch("a")
    fetch("b")
    assert made == ["a", "b", "c", "b"]
    counters = cache.counters
    assert (counters.hits, counters.misses, counters.evictions) == (2, 4, 2)
    assert counters.num_bytes == 2 * one and counters.num_entries == 2


def test_cache_refuses_what_is_larger_than_itself() -> None:
    cache = ReferenceCache(max_bytes=100)
    assert cache.fetch("a", lambda: prompt("a")).key == "a"
    assert cache.counters.num_bytes == 0


def test_failed_encodings_are_not_cached() -> None:
    def fail() -> VoicePrompt:
        raise InvalidReferenceError("no")

    cache = ReferenceCache()
    for _ in range(2):
        with pytest.raises(InvalidReferenceError):
            cache.fetch("a", fail)
    assert cache.counters.misses == 2 and cache.counters.num_entries == 0


def test_cache_stays_consistent_under_threads() -> None:
    one = prompt("a").mel.nbytes
    cache = ReferenceCache(max_bytes=3 * one)

    def work(seed: int) -> None:
        rng = np.random.default_rng(seed)
        for number in rng.integers(0, 6, 200):
            key = str(number)
            assert cache.fetch(key, lambda key=key: prompt(key)).key == key

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    counters = cache.counters
    assert counters.hits + counters.misses == 800
    assert counters.num_bytes == counters.num_entries * one <= 3 * one


def test_long_clip_is_cut_to_the_model_and_cannot_be_changed() -> None:
    encoder = ReferenceEncoder(decode_audio, ReferenceRules(max_s=3.0, patch_frames=2))
    voice = encoder.encode(encode(speech_like(8.0, 44_100), 44_100), key="k", pace=1.1)
    assert 1.8 * 93.75 < len(voice.mel) <= 3.0 * 93.75 and len(voice.mel) % 2 == 0
    assert voice.mel.dtype == np.float32 and voice.mel.shape[1] == 100
    assert (voice.key, voice.pace, voice.output_gain) == ("k", 1.1, 1.0)
    with pytest.raises(ValueError):
        voice.mel[0, 0] = 1.0


def test_quiet_clip_is_raised_and_the_gain_undoes_it() -> None:
    encoder = ReferenceEncoder(decode_audio, ReferenceRules())
    loud = encoder.encode(encode(speech_like(2.0, level=0.1)), key="a")
    quiet = encoder.encode(encode(speech_like(2.0, level=0.01)), key="b")
    assert quiet.output_gain == pytest.approx(loud.output_gain / 10, rel=0.05)
    assert np.abs(loud.mel - quiet.mel).mean() < 0.1


def test_f5_rules_give_whole_hops() -> None:
    encoder = ReferenceEncoder(decode_audio, ReferenceRules(is_f5=True))
    voice = encoder.encode(encode(speech_like(5.0)), key="k", text="Hello. ")
    assert 4.0 * 93.75 < len(voice.mel) <= 5.1 * 93.75
    assert voice.text == "Hello. "


def test_clip_without_speech_is_refused() -> None:
    def silence(data: bytes) -> DecodedAudio:
        return DecodedAudio(samples=np.zeros(48_000, np.float32), sample_rate=24_000)

    encoder = ReferenceEncoder(silence, ReferenceRules())
    with pytest.raises(InvalidReferenceError) as caught:
        encoder.encode(b"", key="k")
    assert caught.value.field == "reference"


def test_stored_form_is_short_mono_flac() -> None:
    encoder = ReferenceEncoder(decode_audio, ReferenceRules())
    stereo = np.stack([speech_like(20.0)] * 2, axis=1)
    samples, rate = soundfile.read(io.BytesIO(encoder.encode_for_storage(encode(stereo))))
    assert rate == 24_000 and samples.ndim == 1 and 8 * rate < len(samples) <= 12 * rate
    again = encoder.encode(encoder.encode_for_storage(encode(stereo)), key="k")
    direct = encoder.encode(encode(stereo), key="k")
    num = min(len(again.mel), len(direct.mel))
    assert np.abs(again.mel[20 : num - 60] - direct.mel[20 : num - 60]).mean() < 0.05
