"""Which container bytes are in, and whether they hold all that the container promises.

Four containers are read (WAV, FLAC, OGG, MP3): libsndfile opens 26, and each is attack surface.
libsndfile silently reads a cut WAV or OGG short (specs: reliability M10), so the lengths written
in the file are compared with the bytes here.
"""

from __future__ import annotations

import struct

from inference_types import InvalidReferenceError

_MIN_BYTES = 12
_WAV_HEADER_BYTES = 12
_CHUNK_HEADER_BYTES = 8
_OGG_HEADER_BYTES = 27
# Streamed WAV (curl | file, ffmpeg to a pipe, other TTS servers) leaves these in the size field.
_UNKNOWN_WAV_SIZES = (0, 0x7FFFFFFF, 0xFFFFFFFF)
_MAX_WAV_CHUNKS = 1024
_MP3_INFO_BYTES = 64  # the mark stands at most 36 bytes into the first frame

# For the message only: what people send by mistake.
_KNOWN_FOREIGN = (
    (b"<", "HTML or XML"),
    (b"{", "JSON"),
    (b"\x1aE\xdf\xa3", "WebM or Matroska"),
    (b"FORM", "AIFF"),
    (b"RF64", "RF64"),
    (b"#!AMR", "AMR"),
    (b"PK\x03\x04", "ZIP"),
    (b"data:", "a data: URL"),
    (b"UklGR", "base64 text"),
)


def undecodable(message: str) -> InvalidReferenceError:
    """The one error for bytes that are not a readable audio file."""
    return InvalidReferenceError(message, field="reference", code="reference_undecodable")


def check_container(data: bytes) -> str:
    """Name it: WAV, FLAC, OGG or MP3. Raises InvalidReferenceError for others and cut files."""
    if len(data) < _MIN_BYTES:
        raise undecodable("The reference audio is empty; send WAV, FLAC, OGG or MP3.")
    container = _sniff(data)
    if container is None:
        message = f"The reference audio is {_foreign_name(data)}; send WAV, FLAC, OGG or MP3."
        raise undecodable(message)
    is_cut = {"WAV": _is_cut_wav, "OGG": _is_cut_ogg}.get(container)
    if is_cut is not None and is_cut(data):
        raise undecodable("The reference audio ends before its header says; send it whole.")
    return container


def _sniff(data: bytes) -> str | None:
    if data[:4] == b"RIFF" and data[8:12] == b"WAVE":
        return "WAV"
    if data[:4] == b"fLaC":
        return "FLAC"
    if data[:4] == b"OggS":
        return "OGG"
    if data[:3] == b"ID3" or _is_mp3_frame(data[:4]):
        return "MP3"
    return None


def _is_mp3_frame(header: bytes) -> bool:
    """11 sync bits, a real MPEG version, layer III, a real bit rate and sample rate."""
    word = int.from_bytes(header, "big")
    version, layer = word >> 19 & 3, word >> 17 & 3
    bitrate, rate = word >> 12 & 15, word >> 10 & 3
    return word >> 21 == 0x7FF and version != 1 and layer == 1 and 0 < bitrate < 15 and rate != 3


def _foreign_name(data: bytes) -> str:
    if data[4:8] == b"ftyp":
        return "MP4 or M4A"
    head = data[:64].lstrip()
    return next((name for magic, name in _KNOWN_FOREIGN if head.startswith(magic)), "not audio")


def _is_cut_wav(data: bytes) -> bool:
    """Walks the chunks to "data" and asks whether its bytes are there."""
    position = _WAV_HEADER_BYTES
    for _ in range(_MAX_WAV_CHUNKS):
        if position + _CHUNK_HEADER_BYTES > len(data):
            return True
        name, num_bytes = struct.unpack_from("<4sI", data, position)
        position += _CHUNK_HEADER_BYTES
        if name == b"data":
            return num_bytes not in _UNKNOWN_WAV_SIZES and position + num_bytes > len(data)
        position += num_bytes + num_bytes % 2  # chunks start at even offsets
    return True


def _is_cut_ogg(data: bytes) -> bool:
    """Whether the last page is incomplete. A recording stopped between pages is whole enough."""
    start = data.rfind(b"OggS")
    if start + _OGG_HEADER_BYTES > len(data):
        return True
    num_lacing = data[start + _OGG_HEADER_BYTES - 1]
    lacing = data[start + _OGG_HEADER_BYTES : start + _OGG_HEADER_BYTES + num_lacing]
    end = start + _OGG_HEADER_BYTES + num_lacing + sum(lacing)
    return len(lacing) < num_lacing or end > len(data)


def states_mp3_length(data: bytes) -> bool:
    """Whether the first MP3 frame is an information frame that counts the frames."""
    start = _id3_bytes(data)
    head = data[start : start + _MP3_INFO_BYTES]
    return any(mark in head for mark in (b"Xing", b"Info", b"VBRI"))


def _id3_bytes(data: bytes) -> int:
    """Size of a leading ID3v2 tag: 10 bytes and a 28-bit number in four 7-bit bytes."""
    if data[:3] != b"ID3":
        return 0
    size = 0
    for byte in data[6:10]:
        size = size << 7 | byte & 0x7F
    return size + 10
