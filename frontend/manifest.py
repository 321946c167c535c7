"""`manifest.json` of a model bundle: what the folder holds, checked before any of it is used.

<bundle>/manifest.json            this
<bundle>/acoustic.safetensors     models/f5
<bundle>/vocoder.safetensors      models/vocos
<bundle>/duration.safetensors     models/duration, kind "aligned" only
<bundle>/vocab.txt                tokens, kind "packed" only
<bundle>/voices/<name>.json       VoiceInfo and the name of the audio file beside it
<bundle>/voices/<name>.flac|ogg   a reference clip of a few seconds
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import MISSING, asdict, dataclass, fields
from pathlib import Path
from typing import Any, Literal, Self, TypeVar

from frontend.schedules import RecommendedSchedule
from frontend.voices import Voice, VoiceInfo, make_voice
from inference_types import ModelLoadError
from models.f5 import F5Config
from models.vocos import VocosConfig

MANIFEST_NAME = "manifest.json"
ACOUSTIC_NAME = "acoustic.safetensors"
VOCODER_NAME = "vocoder.safetensors"
DURATION_NAME = "duration.safetensors"
VOCABULARY_NAME = "vocab.txt"
FORMAT = 1
MEDIA_TYPES = {".flac": "audio/flac", ".ogg": "audio/ogg", ".opus": "audio/ogg"}

Kind = Literal["aligned", "packed"]
T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Serving:
    """How the model is best run: seconds of reference, padded lengths to compile.

    The defaults fit the shipped voice, trained on rows of up to 704 frames: some 200 of
    reference, a first clause in the smallest bucket (measured: 255 to 345 frames in all), a
    sentence in the third (500 to 580); the last takes what turns out longer than estimated.
    """

    reference_s: float = 2.5
    bucket_frames: tuple[int, ...] = (352, 448, 576, 768)


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """A parsed manifest. `files` maps every file of the bundle to its sha256."""

    name: str
    kind: Kind
    licence: str
    languages: tuple[str, ...]
    files: dict[str, str]
    f5: F5Config
    vocos: VocosConfig
    schedule: RecommendedSchedule
    serving: Serving
    default_voice: str
    format: int = FORMAT
    description: str = ""

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Raises ModelLoadError: missing, not JSON, unknown keys, another format."""
        try:
            values = json.loads((folder / MANIFEST_NAME).read_text(encoding="utf-8"))
        except OSError as error:
            raise ModelLoadError(
                f"{folder.name} has no {MANIFEST_NAME}; give a model folder"
            ) from error
        except ValueError as error:
            raise ModelLoadError(f"{MANIFEST_NAME} of {folder.name} is not JSON") from error
        if not isinstance(values, dict) or values.get("format") != FORMAT:
            raise ModelLoadError(f"{folder.name} is not a model bundle of format {FORMAT}")
        return cls.from_dict(values)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """Raises ModelLoadError naming keys that are missing or unknown."""
        parsed = dict(values)
        for key, part in (("vocos", VocosConfig), ("schedule", RecommendedSchedule)):
            parsed[key] = _parse(part, values.get(key, {}), key)
        serving = dict(values.get("serving", {}))
        if "bucket_frames" in serving:
            serving["bucket_frames"] = tuple(serving["bucket_frames"])
        parsed["serving"] = _parse(Serving, serving, "serving")
        parsed["f5"] = F5Config.from_dict(values.get("f5", {}))
        parsed["languages"] = tuple(values.get("languages", ()))
        manifest = _parse(cls, parsed, "manifest")
        if manifest.kind != manifest.f5.text_layout:
            raise ModelLoadError(f"kind {manifest.kind!r} needs an f5.text_layout of the same name")
        limit, guidance = manifest.f5.max_guidance, manifest.schedule.guidance
        if limit is not None and guidance > limit:
            raise ModelLoadError(f"schedule.guidance {guidance} is above f5.max_guidance {limit}")
        return manifest

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    def write(self, folder: Path) -> None:
        """For training.export: the manifest of a folder that is otherwise complete."""
        text = json.dumps(self.to_dict(), ensure_ascii=False, indent=2)
        (folder / MANIFEST_NAME).write_text(text + "\n", encoding="utf-8")

    def verify(self, folder: Path) -> None:
        """Raises ModelLoadError naming the first file that is missing or altered."""
        needed = {ACOUSTIC_NAME, VOCODER_NAME}
        needed.add(DURATION_NAME if self.kind == "aligned" else VOCABULARY_NAME)
        if unlisted := sorted(needed - self.files.keys()):
            raise ModelLoadError(f"the manifest of {self.name} lists no {unlisted[0]}")
        for name, digest in self.files.items():
            if ".." in Path(name).parts or Path(name).is_absolute():
                raise ModelLoadError(f"the manifest of {self.name} points outside its folder")
            if not (folder / name).is_file():
                raise ModelLoadError(f"{name} of {self.name} is missing; fetch the model again")
            if sha256_of(folder / name) != digest:
                raise ModelLoadError(f"{name} of {self.name} is damaged; fetch the model again")

    def read_voices(self, folder: Path) -> list[Voice]:
        """The built-in voices; only files the manifest lists count."""
        records = [name for name in sorted(self.files) if name.startswith("voices/")]
        return [_read_voice(folder / name) for name in records if name.endswith(".json")]


def sha256_of(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def list_files(folder: Path) -> dict[str, str]:
    """sha256 of every file below a bundle's folder but the manifest, for `Manifest.files`."""
    paths = (path for path in sorted(folder.rglob("*")) if path.is_file())
    names = {path.relative_to(folder).as_posix(): path for path in paths}
    return {name: sha256_of(path) for name, path in names.items() if name != MANIFEST_NAME}


def _read_voice(record: Path) -> Voice:
    try:
        values = json.loads(record.read_text(encoding="utf-8"))
        audio = record.parent / Path(values.pop("audio")).name
        info = _parse(VoiceInfo, values | {"name": record.stem}, f"voice {record.stem}")
        return make_voice(
            info, audio.read_bytes(), MEDIA_TYPES[audio.suffix.lower()], is_builtin=True
        )
    except (OSError, ValueError, KeyError, AttributeError) as error:
        raise ModelLoadError(f"the voice {record.stem} of the model cannot be read") from error


def _parse(part: type[T], values: dict[str, Any], name: str) -> T:
    """A dataclass from a dict; unknown and missing keys are named."""
    specs = {spec.name: spec for spec in fields(part)}  # type: ignore[arg-type]
    if unknown := sorted(values.keys() - specs.keys()):
        raise ModelLoadError(f"unknown keys in {name}: {unknown}; valid are {sorted(specs)}")
    missing = [
        key
        for key, spec in specs.items()
        if key not in values and spec.default is MISSING and spec.default_factory is MISSING
    ]
    if missing:
        raise ModelLoadError(f"{name} lacks the keys {missing}")
    try:
        return part(**values)
    except (TypeError, ValueError) as error:
        raise ModelLoadError(f"{name} has a value it cannot have: {error}") from error
