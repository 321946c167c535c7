"""Random networks and a whole model bundle that cost next to nothing, for tests of any floor.

`write_bundle(folder)` makes a folder that `find_bundle(str(folder))` accepts; it speaks noise.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import jax
import numpy as np
import soundfile
from flax import nnx

from frontend.manifest import (
    ACOUSTIC_NAME,
    DURATION_NAME,
    VOCODER_NAME,
    Manifest,
    Serving,
    list_files,
)
from frontend.schedules import RecommendedSchedule
from models.duration import NUM_IDS, DurationConfig
from models.duration.predictor import init_params, save_params
from models.f5 import F5Config, F5Model, save_f5
from models.vocos import Vocos, VocosConfig, save_vocos

Network = TypeVar("Network", bound=nnx.Module)

ALIGNED = F5Config(
    dim=64,
    depth=2,
    heads=2,
    dim_head=32,
    text_dim=32,
    conv_layers=1,
    vocab_size=NUM_IDS,
    text_layout="aligned",
    conv_pos_kernel=5,
    conv_pos_groups=64,
    patch_frames=2,
    mel_mean=-2.5,
    mel_std=3.5,
)
PACKED = F5Config(dim=64, depth=2, heads=2, dim_head=32, text_dim=32, conv_layers=1, vocab_size=20)
VOCOS = VocosConfig(dim=32, intermediate_dim=48, num_layers=2)


def random_network(make: Callable[[], Network], seed: int) -> Network:
    """A network with numpy noise for weights: nothing is zero, and nothing compiles."""
    graph, state = nnx.split(nnx.eval_shape(make))
    rng = np.random.default_rng(seed)

    def fill(leaf: jax.ShapeDtypeStruct) -> np.ndarray:
        scale = 0.5 / np.sqrt(leaf.shape[-2]) if len(leaf.shape) > 1 else 0.1
        return (scale * rng.standard_normal(leaf.shape)).astype(np.float32)

    return nnx.merge(graph, jax.tree.map(fill, state))


def random_f5(config: F5Config = ALIGNED) -> F5Model:
    return random_network(lambda: F5Model(config, rngs=nnx.Rngs(0)), 0)


def random_vocos() -> Vocos:
    return random_network(lambda: Vocos(VOCOS, rngs=nnx.Rngs(0)), 1)


def speech_like(duration_s: float, rate: int = 24_000, level: float = 0.3) -> np.ndarray:
    """Float32 bursts of noise with pauses, so that trimming has something to find."""
    rng = np.random.default_rng(0)
    t = np.arange(round(duration_s * rate)) / rate
    bursts = rng.standard_normal(len(t)) * (np.sin(2 * np.pi * 1.5 * t) > -0.8)
    return (level * bursts).clip(-0.99, 0.99).astype(np.float32)


def encode(samples: np.ndarray, rate: int = 24_000, container: str = "WAV") -> bytes:
    stream = io.BytesIO()
    soundfile.write(stream, samples, rate, format=container, subtype="PCM_16")
    return stream.getvalue()


def write_bundle(folder: Path) -> Manifest:
    """A complete bundle of kind "aligned" with the voices amy (default) and bob."""
    (folder / "voices").mkdir(parents=True)
    save_f5(random_f5(), folder / ACOUSTIC_NAME)
    save_vocos(random_vocos(), folder / VOCODER_NAME)
    save_params(folder / DURATION_NAME, init_params(DurationConfig(dim=16, depth=1), 0))
    for name, seconds in (("amy", 2.0), ("bob", 2.5)):
        record = {
            "language": "en",
            "gender": "female",
            "licence": "CC0-1.0",
            "audio": f"{name}.flac",
        }
        (folder / "voices" / f"{name}.json").write_text(json.dumps(record))
        clip = encode(speech_like(seconds), container="FLAC")
        (folder / "voices" / f"{name}.flac").write_bytes(clip)
    manifest = Manifest(
        name="tiny",
        kind="aligned",
        licence="Apache-2.0",
        languages=("en", "zh"),
        files=list_files(folder),
        f5=ALIGNED,
        vocos=VOCOS,
        schedule=RecommendedSchedule(num_steps=4),
        serving=Serving(reference_s=1.0, bucket_frames=(256, 512)),
        default_voice="amy",
    )
    manifest.write(folder)
    return manifest
