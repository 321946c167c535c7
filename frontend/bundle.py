"""Models from disk or the Hub: the bundle in this repository, another bundle, an F5 checkpoint."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

from jax.typing import DTypeLike

from frontend.manifest import (
    ACOUSTIC_NAME,
    DURATION_NAME,
    MANIFEST_NAME,
    VOCABULARY_NAME,
    VOCODER_NAME,
    Kind,
    Manifest,
    Serving,
)
from frontend.schedules import RecommendedSchedule
from frontend.voices import Voice
from inference_types import ModelLoadError
from models.duration import DurationPredictor
from models.f5 import F5Config, F5Model, load_f5
from models.hub import HUB_SCHEME, resolve_model_file
from models.runtime import recommended_attention
from models.vocos import Vocos, VocosConfig, load_vocos
from text.pinyin import Vocabulary

SHIPPED_FOLDER = Path(__file__).resolve().parents[1] / "assets" / "jetvoice-small"
_F5_VOCODER_NAME = "vocos.safetensors"
# Official weights are long-form: 12 s of reference and up to 22 s in all (specs: f5-tts 7.4).
_F5_SERVING = Serving(reference_s=12.0, bucket_frames=(768, 1408, 2304))
_F5_SCHEDULE = RecommendedSchedule(num_steps=16)
_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class ModelBundle:
    """Where a model's parts are and how it wants to be used; nothing is loaded yet.

    `default_voice` is empty for checkpoints without voices: every request then needs a reference.
    """

    name: str
    kind: Kind
    licence: str
    languages: tuple[str, ...]
    f5: F5Config
    vocos: VocosConfig
    schedule: RecommendedSchedule
    serving: Serving
    acoustic_path: Path
    vocoder_path: Path
    duration_path: Path | None = None
    vocabulary_path: Path | None = None
    voices: tuple[Voice, ...] = ()
    default_voice: str = ""

    def load_acoustic(self, dtype: DTypeLike) -> F5Model:
        """With the attention that serves its buckets best here.

        Raises ModelLoadError listing everything that does not fit.
        """
        attention = recommended_attention(self.f5, max(self.serving.bucket_frames), dtype)
        return load_f5(self.acoustic_path, self.f5, dtype=dtype, attention_implementation=attention)

    def load_vocoder(self) -> Vocos:
        return load_vocos(self.vocoder_path, self.vocos)

    def load_durations(self) -> DurationPredictor:
        if self.duration_path is None:
            raise ModelLoadError(f"{self.name} has no duration model")
        return DurationPredictor.load(self.duration_path)

    def load_vocabulary(self) -> Vocabulary:
        if self.vocabulary_path is None:
            raise ModelLoadError(f"{self.name} has no {VOCABULARY_NAME}")
        return Vocabulary.load(self.vocabulary_path)


def find_bundle(model: str = "", vocoder: str = "") -> ModelBundle:
    """A bundle by what the user gave as `--model` and `--vocoder`.

    Args:
        model: empty for the shipped voice; a folder with a manifest; an official F5 checkpoint
            as `model.safetensors` or `hf://owner/repo/folder/model.safetensors` with its
            vocab.txt beside it.
        vocoder: a Vocos file for F5 checkpoints; empty: vocos.safetensors beside the model.

    Raises:
        ModelLoadError: one sentence on what is missing, damaged or unknown.
    """
    if model.startswith(HUB_SCHEME) or model.endswith((".safetensors", ".pt", ".bin")):
        return _find_checkpoint(model, vocoder)
    folder = Path(model).expanduser() if model else SHIPPED_FOLDER
    if not (folder / MANIFEST_NAME).is_file():
        raise ModelLoadError(
            f"{folder.name} is not a model: give a folder with {MANIFEST_NAME}, a .safetensors"
            " file of F5-TTS or hf://owner/repo/folder/file.safetensors"
        )
    return _read_bundle(folder)


def _read_bundle(folder: Path) -> ModelBundle:
    manifest = Manifest.read(folder)
    manifest.verify(folder)
    voices = tuple(manifest.read_voices(folder))
    if manifest.default_voice not in {voice.name for voice in voices}:
        raise ModelLoadError(f"{manifest.name} names a default voice that it does not have")
    is_aligned = manifest.kind == "aligned"
    return ModelBundle(
        name=manifest.name,
        kind=manifest.kind,
        licence=manifest.licence,
        languages=manifest.languages,
        f5=manifest.f5,
        vocos=manifest.vocos,
        schedule=manifest.schedule,
        serving=manifest.serving,
        acoustic_path=folder / ACOUSTIC_NAME,
        vocoder_path=folder / VOCODER_NAME,
        duration_path=folder / DURATION_NAME if is_aligned else None,
        vocabulary_path=None if is_aligned else folder / VOCABULARY_NAME,
        voices=voices,
        default_voice=manifest.default_voice,
    )


def _find_checkpoint(model: str, vocoder: str) -> ModelBundle:
    """An F5 checkpoint. Its generation cannot be read from the tensors, only from its name."""
    if "E2TTS" in model or "bigvgan" in model:
        raise ModelLoadError("only F5-TTS checkpoints for Vocos are supported, not E2 or BigVGAN")
    acoustic_path, is_v0 = resolve_model_file(_expand(model)), "F5TTS_Base" in model
    _log.info("%s is read as F5-TTS %s", acoustic_path.name, "v0 base" if is_v0 else "v1 base")
    vocoder_path = _find_vocoder(model, vocoder)
    return ModelBundle(
        name=acoustic_path.stem,
        kind="packed",
        licence="see the checkpoint (official F5-TTS weights: CC-BY-NC-4.0)",
        languages=("en", "zh"),
        f5=F5Config.v0_base() if is_v0 else F5Config.v1_base(),
        vocos=VocosConfig(),
        schedule=_F5_SCHEDULE,
        serving=_F5_SERVING,
        acoustic_path=acoustic_path,
        vocoder_path=vocoder_path,
        vocabulary_path=resolve_model_file(_expand(_beside(model, VOCABULARY_NAME))),
    )


def _find_vocoder(model: str, vocoder: str) -> Path:
    if vocoder:
        return resolve_model_file(_expand(vocoder))
    try:
        return resolve_model_file(_expand(_beside(model, _F5_VOCODER_NAME)))
    except ModelLoadError as error:
        raise ModelLoadError(
            f"an F5 checkpoint needs a vocoder: put {_F5_VOCODER_NAME} beside it or name a Vocos"
            " safetensors file with --vocoder"
        ) from error


def _beside(model: str, name: str) -> str:
    """The address of a file in the same folder, local or on the Hub."""
    return f"{model.rpartition('/')[0]}/{name}" if "/" in model else name


def _expand(address: str) -> str | Path:
    return address if address.startswith(HUB_SCHEME) else Path(address).expanduser()
