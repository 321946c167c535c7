"""Voices by name: the bundle's own, and those users store under the voice directory.

A user voice is two files, `<name>.flac` and `<name>.json`; the second is written last and is
what makes the voice exist. Names are looked up in memory and never taken from a path.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import re
import threading
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from inference_types import (
    ConflictError,
    InvalidRequestError,
    ModelLoadError,
    NotFoundError,
    RequestTooLargeError,
)

VOICE_NAME_PATTERN = r"^[a-z0-9][a-z0-9_-]{0,63}$"
_NAME = re.compile(VOICE_NAME_PATTERN)
_MAX_LINE_CHARS = 500
_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class VoiceLimits:
    """Bounds of the voice directory. All audio is held in memory, so bytes are counted."""

    max_voices: int = 500
    max_audio_bytes: int = 4 * 2**20  # 30 s of 24 kHz FLAC stay below 1.5 MiB
    max_total_bytes: int = 128 * 2**20


@dataclass(frozen=True, kw_only=True)
class VoiceInfo:
    """What is known about a voice besides its sound. `pace` as in `VoicePrompt`."""

    name: str
    language: str = ""
    gender: str = ""
    description: str = ""
    licence: str = ""
    text: str = ""
    pace: float = 1.0
    consent: str = ""
    created_at: str = ""


@dataclass(frozen=True, kw_only=True)
class Voice:
    """A named reference clip. `audio` is the encoded file, also served as the preview."""

    info: VoiceInfo
    audio: bytes
    media_type: str
    sha256: str
    is_builtin: bool

    @property
    def name(self) -> str:
        return self.info.name


def make_voice(info: VoiceInfo, audio: bytes, media_type: str, *, is_builtin: bool) -> Voice:
    """A voice with its content hash."""
    digest = hashlib.sha256(audio).hexdigest()
    return Voice(
        info=info, audio=audio, media_type=media_type, sha256=digest, is_builtin=is_builtin
    )


class VoiceStore:
    """All voices in memory, user voices mirrored on disk. Safe for any number of threads.

    The dictionary of voices is replaced and never changed, so readers on an event loop need no
    lock and never wait for a writer's disk. Raises ModelLoadError for an unusable folder.
    """

    def __init__(
        self,
        builtin: Iterable[Voice],
        folder: Path | None = None,
        limits: VoiceLimits | None = None,
    ) -> None:
        self._lock = threading.Lock()  # one writer at a time, in memory and on disk
        self._folder = folder
        self._limits = limits or VoiceLimits()
        self._voices: Mapping[str, Voice] = {voice.name: voice for voice in builtin}
        if folder is not None:
            self._voices = {**self._voices, **self._read_folder(folder)}

    def voices(self) -> list[Voice]:
        """Built-in voices first, each group by name."""
        return sorted(self._voices.values(), key=lambda v: (not v.is_builtin, v.name))

    def find(self, name: str) -> Voice:
        """Raises NotFoundError, the same for every unknown or impossible name."""
        voice = self._voices.get(name)
        if voice is None:
            raise NotFoundError("there is no such voice; GET /v1/voices lists them", field="voice")
        return voice

    def add(self, info: VoiceInfo, flac: bytes) -> Voice:
        """Store a user voice, durable when this returns.

        Raises InvalidRequestError (name, consent, text), RequestTooLargeError, ConflictError.
        """
        _check_info(info)
        if len(flac) > self._limits.max_audio_bytes:
            raise RequestTooLargeError("the voice's audio is too long to store", field="audio")
        created = datetime.now(UTC).isoformat(timespec="seconds")
        voice = make_voice(replace(info, created_at=created), flac, "audio/flac", is_builtin=False)
        with self._lock:
            self._check_room(voice)
            self._write(voice)
            self._voices = {**self._voices, voice.name: voice}
        return voice

    def delete(self, name: str) -> None:
        """Forget a user voice. Raises NotFoundError, ConflictError for a built-in one."""
        with self._lock:
            voice = self._voices.get(name)
            if voice is None:
                raise NotFoundError("there is no such voice", field="voice")
            if voice.is_builtin:
                raise ConflictError("built-in voices cannot be deleted", field="voice")
            if self._folder is not None:
                for path in self._paths(self._folder, name):
                    path.unlink(missing_ok=True)
            self._voices = {key: kept for key, kept in self._voices.items() if key != name}

    def _check_room(self, voice: Voice) -> None:
        if voice.name in self._voices:
            raise ConflictError("a voice of this name exists; choose another", field="name")
        users = [v for v in self._voices.values() if not v.is_builtin]
        num_bytes = sum(len(v.audio) for v in users) + len(voice.audio)
        if len(users) >= self._limits.max_voices or num_bytes > self._limits.max_total_bytes:
            raise ConflictError("the voice directory is full; delete a voice first")

    @staticmethod
    def _paths(folder: Path, name: str) -> tuple[Path, Path]:
        """Record and audio: the record goes first when deleting and comes last when writing."""
        return folder / f"{name}.json", folder / f"{name}.flac"

    def _write(self, voice: Voice) -> None:
        if self._folder is None:
            return
        record_path, audio_path = self._paths(self._folder, voice.name)
        record = asdict(voice.info) | {"sha256": voice.sha256}
        _write_atomically(audio_path, voice.audio)
        _write_atomically(record_path, json.dumps(record, ensure_ascii=False, indent=1).encode())

    def _read_folder(self, folder: Path) -> dict[str, Voice]:
        found: dict[str, Voice] = {}
        for path in _find_records(folder):
            if path.stem in self._voices or not _NAME.fullmatch(path.stem):
                _log.warning("voice record %s is ignored: name taken or not allowed", path.name)
                continue
            try:
                found[path.stem] = self._read_voice(folder, path.stem)
            except (OSError, ValueError, TypeError, KeyError) as error:
                # One damaged file must not keep the server from starting.
                _log.warning("voice record %s is ignored: %s", path.name, error)
        return found

    def _read_voice(self, folder: Path, name: str) -> Voice:
        record_path, audio_path = self._paths(folder, name)
        if audio_path.stat().st_size > self._limits.max_audio_bytes:
            raise ValueError("audio larger than the limit")
        record = json.loads(record_path.read_text(encoding="utf-8"))
        if not isinstance(record, dict):
            raise ValueError("not a JSON object")
        digest = record.pop("sha256")
        record["name"] = name
        audio = audio_path.read_bytes()
        voice = make_voice(VoiceInfo(**record), audio, "audio/flac", is_builtin=False)
        if voice.sha256 != digest:
            raise ValueError("audio does not match its sha256")
        return voice


def _find_records(folder: Path) -> list[Path]:
    """The folder, made where it is missing, and the records in it."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # Not glob: it takes a folder that may not be read for an empty one.
        return sorted(path for path in folder.iterdir() if path.suffix == ".json")
    except OSError as error:
        raise ModelLoadError(
            f"voices cannot be kept in {folder} ({error.strerror}); choose another --voice-dir",
            field="voice_dir",
        ) from None


def _check_info(info: VoiceInfo) -> None:
    if not _NAME.fullmatch(info.name):
        raise InvalidRequestError(
            "name must be 1 to 64 of a-z, 0-9, _ and -, starting with a letter or digit",
            field="name",
        )
    if not info.consent.strip():
        raise InvalidRequestError(
            "state in `consent` that the speaker agrees to the use of this voice", field="consent"
        )
    for name in ("language", "gender", "description", "licence", "text", "consent"):
        if len(getattr(info, name)) > _MAX_LINE_CHARS:
            raise InvalidRequestError(
                f"{name} may have at most {_MAX_LINE_CHARS} characters", field=name
            )


def _write_atomically(path: Path, data: bytes) -> None:
    partial = path.with_name(path.name + ".part")
    with partial.open("wb") as stream:
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())
    os.replace(partial, path)
