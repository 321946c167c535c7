from __future__ import annotations

import io
import struct

import numpy as np
import pytest
import soundfile

from audio.decode import decode_audio
from audio.encode import (
    ENCODERS,
    AudioFormat,
    check_sample_rate,
    encode_clip,
    find_format,
    wav_bytes,
    wav_header,
)
from audio.pcm import pcm_bytes, to_pcm16
from inference_types import InvalidRequestError, NumericError
from tests.audio.waves import sine, speech_like

RATE = 24_000
PCM = to_pcm16(np.concatenate([sine(1.5), speech_like(1.5)]))
STARTS = {
    "wav": b"RIFF",
    "pcm": pcm_bytes(PCM[:2]),
    "flac": b"fLaC",
    "opus": b"OggS",
    "mp3": b"\xff",
}


def stream(name: str, block_samples: int, pcm: np.ndarray = PCM) -> list[bytes]:
    encoder = find_format(name).make_encoder(RATE)
    starts = range(0, len(pcm), block_samples)
    return [encoder.encode(pcm[i : i + block_samples]) for i in starts] + [encoder.finish()]


def read(data: bytes) -> np.ndarray:
    samples, rate = soundfile.read(io.BytesIO(data), dtype="int16")
    assert rate == RATE
    return samples


def test_there_are_five_formats() -> None:
    assert set(ENCODERS) == set(STARTS)
    for name, audio_format in ENCODERS.items():
        assert audio_format.name == name and audio_format.content_type.startswith("audio/")


@pytest.mark.parametrize("name", ["wav", "flac"])
@pytest.mark.parametrize("block_samples", [1, 2400, 100_000])
def test_lossless_formats_come_back(name: str, block_samples: int) -> None:
    if block_samples > 1:
        np.testing.assert_array_equal(decode_pcm(b"".join(stream(name, block_samples))), PCM)
    np.testing.assert_array_equal(read(encode_clip(PCM, RATE, name)), PCM)


def decode_pcm(data: bytes) -> np.ndarray:
    return np.rint(decode_audio(data).samples * 32_768).astype(np.int16)


def test_raw_pcm_is_little_endian() -> None:
    assert encode_clip(PCM, RATE, "pcm") == PCM.astype("<i2").tobytes()
    assert encode_clip(PCM.astype(">i2"), RATE, "pcm") == PCM.astype("<i2").tobytes()


@pytest.mark.parametrize("name", ["opus", "mp3"])
def test_lossy_files_keep_length_and_sound(name: str) -> None:
    decoded = read(encode_clip(PCM, RATE, name))
    assert len(decoded) == len(PCM)
    tone = slice(2_000, 34_000)
    assert np.corrcoef(decoded[tone], PCM[tone])[0, 1] > 0.999


@pytest.mark.parametrize("name", ["opus", "mp3"])
def test_lossy_streams_lose_nothing_at_the_end(name: str) -> None:
    decoded = decode_audio(b"".join(stream(name, 2400))).samples
    # Without the frame count an MP3 decoder cannot drop the encoder's 1105 samples of delay.
    delay = {"opus": 0, "mp3": 1105}[name]
    assert len(PCM) + delay <= len(decoded) <= len(PCM) + 2 * 1152
    tone = slice(2_000, 34_000)
    assert np.corrcoef(decoded[delay:][tone], PCM[tone])[0, 1] > 0.999


@pytest.mark.parametrize(
    ("name", "delay_s"), [("wav", 0), ("pcm", 0), ("flac", 0.3), ("opus", 0.3), ("mp3", 0.3)]
)
def test_streams_send_audio_as_it_comes(name: str, delay_s: float) -> None:
    """Opus is the one to watch: libsndfile's default pages wait a second."""
    pcm = to_pcm16(speech_like(3.0))
    parts = stream(name, 2400, pcm)
    sent = np.cumsum([len(part) for part in parts])
    share_due = np.arange(1, len(parts)) * 0.1 - delay_s
    assert (sent[:-1] >= 0.5 * share_due / 3.0 * sent[-1]).all()
    assert b"".join(parts)[:1] == {**STARTS, "pcm": pcm_bytes(pcm)}[name][:1]
    assert len(parts[-1]) < 0.25 * sent[-1]


@pytest.mark.parametrize("name", sorted(STARTS))
def test_an_empty_clip_is_no_crash(name: str) -> None:
    assert len(encode_clip(PCM[:0], RATE, name)) < 2_000
    assert len(find_format(name).make_encoder(RATE).finish()) < 2_000


@pytest.mark.parametrize("name", ["opus", "mp3"])
def test_minutes_are_written_in_blocks(name: str) -> None:
    """One call with a minute of audio is what crashes libsndfile's Vorbis (M11)."""
    minutes = np.zeros(61 * RATE, np.int16)  # silence encodes fast
    assert len(read(encode_clip(minutes, RATE, name))) == len(minutes)


def test_wav_header_is_the_canonical_one() -> None:
    data = wav_bytes(PCM, RATE)
    assert data[:4] == b"RIFF" and struct.unpack("<I", data[4:8])[0] == len(data) - 8
    assert struct.unpack("<HHIIHH", data[20:36]) == (1, 1, RATE, 2 * RATE, 2, 16)
    assert struct.unpack("<I", data[40:44])[0] == 2 * len(PCM) == len(data) - 44
    np.testing.assert_array_equal(read(data), PCM)


def test_streamed_wav_header_says_unknown() -> None:
    header = wav_header(RATE)
    assert len(header) == 44 and header[4:8] == header[40:44] == b"\xff" * 4


def test_unknown_formats_list_the_known_ones() -> None:
    with pytest.raises(InvalidRequestError, match="flac, mp3, opus, pcm, wav") as caught:
        encode_clip(PCM, RATE, "aac")
    assert (caught.value.field, caught.value.code) == ("response_format", "unknown_format")


def test_unsupported_rates_list_the_supported_ones() -> None:
    with pytest.raises(InvalidRequestError, match="8000, 12000, 16000, 24000, 48000 Hz"):
        encode_clip(PCM, 22_050, "opus")
    check_sample_rate(find_format("wav"), 22_050)


def test_a_plugin_can_add_a_format(monkeypatch: pytest.MonkeyPatch) -> None:
    class Telephone:
        def encode(self, pcm: np.ndarray) -> bytes:
            return bytes(len(pcm))

        def finish(self) -> bytes:
            return b"!"

    telephone = AudioFormat(
        name="g711",
        content_type="audio/basic",
        extension="au",
        make_encoder=lambda rate: Telephone(),
    )
    monkeypatch.setitem(ENCODERS, "g711", telephone)
    assert encode_clip(PCM[:3], RATE, "g711") == b"\0\0\0!"


def test_pcm_rounds_halves_to_even_and_clips() -> None:
    halves = np.array([0.5, 1.5, 2.5, -0.5, -1.5]) / 32_767
    assert to_pcm16(halves).tolist() == [0, 2, 2, 0, -2]
    assert to_pcm16(np.array([1.0, -1.0, 7.0, -7.0])).tolist() == [32_767, -32_767, 32_767, -32_767]


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_pcm_refuses_what_is_not_finite(bad: float) -> None:
    with pytest.raises(NumericError):
        to_pcm16(np.array([0.0, bad]))
