"""Training utterances as the acoustic model draws them: `python -m training.respoken --help`.

A vocoder trained on real mels alone stumbles over what an acoustic model gets slightly wrong;
fine-tuning on the model's own mels beside the true wave mends that (HiFi-GAN, arXiv 2010.05646,
section 4.4). A free sample would not line up with the wave, so the flow starts from the true mel
under noise at a late time of the serving schedule and is finished by the model.

The folder holds `mel.f16` and `utterances.jsonl`, a line per utterance, written after its
frames: a run that is killed goes on where it was.

Axis legend: b batch, n mel frames, m mel bins.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Float
from tqdm import tqdm

from frontend.bundle import find_bundle
from frontend.schedules import RecommendedSchedule
from models.duration import FILLER_ID
from models.f5 import F5Model, load_f5
from models.flow import euler_step
from training.batches import prompt
from training.data import MEL_DIM, MEL_NAME, SpeechData, Utterance
from training.flags import add_flags

LINES_NAME = "utterances.jsonl"


@dataclass(frozen=True, kw_only=True)
class RespeakSettings:
    """What is drawn, and how; the command takes `schedule`, as served, from the bundle."""

    schedule: RecommendedSchedule = RecommendedSchedule(num_steps=10)

    num_utterances: int = 800
    num_rows: int = 8
    num_frames: int = 704  # reference and utterance; longer utterances are not used
    max_ref_frames: int = 235  # 2.5 s, what serving takes of a reference
    first_times: tuple[float, ...] = (0.25, 0.4)  # take the schedule up after one of these
    seed: int = 0


class RespokenMels:
    """Reads what `respeak` wrote: `ids` and one log-mel for each.

    Raises FileNotFoundError when the folder holds none.
    """

    def __init__(self, folder: Path) -> None:
        if not (folder / LINES_NAME).exists():
            raise FileNotFoundError(f"no {LINES_NAME} in {folder}: run training.respoken first")
        self._places = _read_places(folder)
        self._mel = np.memmap(folder / MEL_NAME, np.float16, "r").reshape(-1, MEL_DIM)

    @property
    def ids(self) -> list[str]:
        return list(self._places)

    def mel(self, utterance_id: str, start: int, num_frames: int) -> Float[np.ndarray, "n m"]:
        first = self._places[utterance_id][0] + start
        return self._mel[first : first + num_frames].astype(np.float32)


def _read_places(folder: Path) -> dict[str, tuple[int, int]]:
    """Utterance id -> (first row in the mel file, frames); half a last line is dropped."""
    places, first = {}, 0
    for line in (folder / LINES_NAME).read_text(encoding="utf-8").splitlines(keepends=True):
        if line.endswith("\n"):
            record = json.loads(line)
            places[record["id"]] = first, record["num_frames"]
            first += record["num_frames"]
    return places


def respeak(data: SpeechData, model: F5Model, out: Path, settings: RespeakSettings) -> None:
    """Draw `num_utterances` training utterances anew; those in `out` already are kept.

    Raises ValueError when no utterance with durations fits into `num_frames`.
    """
    chosen = _chosen(data, settings)
    num_done = _prepare_folder(out)
    with (
        (out / MEL_NAME).open("ab") as mels,
        (out / LINES_NAME).open("a", encoding="utf-8") as lines,
        tqdm(total=len(chosen), initial=num_done, unit="utterance", mininterval=10) as bar,
    ):
        for first in range(num_done, len(chosen), settings.num_rows):
            batch = chosen[first : first + settings.num_rows]
            drawn = _draw(model, data, batch, first, settings)
            for utterance, mel in zip(batch, drawn, strict=True):
                mels.write(mel.astype(np.float16).tobytes())
                mels.flush()  # the line promises that the frames are there
                line = {"id": utterance.id, "num_frames": len(mel)}
                lines.write(json.dumps(line) + "\n")
                lines.flush()
            bar.update(len(batch))
            bar.set_postfix(mel_error=f"{_mel_error(data, batch, drawn):.3f}")


def _chosen(data: SpeechData, settings: RespeakSettings) -> list[Utterance]:
    longest = settings.num_frames - settings.max_ref_frames
    fitting = [u for u in data.select(split="train", is_aligned=True) if u.num_frames <= longest]
    if not fitting:
        raise ValueError(f"no training utterance with durations has {longest} frames or fewer")
    order = np.random.default_rng(settings.seed).permutation(len(fitting))
    return [fitting[place] for place in order[: settings.num_utterances]]


def _prepare_folder(out: Path) -> int:
    """Number of whole utterances in `out`; anything after them is cut off."""
    out.mkdir(parents=True, exist_ok=True)
    if not (out / LINES_NAME).exists():
        (out / MEL_NAME).write_bytes(b"")
        return 0
    places = _read_places(out)
    num_frames = sum(frames for _, frames in places.values())
    with (out / MEL_NAME).open("r+b") as mels:
        mels.truncate(num_frames * MEL_DIM * np.dtype(np.float16).itemsize)
    lines = [json.dumps({"id": i, "num_frames": n}) + "\n" for i, (_, n) in places.items()]
    (out / LINES_NAME).write_text("".join(lines), encoding="utf-8")
    return len(places)


def _draw(
    model: F5Model,
    data: SpeechData,
    batch: list[Utterance],
    first: int,
    settings: RespeakSettings,
) -> list[Float[np.ndarray, "n m"]]:
    """The model's log-mels of a batch, a pure function of (seed, first)."""
    config = model.config
    rng = np.random.default_rng((settings.seed, first))
    shape = settings.num_rows, settings.num_frames
    mels, cond = (np.zeros((*shape, MEL_DIM), np.float32) for _ in range(2))
    ids = np.full(shape, FILLER_ID, np.int32)
    lengths, num_ref = np.ones(shape[0], np.int32), np.zeros(shape[0], np.int32)
    for row, utterance in enumerate(batch):
        reference = _reference(data, utterance, rng)
        ref_mel, row_ids = prompt(data, reference, utterance, settings.max_ref_frames)
        num_ref[row], lengths[row] = len(ref_mel), len(row_ids)
        whole = np.concatenate([ref_mel, data.mel(utterance)])
        mels[row, : lengths[row]] = (whole - config.mel_mean) / config.mel_std
        cond[row, : num_ref[row]] = mels[row, : num_ref[row]]
        ids[row, : lengths[row]] = row_ids
    times = _late_times(settings, rng)
    noise = np.float32(settings.schedule.noise_scale) * rng.standard_normal(mels.shape, np.float32)
    x = _finish(model, noise + times[0] * (mels - noise), cond, ids, lengths, times, settings)
    drawn = np.asarray(x) * config.mel_std + config.mel_mean
    return [drawn[row, num_ref[row] : lengths[row]] for row in range(len(batch))]


def _reference(data: SpeechData, utterance: Utterance, rng: np.random.Generator) -> Utterance:
    """Another training utterance of the same voice; itself where there is none."""
    others = [
        u for u in data.select(split="train") if u.voice == utterance.voice and u.id != utterance.id
    ]
    return others[int(rng.integers(len(others)))] if others else utterance


def _late_times(settings: RespeakSettings, rng: np.random.Generator) -> list[float]:
    """The serving schedule from a randomly chosen late time on."""
    after = settings.first_times[int(rng.integers(len(settings.first_times)))]
    late = [t for t in settings.schedule.grid().times if t >= after]
    return late if len(late) > 1 else [after, 1.0]


def _finish(
    model: F5Model,
    x: np.ndarray,
    cond: np.ndarray,
    ids: np.ndarray,
    lengths: np.ndarray,
    times: list[float],
    settings: RespeakSettings,
) -> jax.Array:
    num_rows = len(x)
    row_lengths = jnp.asarray(lengths)
    statics = _encode(model, jnp.asarray(cond), jnp.asarray(ids), row_lengths)
    y, guidance = jnp.asarray(x), jnp.full(num_rows, settings.schedule.guidance)
    for start, stop in zip(times[:-1], times[1:], strict=True):
        at, size = jnp.full(num_rows, start), jnp.full(num_rows, stop - start)
        y = _step(model, y, statics, row_lengths, at, size, guidance)
    return y


@nnx.jit
def _encode(model: F5Model, cond: jax.Array, ids: jax.Array, lengths: jax.Array) -> jax.Array:
    return model.encode_branches(cond, ids, lengths)


_step = nnx.jit(euler_step)


def _mel_error(data: SpeechData, batch: list[Utterance], drawn: list[np.ndarray]) -> float:
    """Mean |log-mel difference| from the true mels: how far the model strayed."""
    errors = [np.abs(mel - data.mel(u)).mean() for u, mel in zip(batch, drawn, strict=True)]
    return float(np.mean(errors))


def main(argv: list[str] | None = None) -> None:
    """Command line entry."""
    parser = argparse.ArgumentParser(prog="python -m training.respoken", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder made by training.prepare")
    parser.add_argument("--model", required=True, help="bundle, as assets/jetvoice-small")
    parser.add_argument("--out", type=Path, required=True, help="folder for the mels")
    add_flags(parser, RespeakSettings())
    values = vars(parser.parse_args(argv))
    data, model, out = (values.pop(name) for name in ("data", "model", "out"))
    bundle = find_bundle(model)
    network = load_f5(bundle.acoustic_path, bundle.f5)
    respeak(SpeechData(data), network, out, RespeakSettings(schedule=bundle.schedule, **values))


if __name__ == "__main__":
    main()
