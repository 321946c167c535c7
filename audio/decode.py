"""Audio file bytes -> float32 mono samples, with limits that hold before anything is read.

    sniff the container -> check its own lengths -> open with libsndfile -> check the header
    -> read in blocks -> compare with the header -> finite, in range, not clipped, not silent

"Opened without an error" is not "valid": libsndfile passes NaN on, opens 1,024 channels and
reads truncated files short without a word (specs: reliability M9, M10). This module runs inside
the decode worker (`audio.decode_worker`); servers go through `audio.reference_decoder`.
"""

from __future__ import annotations

import io
import math
from dataclasses import dataclass

import numpy as np
import soundfile

from audio.container import check_container, states_mp3_length, undecodable
from audio.trim import find_sound, reference_window_samples, rms
from inference_types import InvalidReferenceError, RequestTooLargeError

_BLOCK_SAMPLES = 1 << 17  # interleaved float32 samples a read: 512 KiB
_FLOAT32_BYTES = 4
# 12 dB above full scale: room for lossy codecs and float masters, far below a file whose floats
# are really 16-bit numbers (32768).
MAX_PEAK = 4.0
_CLIPPED_LEVEL = 0.999
# An MP3 decoder may give or take the encoder's delay; a frame is 1152 samples at most.
_MP3_SLACK_FRAMES = 2 * 1152
# FLAC written to a pipe states no length: libsndfile then reports 2**63 - 1 frames.
_UNKNOWN_FRAMES = 1 << 62

_SUBTYPES = {
    "WAV": {"PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ULAW", "ALAW"},
    "WAVEX": {"PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE"},
    "FLAC": {"PCM_S8", "PCM_16", "PCM_24"},
    "OGG": {"VORBIS", "OPUS"},
    "MP3": {"MPEG_LAYER_III"},
}


@dataclass(frozen=True, kw_only=True)
class AudioLimits:
    """What is accepted (specs: reliability section 2). Defaults are those of a reference."""

    max_bytes: int = 10 << 20  # 60 s of 48 kHz 24-bit stereo is 17 MB: long clips go compressed
    max_duration_s: float = 60.0  # at most 30 s are used; more is a mistake, not a voice
    max_decoded_bytes: int = 64 << 20  # a 110 kB FLAC can hold 220 MiB (M9)
    max_channels: int = 2
    min_sample_rate: int = 8_000
    max_sample_rate: int = 192_000
    min_duration_s: float = 1.0  # shorter clips give noise, not a voice
    min_sound_s: float = 0.5  # of the clip between its silent edges
    min_level_dbfs: float = -60.0  # whispered recordings reach about -50
    max_clipped_share: float = 0.10


@dataclass(frozen=True, kw_only=True, eq=False)
class DecodedAudio:
    """Mono float32 (nw,) in [-MAX_PEAK, MAX_PEAK] at the file's own rate in Hz."""

    samples: np.ndarray
    sample_rate: int

    @property
    def duration_s(self) -> float:
        return len(self.samples) / self.sample_rate


DEFAULT_LIMITS = AudioLimits()


def _invalid(code: str, message: str) -> InvalidReferenceError:
    return InvalidReferenceError(message, field="reference", code=code)


def _too_large(message: str) -> RequestTooLargeError:
    return RequestTooLargeError(message, field="reference", code="reference_too_large")


def check_size(num_bytes: int, limits: AudioLimits = DEFAULT_LIMITS) -> None:
    """RequestTooLargeError for files over the limit, before anything looks at them."""
    if num_bytes > limits.max_bytes:
        raise _too_large(f"Reference audio may have at most {limits.max_bytes >> 20} MiB.")


def decode_audio(data: bytes, limits: AudioLimits = DEFAULT_LIMITS) -> DecodedAudio:
    """WAV, FLAC, OGG (Vorbis, Opus) or MP3 bytes -> checked mono audio at its own rate.

    Two channels are averaged. Raises RequestTooLargeError (bytes, seconds, decoded size) and
    InvalidReferenceError with code reference_undecodable, reference_channels,
    reference_sample_rate, reference_not_finite, reference_too_short, reference_silent or
    reference_clipped.
    """
    check_size(len(data), limits)
    container = check_container(data)
    try:
        with _ForwardSoundFile(io.BytesIO(data)) as file:
            _check_header(file, container, limits)
            decoded = _read_mono(file, limits, is_length_stated=_is_length_stated(file, data))
    except (soundfile.SoundFileError, RuntimeError) as error:
        # The library's text may name paths and internals: it goes to nobody.
        raise undecodable("The reference audio is damaged and cannot be decoded.") from error
    _check_sound(decoded, limits)
    return decoded


class _ForwardSoundFile(soundfile.SoundFile):
    """Never seeks: soundfile otherwise seeks after each block, which fails in streamed FLAC."""

    def seekable(self) -> bool:
        return False


def _check_header(file: soundfile.SoundFile, container: str, limits: AudioLimits) -> None:
    """Everything a bomb can be told by, before a sample is read."""
    if file.format not in _SUBTYPES or not file.format.startswith(container):
        raise undecodable("The reference audio is not what its first bytes say it is.")
    if file.subtype not in _SUBTYPES[file.format]:
        raise undecodable("The reference audio uses an encoding we do not read; send 16-bit WAV.")
    if not 1 <= file.channels <= limits.max_channels:
        message = f"Reference audio must have 1 to {limits.max_channels} channels; mix it down."
        raise _invalid("reference_channels", message)
    if not limits.min_sample_rate <= file.samplerate <= limits.max_sample_rate:
        message = (
            f"The sample rate of reference audio must be {limits.min_sample_rate} to "
            f"{limits.max_sample_rate} Hz; 24000 is best."
        )
        raise _invalid("reference_sample_rate", message)
    if file.frames < _UNKNOWN_FRAMES:
        _check_num_frames(file.frames, file, limits)


def _is_length_stated(file: soundfile.SoundFile, data: bytes) -> bool:
    """Whether `file.frames` is the file's own word. For a bare MP3 it is libsndfile's guess."""
    return states_mp3_length(data) if file.format == "MP3" else file.frames < _UNKNOWN_FRAMES


def _check_num_frames(num_frames: int, file: soundfile.SoundFile, limits: AudioLimits) -> None:
    if num_frames > limits.max_duration_s * file.samplerate:
        raise _too_large(f"Reference audio may last at most {limits.max_duration_s:g} s; cut it.")
    if num_frames * file.channels * _FLOAT32_BYTES > limits.max_decoded_bytes:
        message = "Reference audio is too large when decoded; send 48 kHz or less, mono."
        raise _too_large(message)


def _read_mono(
    file: soundfile.SoundFile, limits: AudioLimits, *, is_length_stated: bool
) -> DecodedAudio:
    blocks: list[np.ndarray] = []
    num_frames = num_clipped = 0
    while len(block := file.read(_BLOCK_SAMPLES // file.channels, "float32", always_2d=True)):
        num_frames += len(block)
        _check_num_frames(num_frames, file, limits)
        num_clipped += _count_clipped(block)
        blocks.append(block.mean(axis=1, dtype=np.float32))
    if is_length_stated and num_frames + _slack_frames(file) < file.frames:
        raise undecodable("The reference audio ends before its header says; send it whole.")
    if num_clipped > limits.max_clipped_share * num_frames * file.channels:
        message = f"More than {limits.max_clipped_share:.0%} of the reference audio is clipped."
        raise _invalid("reference_clipped", message)
    samples = np.concatenate(blocks) if blocks else np.zeros(0, np.float32)
    return DecodedAudio(samples=samples, sample_rate=file.samplerate)


def _count_clipped(block: np.ndarray) -> int:
    """Samples at full scale; raises for NaN, Inf and absurd values (never cleaned silently)."""
    peaks = np.abs(block)
    peak = float(peaks.max())
    if not math.isfinite(peak):
        message = "The reference audio contains NaN or infinite samples."
        raise _invalid("reference_not_finite", message)
    if peak > MAX_PEAK:
        message = "The samples of the reference audio must lie in [-1, 1]; scale them."
        raise _invalid("reference_out_of_range", message)
    return int(np.count_nonzero(peaks >= _CLIPPED_LEVEL))


def _slack_frames(file: soundfile.SoundFile) -> int:
    return _MP3_SLACK_FRAMES if file.format == "MP3" else 0


def _check_sound(decoded: DecodedAudio, limits: AudioLimits) -> None:
    if decoded.duration_s < limits.min_duration_s:
        message = f"Reference audio must last at least {limits.min_duration_s:g} s."
        raise _invalid("reference_too_short", message)
    start, end = find_sound(decoded.samples, reference_window_samples(decoded.sample_rate))
    sound = decoded.samples[start:end]
    if not len(sound) or _level_dbfs(sound) < limits.min_level_dbfs:
        raise _invalid("reference_silent", "The reference audio is silent.")
    if len(sound) < limits.min_sound_s * decoded.sample_rate:
        message = f"The reference audio holds less than {limits.min_sound_s:g} s of sound."
        raise _invalid("reference_too_short", message)


def _level_dbfs(samples: np.ndarray) -> float:
    """About the mean: a constant offset is silent."""
    power = rms(samples) ** 2 - float(samples.mean(dtype=np.float64)) ** 2
    return 10 * math.log10(max(power, 1e-24))
