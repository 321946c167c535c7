"""16-bit PCM to audio files, whole or as a stream.

`encode_clip(pcm, rate, "mp3")` gives a complete file; `find_format("mp3").make_encoder(rate)`
gives an `Encoder` that turns PCM into bytes as it comes. Add a format by putting an `AudioFormat`
into `ENCODERS`. There is no Ogg/Vorbis: libsndfile crashes the process when a minute of it is
written in one call (specs: reliability M11); everything here is written in 1 s blocks anyway.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from audio.pcm import pcm_bytes
from audio.sndfile_stream import CodecSettings, encode_file, make_stream
from inference_types import InvalidRequestError

_PCM_BYTES = 2
_WAV_HEADER_BYTES = 44
# What players and OpenAI's own streams take for "until the connection ends".
_UNKNOWN_WAV_SIZE = 0xFFFFFFFF
_RIFF_PREFIX_BYTES = 8


class Encoder(Protocol):
    """Turns one stream of mono PCM into bytes. Not thread-safe."""

    def encode(self, pcm: np.ndarray) -> bytes:
        """int16 (nw,) -> what can be sent now, often nothing for compressed formats."""
        ...

    def finish(self) -> bytes:
        """The rest. Nothing may be encoded afterwards."""
        ...


@dataclass(frozen=True, kw_only=True)
class AudioFormat:
    """One way to write audio. `encode_clip` is there where a whole file differs from a stream.

    `sample_rates` lists the rates in Hz the codec takes; empty means any.
    """

    name: str
    content_type: str
    extension: str
    make_encoder: Callable[[int], Encoder]
    encode_clip: Callable[[np.ndarray, int], bytes] | None = None
    sample_rates: tuple[int, ...] = ()


def find_format(name: str) -> AudioFormat:
    """The registered format. Raises InvalidRequestError listing the names there are."""
    if name in ENCODERS:
        return ENCODERS[name]
    message = f"response_format must be one of: {', '.join(sorted(ENCODERS))}."
    raise InvalidRequestError(message, field="response_format", code="unknown_format")


def encode_clip(pcm: np.ndarray, sample_rate: int, format_name: str) -> bytes:
    """int16 (nw,) -> a complete file. Raises InvalidRequestError for unknown formats and rates."""
    audio_format = find_format(format_name)
    check_sample_rate(audio_format, sample_rate)
    if audio_format.encode_clip:
        return audio_format.encode_clip(pcm, sample_rate)
    encoder = audio_format.make_encoder(sample_rate)
    return encoder.encode(pcm) + encoder.finish()


def check_sample_rate(audio_format: AudioFormat, sample_rate: int) -> None:
    """InvalidRequestError if the codec does not take this rate."""
    rates = audio_format.sample_rates
    if rates and sample_rate not in rates:
        message = f"{audio_format.name} takes sample rates of {', '.join(map(str, rates))} Hz."
        raise InvalidRequestError(message, field="sample_rate", code="unsupported_sample_rate")


def wav_header(sample_rate: int, num_samples: int | None = None) -> bytes:
    """44 bytes: mono, 16 bit. Without `num_samples` the sizes say "unknown" (a stream)."""
    data_bytes = _UNKNOWN_WAV_SIZE if num_samples is None else num_samples * _PCM_BYTES
    riff_bytes = min(data_bytes + _WAV_HEADER_BYTES - _RIFF_PREFIX_BYTES, _UNKNOWN_WAV_SIZE)
    riff = struct.pack("<4sI4s", b"RIFF", riff_bytes, b"WAVE")
    layout = struct.pack("<HHIIHH", 1, 1, sample_rate, sample_rate * _PCM_BYTES, _PCM_BYTES, 16)
    return riff + struct.pack("<4sI", b"fmt ", len(layout)) + layout + _data_header(data_bytes)


def _data_header(num_bytes: int) -> bytes:
    return struct.pack("<4sI", b"data", num_bytes)


def wav_bytes(pcm: np.ndarray, sample_rate: int) -> bytes:
    """int16 (nw,) -> a complete WAV file; microseconds, fit for every chunk of a stream."""
    return wav_header(sample_rate, len(pcm)) + pcm_bytes(pcm)


class _PcmEncoder:
    def encode(self, pcm: np.ndarray) -> bytes:
        return pcm_bytes(pcm)

    def finish(self) -> bytes:
        return b""


class _WavEncoder(_PcmEncoder):
    """One header of unknown length before the first samples, then PCM."""

    def __init__(self, sample_rate: int) -> None:
        self._header = wav_header(sample_rate)

    def encode(self, pcm: np.ndarray) -> bytes:
        header, self._header = self._header, b""
        return header + pcm_bytes(pcm)

    def finish(self) -> bytes:
        header, self._header = self._header, b""
        return header


def _sndfile_format(
    name: str, content_type: str, extension: str, codec: CodecSettings
) -> AudioFormat:
    return AudioFormat(
        name=name,
        content_type=content_type,
        extension=extension,
        make_encoder=lambda rate: make_stream(rate, codec),
        encode_clip=lambda pcm, rate: encode_file(pcm, rate, codec),
        sample_rates=codec.sample_rates,
    )


_FLAC = CodecSettings(container="FLAC", subtype="PCM_16")
# 53 kbit/s at 24 kHz. Ogg pages of 0.1 s, or a stream would start a second late.
_OPUS = CodecSettings(
    container="OGG",
    subtype="OPUS",
    compression_level=0.8,
    page_latency_ms=100.0,
    sample_rates=(8_000, 12_000, 16_000, 24_000, 48_000),
)
# 96 kbit/s at 24 kHz, constant: without a frame count (a stream has none) decoders estimate the
# length of a file from its first frames, and libsndfile stops reading there.
_MP3 = CodecSettings(
    container="MP3",
    subtype="MPEG_LAYER_III",
    compression_level=0.4,
    bitrate_mode="CONSTANT",
    has_placeholder_frame=True,
    sample_rates=(8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000),
)

# Plugins add to it before the server starts.
ENCODERS: dict[str, AudioFormat] = {
    audio_format.name: audio_format
    for audio_format in (
        AudioFormat(
            name="wav",
            content_type="audio/wav",
            extension="wav",
            make_encoder=_WavEncoder,
            encode_clip=wav_bytes,
        ),
        AudioFormat(
            name="pcm",
            content_type="audio/pcm",
            extension="pcm",
            make_encoder=lambda _rate: _PcmEncoder(),
        ),
        _sndfile_format("flac", "audio/flac", "flac", _FLAC),
        _sndfile_format("opus", "audio/ogg", "opus", _OPUS),
        _sndfile_format("mp3", "audio/mpeg", "mp3", _MP3),
    )
}
