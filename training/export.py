"""Put trained parts together as a model bundle: `python -m training.export --help`.

The bundle (frontend.manifest) holds the EMA weights in float16, the duration model, the vocoder,
and a reference clip for each built-in voice, every file with its sha256. The manifest is written
last: a bundle cut short by a kill is refused when it is opened, and whole after the next export.
"""

from __future__ import annotations

import argparse
import io
import json
import shutil
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import soundfile
from flax import nnx
from safetensors.numpy import save_file

from frontend.manifest import (
    ACOUSTIC_NAME,
    DURATION_NAME,
    VOCODER_NAME,
    Manifest,
    Serving,
    list_files,
)
from frontend.schedules import RecommendedSchedule
from models.f5 import F5Config, F5Model
from models.f5.params import official_tensors
from models.vocos import VocosConfig
from training.checkpoint import load_latest
from training.data import SAMPLE_RATE, SpeechData, Utterance

CLIP_S = (3.2, 6.0)  # long enough to know a voice by, short enough to decode at once
LICENCE = "Apache-2.0"


@dataclass(frozen=True, kw_only=True)
class BuiltinVoice:
    """A built-in voice: which voice of the data it is (`source`), what users read about it."""

    name: str
    source: str
    language: str
    gender: str
    description: str
    licence: str = "Apache-2.0 (synthetic, Kokoro-82M voice pack)"
    consent: str = "synthetic voice, no person was recorded"


# The first is the default.
BUILTIN_VOICES = (
    BuiltinVoice(name="heart", source="af_heart", language="en", gender="female",
                 description="Warm American English; the default voice"),
    BuiltinVoice(name="bella", source="af_bella", language="en", gender="female",
                 description="Bright American English"),
    BuiltinVoice(name="emma", source="bf_emma", language="en", gender="female",
                 description="British English"),
    BuiltinVoice(name="michael", source="am_michael", language="en", gender="male",
                 description="Calm American English"),
    BuiltinVoice(name="fenrir", source="am_fenrir", language="en", gender="male",
                 description="Deep American English"),
    BuiltinVoice(name="george", source="bm_george", language="en", gender="male",
                 description="British English"),
    BuiltinVoice(name="xiaoxiao", source="zf_xiaoxiao", language="zh", gender="female",
                 description="Mandarin Chinese"),
    BuiltinVoice(name="yunxi", source="zm_yunxi", language="zh", gender="male",
                 description="Mandarin Chinese"),
    BuiltinVoice(name="yunjian", source="zm_yunjian", language="zh", gender="male",
                 description="Deep Mandarin Chinese"),
)  # fmt: skip


def read_ema(run: Path) -> tuple[F5Model, dict[str, Any]]:
    """The averaged network of the newest checkpoint of a run, and the run's facts."""
    found = load_latest(run)
    if found is None:
        raise FileNotFoundError(f"no checkpoint in {run}: run training.acoustic first")
    step, arrays, meta = found
    config = F5Config.from_dict(meta["config"])
    graph, state = nnx.split(nnx.eval_shape(lambda: F5Model(config, rngs=nnx.Rngs(0))))
    paths, tree = jax.tree_util.tree_flatten_with_path(nnx.to_pure_dict(state))
    leaves = [jnp.asarray(arrays[".ema" + jax.tree_util.keystr(path)]) for path, _ in paths]
    nnx.replace_by_pure_dict(state, jax.tree.unflatten(tree, leaves))
    return nnx.merge(graph, state), {"steps": step, "minutes": round(meta["spent_s"] / 60, 1)}


def write_voice(folder: Path, voice: BuiltinVoice, data: SpeechData, pace: float) -> None:
    """A reference clip of a built-in voice and its record."""
    utterance = _pick_clip(voice, data.select(split="train"))
    samples = (data.wave(utterance) * 32767).astype(np.int16)
    clip = io.BytesIO()
    soundfile.write(clip, samples, SAMPLE_RATE, format="FLAC", subtype="PCM_16")
    (folder / f"{voice.name}.flac").write_bytes(clip.getvalue())
    record = {
        "audio": f"{voice.name}.flac",
        "language": voice.language,
        "gender": voice.gender,
        "description": voice.description,
        "licence": voice.licence,
        "text": utterance.text,
        "pace": round(pace, 4),
        "consent": voice.consent,
    }
    (folder / f"{voice.name}.json").write_text(
        json.dumps(record, ensure_ascii=False, indent=1) + "\n", encoding="utf-8"
    )


def _pick_clip(voice: BuiltinVoice, utterances: list[Utterance]) -> Utterance:
    """A plain statement in the voice's language, as near to 4 s as there is."""
    own = [u for u in utterances if u.voice == voice.source]
    if not own:
        raise ValueError(f"the data has no utterance of {voice.source}, wanted for {voice.name}")
    native = [u for u in own if u.lang == voice.language] or own
    fitting = [u for u in native if CLIP_S[0] <= u.num_samples / SAMPLE_RATE <= CLIP_S[1]]
    plain = [u for u in fitting if u.text.rstrip().endswith((".", "。"))]
    return min(plain or fitting or native, key=lambda u: abs(u.num_samples - 4 * SAMPLE_RATE))


def paces(data: SpeechData) -> dict[str, float]:
    """How slowly each voice speaks: its symbols' length relative to the mean of the language.

    As training.duration defines pace; a voice of several languages is compared within each.
    """
    utterances = data.select(split="train", is_aligned=True)
    means = [float(np.mean(u.durations[1:-1])) for u in utterances if u.durations is not None]
    by_lang, by_voice = defaultdict(list), defaultdict(list)
    for utterance, mean in zip(utterances, means, strict=True):
        by_lang[utterance.lang].append(mean)
    for utterance, mean in zip(utterances, means, strict=True):
        by_voice[utterance.voice].append(mean / np.mean(by_lang[utterance.lang]))
    return {voice: float(np.mean(ratios)) for voice, ratios in by_voice.items()}


def read_voices(path: Path) -> tuple[BuiltinVoice, ...]:
    """Voices from a JSON list of objects with the fields of BuiltinVoice; the first is default.

    Raises ValueError naming what is wrong.
    """
    try:
        return tuple(BuiltinVoice(**fields) for fields in json.loads(path.read_text("utf-8")))
    except TypeError as error:
        raise ValueError(f"{path.name} must be a list of voices: {error}") from error


def export(
    out: Path,
    *,
    acoustic_run: Path,
    duration_file: Path,
    vocoder_file: Path,
    data: SpeechData,
    schedule: RecommendedSchedule,
    voices: Sequence[BuiltinVoice] = BUILTIN_VOICES,
    vocos: VocosConfig | None = None,
    licence: str = LICENCE,
) -> Manifest:
    """Write a complete bundle to `out`; files already there are replaced, other voices removed.

    Raises FileNotFoundError or ValueError for a part that is missing.
    """
    model, facts = read_ema(acoustic_run)
    _clear_voices(out / "voices")
    halves = {name: value.astype(np.float16) for name, value in official_tensors(model).items()}
    save_file(halves, out / ACOUSTIC_NAME)
    shutil.copyfile(duration_file, out / DURATION_NAME)
    shutil.copyfile(vocoder_file, out / VOCODER_NAME)
    pace = paces(data)
    for voice in voices:
        write_voice(out / "voices", voice, data, pace.get(voice.source, 1.0))
    manifest = Manifest(
        name=out.name,
        kind="aligned",
        licence=licence,
        languages=tuple(sorted({voice.language for voice in voices})),
        files={k: v for k, v in list_files(out).items() if not k.endswith(".md")},
        f5=model.config,
        vocos=vocos or VocosConfig.small(),
        schedule=schedule,
        serving=Serving(),
        default_voice=voices[0].name,
        description=f"acoustic model: last run {facts['steps']} steps, {facts['minutes']} minutes",
    )
    manifest.write(out)
    return manifest


def _clear_voices(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for pattern in ("*.json", "*.flac"):
        for path in folder.glob(pattern):
            path.unlink()


def main(argv: list[str] | None = None) -> None:
    """Command line entry."""
    args = _parse(argv)
    export(
        args.out,
        acoustic_run=args.acoustic,
        duration_file=args.duration,
        vocoder_file=args.vocoder,
        data=SpeechData(args.data),
        schedule=RecommendedSchedule(
            num_steps=args.num_steps,
            guidance=args.guidance,
            noise_scale=args.noise_scale,
            use_epss=False,
        ),
        voices=read_voices(args.voices) if args.voices else BUILTIN_VOICES,
        licence=args.licence,
    )


def _parse(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m training.export", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder made by training.prepare")
    parser.add_argument("--acoustic", type=Path, required=True, help="run of training.acoustic")
    parser.add_argument("--duration", type=Path, required=True, help="duration.safetensors")
    parser.add_argument("--vocoder", type=Path, required=True, help="vocoder.safetensors")
    parser.add_argument("--out", type=Path, required=True, help="the bundle's folder")
    parser.add_argument("--voices", type=Path, help="JSON list of voices (docs/training.md)")
    parser.add_argument("--licence", default=LICENCE, help=f"of the weights, default {LICENCE}")
    parser.add_argument("--num-steps", type=int, default=10)
    parser.add_argument("--guidance", type=float, default=0.8)
    parser.add_argument("--noise-scale", type=float, default=0.88, help="default 0.88")
    return parser.parse_args(argv)


if __name__ == "__main__":
    main()
