"""Turn a vocoder run into the file that ships: `python -m training.vocoder_export --help`.

The EMA weights of the newest checkpoint, in the official Vocos layout.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
from flax import nnx

from models.vocos import Vocos, VocosConfig, save_vocos
from training.checkpoint import load_latest

EMA_PREFIX = ".ema"


def load_ema(run: Path) -> tuple[int, Vocos]:
    """(step, vocoder) of the newest checkpoint. Raises FileNotFoundError if there is none."""
    found = load_latest(run)
    if found is None:
        raise FileNotFoundError(f"no checkpoint in {run}: run training.vocoder first")
    step, arrays, _ = found
    config = VocosConfig(**json.loads((run / "config.json").read_text()))
    graph, state = nnx.split(nnx.eval_shape(lambda: Vocos(config, rngs=nnx.Rngs(0))))
    filled = [
        (path, leaf.replace(arrays[_checkpoint_name(path)]))
        for path, leaf in nnx.to_flat_state(state)
    ]
    return step, nnx.merge(graph, nnx.from_flat_state(filled))


def _checkpoint_name(path: tuple[Any, ...]) -> str:
    return EMA_PREFIX + "".join(f"[{part!r}]" for part in path)


def main(argv: list[str] | None = None) -> None:
    """Command line entry."""
    parser = argparse.ArgumentParser(prog="python -m training.vocoder_export", description=__doc__)
    parser.add_argument("--run", type=Path, required=True, help="--out of training.vocoder")
    parser.add_argument("--to", type=Path, required=True, help="safetensors file to write, fp16")
    options = parser.parse_args(argv)
    _, model = load_ema(options.run)
    options.to.parent.mkdir(parents=True, exist_ok=True)
    save_vocos(model, options.to, np.float16)


if __name__ == "__main__":
    main()
