from __future__ import annotations

import struct
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audio.decode import AudioLimits, decode_audio
from audio.encode import find_format, wav_header
from audio.pcm import pcm_bytes, to_pcm16
from inference_types import InvalidReferenceError, RequestTooLargeError, TTSError
from tests.audio.waves import file_bytes, sine, speech_like

KINDS = [
    ("WAV", "PCM_16", 2e-4),
    ("WAV", "PCM_24", 2e-4),
    ("WAV", "FLOAT", 1e-7),
    ("WAV", "ULAW", 2e-2),
    ("FLAC", "PCM_16", 2e-4),
    ("OGG", "VORBIS", None),
    ("OGG", "OPUS", None),
    ("MP3", "MPEG_LAYER_III", None),
]


def refused(data: bytes, kind: type[TTSError] = InvalidReferenceError) -> str:
    with pytest.raises(kind) as caught:
        decode_audio(data)
    assert caught.value.field == "reference"
    assert caught.value.message.endswith(".") and "Error" not in caught.value.message
    return caught.value.code


@pytest.mark.parametrize(("kind", "subtype", "tolerance"), KINDS)
def test_every_container_is_read_whole(kind: str, subtype: str, tolerance: float | None) -> None:
    samples = speech_like(2.0)
    decoded = decode_audio(file_bytes(samples, kind=kind, subtype=subtype))
    assert decoded.sample_rate == 24_000 and decoded.samples.dtype == np.float32
    assert len(decoded.samples) == len(samples) and decoded.duration_s == 2.0
    if tolerance:
        np.testing.assert_allclose(decoded.samples, samples, atol=tolerance)
    else:
        assert np.corrcoef(decoded.samples, samples)[0, 1] > 0.5  # noise: worst case for a codec


@pytest.mark.parametrize("sample_rate", [8_000, 11_025, 44_100, 48_000, 96_000, 192_000])
def test_the_file_keeps_its_own_rate(sample_rate: int) -> None:
    decoded = decode_audio(file_bytes(speech_like(1.5, sample_rate), sample_rate))
    assert decoded.sample_rate == sample_rate


def test_two_channels_are_averaged() -> None:
    left, right = speech_like(1.5), sine(1.5)
    data = file_bytes(np.stack([left, right], axis=1), subtype="FLOAT")
    np.testing.assert_allclose(decode_audio(data).samples, (left + right) / 2, atol=1e-6)


@pytest.mark.parametrize(
    ("data", "word"),
    [
        (b"", "empty"),
        (b"RIFF", "empty"),
        (b"<!DOCTYPE html><html><body>404</body></html>", "HTML"),
        (b'{"detail": "not found"}', "JSON"),
        (b"\x1aE\xdf\xa3" + bytes(100), "WebM"),
        (b"\0\0\0\x20ftypM4A " + bytes(100), "MP4"),
        (b"FORM\0\0\0\x20AIFF" + bytes(100), "AIFF"),
        (bytes(5000), "not audio"),
    ],
)
def test_other_files_are_named_in_the_message(data: bytes, word: str) -> None:
    with pytest.raises(InvalidReferenceError, match=word) as caught:
        decode_audio(data)
    assert caught.value.code == "reference_undecodable"


@pytest.mark.parametrize(("kind", "subtype", "_"), KINDS)
@pytest.mark.parametrize("share", [0.02, 0.5, 0.97])
def test_cut_files_are_refused(kind: str, subtype: str, _: object, share: float) -> None:
    data = file_bytes(speech_like(3.0), kind=kind, subtype=subtype)
    assert refused(data[: int(share * len(data))]) == "reference_undecodable"


def test_a_message_carries_no_text_of_the_library() -> None:
    with pytest.raises(InvalidReferenceError) as caught:
        decode_audio(b"fLaC" + bytes(200))
    assert caught.value.message == "The reference audio is damaged and cannot be decoded."


def test_exotic_encodings_inside_a_wav_are_refused() -> None:
    data = file_bytes(speech_like(1.5), subtype="IMA_ADPCM")
    assert refused(data) == "reference_undecodable"


@pytest.mark.parametrize("size", [0xFFFFFFFF, 0x7FFFFFFF])
def test_streamed_wav_with_unknown_size_is_read(size: int) -> None:
    samples = speech_like(2.0)
    header = bytearray(wav_header(24_000))
    header[4:8] = header[40:44] = struct.pack("<I", size)
    decoded = decode_audio(bytes(header) + pcm_bytes(to_pcm16(samples)))
    assert len(decoded.samples) == len(samples)


@pytest.mark.parametrize("name", ["flac", "opus", "mp3", "wav"])
def test_our_own_streams_are_read(name: str) -> None:
    encoder = find_format(name).make_encoder(24_000)
    data = encoder.encode(to_pcm16(speech_like(3.0))) + encoder.finish()
    assert abs(len(decode_audio(data).samples) - 72_000) <= 2 * 1152


def test_sizes_over_the_limit_are_refused() -> None:
    too_many = file_bytes(speech_like(1.5)) + bytes(10 << 20)
    assert refused(too_many, RequestTooLargeError) == "reference_too_large"
    too_long = file_bytes(np.zeros(61 * 8_000, np.float32), 8_000)
    assert refused(too_long, RequestTooLargeError) == "reference_too_large"


def flac_claiming(num_frames: int, sample_rate: int, channels: int) -> bytes:
    """A tenth of a second of silence whose header claims more."""
    data = bytearray(file_bytes(np.zeros((sample_rate // 10, channels)), sample_rate, "FLAC"))
    # STREAMINFO: the low 36 bits of the 8 bytes from offset 18 count the samples.
    packed = int.from_bytes(data[18:26], "big") >> 36 << 36 | num_frames
    data[18:26] = packed.to_bytes(8, "big")
    return bytes(data)


@pytest.mark.parametrize(
    ("num_frames", "sample_rate", "channels", "error"),
    [
        (600 * 48_000, 48_000, 2, RequestTooLargeError),  # M9: 110 kB -> 220 MiB
        (2_000_000, 655_350, 8, InvalidReferenceError),  # M9: 17 kB -> 61 MiB
        (50 * 192_000, 192_000, 2, RequestTooLargeError),  # within 60 s, but 73 MiB decoded
        (2**36 - 1, 48_000, 1, RequestTooLargeError),
    ],
)
def test_bombs_are_refused_before_they_are_read(
    num_frames: int, sample_rate: int, channels: int, error: type[TTSError]
) -> None:
    data = flac_claiming(num_frames, sample_rate, channels)
    started = time.process_time()
    refused(data, error)
    assert time.process_time() - started < 0.2


def test_flac_of_unknown_length_stops_at_the_limit() -> None:
    """A real bomb: 600 s of silence in 40 kB, with a header that does not say so."""
    encoder = find_format("flac").make_encoder(8_000)
    data = encoder.encode(np.zeros(8_000 * 600, np.int16)) + encoder.finish()
    assert refused(data, RequestTooLargeError) == "reference_too_large"


def patched_wav(offset: int, layout: str, value: int) -> bytes:
    data = bytearray(file_bytes(speech_like(1.5)))
    struct.pack_into(layout, data, offset, value)
    return bytes(data)


def test_a_thousand_channels_are_refused() -> None:
    data = file_bytes(np.zeros((2_000, 1024), np.float32))
    assert refused(data) == "reference_channels"


@pytest.mark.parametrize("sample_rate", [1, 7_999, 192_001, 2**31 - 1])
def test_absurd_sample_rates_are_refused(sample_rate: int) -> None:
    assert refused(patched_wav(24, "<I", sample_rate)) == "reference_sample_rate"


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_samples_that_are_not_finite_are_refused(bad: float) -> None:
    samples = speech_like(1.5)
    samples[20_000] = bad
    assert refused(file_bytes(samples, subtype="FLOAT")) == "reference_not_finite"


def test_absurd_sample_values_are_refused() -> None:
    samples = speech_like(1.5).astype(np.float64)
    samples[20_000] = 1e300  # becomes inf in float32
    assert refused(file_bytes(samples, subtype="DOUBLE")) == "reference_not_finite"
    as_int16 = speech_like(1.5) * 32_768
    assert refused(file_bytes(as_int16, subtype="FLOAT")) == "reference_out_of_range"


def test_short_clips_are_refused() -> None:
    assert refused(file_bytes(speech_like(0.02))) == "reference_too_short"
    assert refused(file_bytes(speech_like(0.999))) == "reference_too_short"
    decode_audio(file_bytes(speech_like(1.0)))


def test_a_click_in_silence_is_too_short() -> None:
    samples = np.zeros(48_000, np.float32)
    samples[20_000:22_000] = 0.5 * np.sign(sine(2.0)[:2_000])
    assert refused(file_bytes(samples)) == "reference_too_short"


def test_silence_is_refused() -> None:
    assert refused(file_bytes(np.zeros(48_000, np.float32))) == "reference_silent"
    assert refused(file_bytes(np.full(48_000, 0.5, np.float32))) == "reference_silent"
    assert refused(file_bytes(speech_like(2.0, level=5e-4), subtype="FLOAT")) == "reference_silent"


@pytest.mark.parametrize("level", [0.003, 0.01])
def test_quiet_but_real_clips_pass(level: float) -> None:
    decoded = decode_audio(file_bytes(speech_like(2.0, level=level)))
    assert len(decoded.samples) == 48_000


def test_clipped_clips_are_refused() -> None:
    loud = np.clip(8 * speech_like(2.0), -1, 1)
    assert refused(file_bytes(loud)) == "reference_clipped"
    decode_audio(file_bytes(sine(2.0) * 3.3))


def test_a_stereo_file_with_one_clipped_channel_is_refused() -> None:
    loud = np.where(speech_like(2.0) > 0, 1.0, -1.0)
    data = file_bytes(np.stack([loud, speech_like(2.0)], axis=1))
    assert refused(data) == "reference_clipped"


def test_limits_can_be_set() -> None:
    decoded = decode_audio(
        file_bytes(speech_like(0.4)), AudioLimits(min_duration_s=0.2, min_sound_s=0.1)
    )
    assert decoded.duration_s == 0.4


SMALL_FILES = [
    file_bytes(speech_like(1.1, 8_000), 8_000, kind, subtype)
    for kind, subtype in [("WAV", "PCM_16"), ("FLAC", "PCM_16"), ("OGG", "OPUS"), ("OGG", "VORBIS")]
]


@settings(max_examples=100, deadline=None)
@given(
    original=st.sampled_from(SMALL_FILES),
    changes=st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), min_size=1, max_size=8),
)
def test_damaged_files_decode_or_raise_a_typed_error(
    original: bytes, changes: list[tuple[float, int]]
) -> None:
    data = bytearray(original)
    for position, value in changes:
        data[min(int(position * len(data)), len(data) - 1)] = value
    try:
        decoded = decode_audio(bytes(data))
    except TTSError:
        return
    assert np.isfinite(decoded.samples).all() and decoded.duration_s <= 60
