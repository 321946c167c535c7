"""Reading and judging an official-layout safetensors file (specs: f5-tts 6.2)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import ml_dtypes  # noqa: F401 - teaches numpy bfloat16, which safetensors needs
import numpy as np
from safetensors import SafetensorError, safe_open

from inference_types import ModelLoadError

EMA_PREFIX, PREFIX = "ema_model.", "transformer."
ROTARY_KEY = "rotary_embed.inv_freq"
# Training bookkeeping, and mel buffers of old files.
IGNORED_KEYS = frozenset(
    {
        "initted",
        "step",
        "update",
        "mel_spec.mel_stft.mel_scale.fb",
        "mel_spec.mel_stft.spectrogram.window",
    }
)
FLOAT_TYPES = ("F32", "F16", "BF16", "F64")
UNETT_KEY = "layers.0.1.g"

Shapes = Mapping[str, tuple[int, ...]]


class CheckpointFile:
    """An open file, addressed by the table's names (official, without prefixes)."""

    def __init__(self, label: str, tensors: Any) -> None:
        self.label = label
        self._tensors = tensors
        self._full_names = {_short_name(full): full for full in tensors.keys()}
        for key in IGNORED_KEYS:
            self._full_names.pop(key, None)
        slices = {key: tensors.get_slice(full) for key, full in self._full_names.items()}
        self.shapes: Shapes = {key: tuple(part.get_shape()) for key, part in slices.items()}
        self._types = {key: part.get_dtype() for key, part in slices.items()}

    def read(self, key: str) -> np.ndarray:
        """The tensor as float32. Raises ModelLoadError if a number is NaN or infinite."""
        tensor = self._tensors.get_tensor(self._full_names[key]).astype(np.float32)
        if not np.isfinite(tensor).all():
            raise ModelLoadError(
                f"{self.label} is damaged: {key} holds numbers that are not finite"
            )
        return tensor

    def check(self, expected: Shapes, dim_head: int) -> None:
        """Raise one ModelLoadError that lists every tensor that does not fit."""
        if UNETT_KEY in self.shapes:
            raise ModelLoadError(
                f"{self.label} is an E2-TTS checkpoint (UNetT backbone), which is not supported;"
                " use an F5-TTS checkpoint"
            )
        wrong = [*self._misfits(expected), *self._rotary_misfits(dim_head)]
        if wrong:
            raise ModelLoadError(
                f"{self.label} does not fit the configuration; the file has {self._sizes()}."
                f" {len(wrong)} problems: {'; '.join(wrong)}"
            )

    def _misfits(self, expected: Shapes) -> Iterator[str]:
        found = self.shapes
        yield from (f"missing {key}" for key in sorted(expected.keys() - found.keys()))
        left_over = found.keys() - expected.keys() - {ROTARY_KEY}
        yield from (f"left over {self._full_names[key]}" for key in sorted(left_over))
        for key in sorted(expected.keys() & found.keys()):
            if found[key] != expected[key]:
                yield f"{key} has shape {found[key]} instead of {expected[key]}"
            if self._types[key] not in FLOAT_TYPES:
                yield f"{key} is {self._types[key]} instead of one of {', '.join(FLOAT_TYPES)}"

    def _rotary_misfits(self, dim_head: int) -> Iterator[str]:
        """The one buffer in the file says which positions it was trained with."""
        expected = rotary_frequencies(dim_head)
        if ROTARY_KEY not in self.shapes:
            return
        if self.shapes[ROTARY_KEY] != expected.shape:
            yield f"{ROTARY_KEY} has shape {self.shapes[ROTARY_KEY]} instead of {expected.shape}"
        # bfloat16 files keep it to 3 digits.
        elif not np.allclose(self.read(ROTARY_KEY), expected, rtol=1e-2, atol=0):
            yield f"{ROTARY_KEY} is not 10000^(-2j/{dim_head})"

    def _sizes(self) -> str:
        """What the file's own shapes say, as configuration fields."""
        text_rows, text_dim = self.shapes.get("text_embed.text_embed.weight", (0, 0))
        sizes = {
            "dim": self.shapes.get("proj_out.weight", (0, 0))[1],
            "depth": _num_layers(self.shapes, "transformer_blocks."),
            "text_dim": text_dim,
            "conv_layers": _num_layers(self.shapes, "text_embed.text_blocks."),
            "vocab_size": text_rows - 1,
        }
        known = [f"{name} {value}" for name, value in sizes.items() if value > 0]
        return ", ".join(known) or "no F5-TTS tensors"


@contextmanager
def open_checkpoint(file: Path) -> Iterator[CheckpointFile]:
    """Raises ModelLoadError if the file is cut short or something else."""
    try:
        with safe_open(file, framework="numpy") as tensors:
            yield CheckpointFile(file.name, tensors)
    except SafetensorError as error:
        raise ModelLoadError(
            f"{file.name} is cut short or not a safetensors file; fetch it again"
        ) from error


def rotary_frequencies(dim_head: int) -> np.ndarray:
    """10000^(-2j/k), float32 (k/2,), as official files carry it."""
    return (10000.0 ** (-np.arange(0, dim_head, 2) / dim_head)).astype(np.float32)


def _short_name(full: str) -> str:
    """Without prefixes; a name from outside the transformer keeps its own, and is left over."""
    return full.removeprefix(EMA_PREFIX).removeprefix(PREFIX)


def _num_layers(shapes: Shapes, prefix: str) -> int:
    return len({key[len(prefix) :].split(".")[0] for key in shapes if key.startswith(prefix)})
