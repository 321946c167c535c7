"""Checkpoints that survive being killed at any moment.

One checkpoint is one safetensors file `step_<number>.safetensors`; the JSON state rides in its
header, so a single rename publishes everything. Written to a temporary name, synced, renamed;
the newest `keep` stay. A damaged newest file is skipped with a warning, not an error.
"""

from __future__ import annotations

import json
import logging
import os
import re
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

_META_KEY = "state"
_NAME = re.compile(r"step_(\d+)\.safetensors")

_log = logging.getLogger(__name__)


def list_checkpoints(folder: str | Path) -> list[tuple[int, Path]]:
    """(step, file) of every checkpoint in a folder, oldest first."""
    files = Path(folder).glob("step_*.safetensors")
    found = ((_NAME.fullmatch(path.name), path) for path in files)
    return sorted((int(match[1]), path) for match, path in found if match)


def save_checkpoint(
    folder: str | Path,
    step: int,
    arrays: dict[str, np.ndarray],
    meta: dict[str, Any],
    keep: int = 2,
) -> Path:
    """Write `arrays` and JSON-able `meta` as one file and delete all but the newest `keep`."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"step_{step:09d}.safetensors"
    partial = folder / f".partial-{os.getpid()}"
    # Not ascontiguousarray: it would turn scalars into vectors.
    contiguous = {name: np.asarray(array, order="C") for name, array in arrays.items()}
    save_file(contiguous, partial, metadata={_META_KEY: json.dumps(meta)})
    _sync(partial)
    os.replace(partial, path)
    _sync(folder)
    for _, old in list_checkpoints(folder)[:-keep]:
        old.unlink()
    return path


def load_checkpoint(path: str | Path) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Arrays and meta of one file. Raises SafetensorError or ValueError when it is damaged."""
    with safe_open(path, framework="numpy") as file:
        header = file.metadata() or {}
        if _META_KEY not in header:
            raise ValueError(f"{Path(path).name} is not a training checkpoint")
        return {name: file.get_tensor(name) for name in file.keys()}, json.loads(header[_META_KEY])


def load_latest(folder: str | Path) -> tuple[int, dict[str, np.ndarray], dict[str, Any]] | None:
    """Newest readable checkpoint as (step, arrays, meta); None when there is none."""
    for step, path in reversed(list_checkpoints(folder)):
        try:
            return (step, *load_checkpoint(path))
        except (SafetensorError, ValueError, OSError) as error:
            _log.warning("skipping damaged checkpoint %s: %s", path.name, error)
    return None


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
