"""libsndfile as an encoder of streams: bytes come out as soon as they are final."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any

import numpy as np
import soundfile

# libsndfile's SFC_SET_OGG_PAGE_LATENCY_MS; soundfile has no name for it.
_SET_OGG_PAGE_LATENCY_MS = 0x1302
_DOUBLE_BYTES = 8
_BLOCK_S = 1


@dataclass(frozen=True, kw_only=True)
class CodecSettings:
    """What libsndfile is asked for. `compression_level` 0 (large) to 1 (small)."""

    container: str
    subtype: str
    compression_level: float | None = None
    bitrate_mode: str | None = None
    page_latency_ms: float | None = None
    has_placeholder_frame: bool = False
    sample_rates: tuple[int, ...] = ()


def encode_file(pcm: np.ndarray, sample_rate: int, codec: CodecSettings) -> bytes:
    """int16 (nw,) -> a complete file, its header filled in at the end."""
    sink = io.BytesIO()
    with _open(sink, sample_rate, codec) as file:
        _write(file, pcm, sample_rate)
    return sink.getvalue()


def make_stream(sample_rate: int, codec: CodecSettings) -> SndfileStream:
    """An encoder whose output is never revised (see `audio.encode.Encoder`)."""
    return SndfileStream(sample_rate, codec)


class SndfileStream:
    """Encodes block by block. What libsndfile wants to rewrite at the end stays as it was:
    the length in a FLAC header (0 means unknown there) and the frame count of an MP3.
    """

    def __init__(self, sample_rate: int, codec: CodecSettings) -> None:
        self._sink = _ForwardSink(skips_first_write=codec.has_placeholder_frame)
        self._file = _open(self._sink, sample_rate, codec)
        self._sample_rate = sample_rate

    def encode(self, pcm: np.ndarray) -> bytes:
        _write(self._file, pcm, self._sample_rate)
        return self._sink.take()

    def finish(self) -> bytes:
        self._file.close()
        return self._sink.take()


def _open(sink: Any, sample_rate: int, codec: CodecSettings) -> soundfile.SoundFile:
    file = soundfile.SoundFile(
        sink,
        "w",
        sample_rate,
        channels=1,
        format=codec.container,
        subtype=codec.subtype,
        compression_level=codec.compression_level,
        bitrate_mode=codec.bitrate_mode,
    )
    if codec.page_latency_ms is not None:
        _set_page_latency(file, codec.page_latency_ms)
    return file


def _set_page_latency(file: soundfile.SoundFile, latency_ms: float) -> None:
    """Through soundfile's inside, as it offers no other way; a test watches that it works."""
    value = soundfile._ffi.new("double*", latency_ms)
    soundfile._snd.sf_command(file._file, _SET_OGG_PAGE_LATENCY_MS, value, _DOUBLE_BYTES)


def _write(file: soundfile.SoundFile, pcm: np.ndarray, sample_rate: int) -> None:
    """In blocks of a second: libsndfile keeps work space for a whole call on the C stack."""
    block_samples = _BLOCK_S * sample_rate
    for start in range(0, len(pcm), block_samples):
        file.write(pcm[start : start + block_samples])


class _ForwardSink:
    """A file for libsndfile that keeps what is appended and ignores what is revised."""

    def __init__(self, *, skips_first_write: bool) -> None:
        self._pending = bytearray()
        self._length = self._position = 0
        # LAME reserves an empty first frame for the frame count it learns at the end; sent as
        # it is, it would play as 24 ms of silence and count as audio.
        self._skips_next_append = skips_first_write

    def take(self) -> bytes:
        taken, self._pending = bytes(self._pending), bytearray()
        return taken

    def write(self, data: bytes) -> int:
        if self._position == self._length:
            if not self._skips_next_append:
                self._pending += data
            self._skips_next_append = False
            self._length += len(data)
        self._position += len(data)
        return len(data)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._length}
        self._position = base[whence] + offset
        return self._position

    def tell(self) -> int:
        return self._position

    def read(self, num_bytes: int = -1) -> bytes:
        """Nothing: libsndfile asks whether it exists, and never calls it when writing."""
        return b""
