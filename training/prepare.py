"""Decode a speech data set once into flat memory-mapped arrays for training.

    python -m training.prepare --data DIR --out DIR

Two input layouts are recognised: ours (`metadata.jsonl` beside `*.tar` parts of Ogg/Opus) and
LJSpeech (`metadata.csv` with `id|text|normalised text`, audio in `wavs/<id>.wav`). The output
is `wave.i16` (samples), `mel.f16` (frames, 100; specs: f5-tts 4.1) and `index.json`, read by
`training.data.SpeechData`. Killing it is harmless: a journal line follows every utterance's
samples, and the next run continues after the last complete line.
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import logging
import multiprocessing
import os
import tarfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import soundfile
import soxr
from tqdm import tqdm

from audio.mel import log_mel
from training.data import (
    DURATION_UNIT_SAMPLES,
    HOP_SAMPLES,
    INDEX_NAME,
    MEL_DIM,
    MEL_NAME,
    SAMPLE_RATE,
    WAVE_NAME,
)

JOURNAL_NAME = "journal.jsonl"
DEV_PERCENT = 2  # of an LJSpeech-style folder, which has no split of its own

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Utterance:
    """Metadata and encoded audio of one utterance before decoding."""

    facts: dict[str, Any]
    audio: bytes


def _read_own_layout(folder: Path) -> Iterator[Utterance]:
    by_part: dict[str, dict[str, dict[str, Any]]] = {}
    for line in (folder / "metadata.jsonl").read_text(encoding="utf-8").splitlines():
        facts = json.loads(line)
        by_part.setdefault(facts["part"], {})[facts["id"]] = facts
    for part in sorted(by_part):
        with tarfile.open(folder / part) as tar:
            for member in tar:
                facts = by_part[part].pop(Path(member.name).stem, None)
                stream = tar.extractfile(member) if facts else None
                if facts and stream:
                    yield Utterance(facts=facts, audio=stream.read())
        if by_part[part]:
            raise ValueError(f"{part} lacks {len(by_part[part])} utterances of metadata.jsonl")


def _read_ljspeech_layout(folder: Path, lang: str, voice: str) -> Iterator[Utterance]:
    with (folder / "metadata.csv").open(encoding="utf-8", newline="") as lines:
        for row in csv.reader(lines, delimiter="|", quoting=csv.QUOTE_NONE):
            is_dev = zlib.crc32(row[0].encode()) % 100 < DEV_PERCENT
            facts = {
                "id": row[0],
                "split": "dev" if is_dev else "train",
                "lang": lang,
                "voice": voice,
                "text": row[-1],
                "phonemes": None,
                "durations": None,
            }
            yield Utterance(facts=facts, audio=(folder / "wavs" / f"{row[0]}.wav").read_bytes())


def read_utterances(folder: Path, lang: str, voice: str) -> Iterator[Utterance]:
    """Every utterance of a data folder in a fixed order. Raises FileNotFoundError."""
    if (folder / "metadata.jsonl").exists():
        return _read_own_layout(folder)
    if (folder / "metadata.csv").exists():
        return _read_ljspeech_layout(folder, lang, voice)
    raise FileNotFoundError(f"{folder} has neither metadata.jsonl nor metadata.csv with wavs/")


def decode_utterance(utterance: Utterance) -> tuple[dict[str, Any], np.ndarray, np.ndarray]:
    """Facts for the index, int16 (nw,) at 24 kHz, float16 (n, 100) log-mel."""
    wave, rate = soundfile.read(io.BytesIO(utterance.audio), dtype="float32", always_2d=True)
    mono = wave.mean(axis=1)
    if rate != SAMPLE_RATE:
        mono = soxr.resample(mono, rate, SAMPLE_RATE).astype(np.float32)
    pcm = np.clip(np.round(mono * 32767.0), -32768, 32767).astype(np.int16)
    durations = utterance.facts.get("durations")
    if durations is not None and sum(durations) * DURATION_UNIT_SAMPLES != len(pcm):
        raise ValueError(f"{utterance.facts['id']}: durations do not sum to {len(pcm)} samples")
    mel = log_mel(pcm.astype(np.float32) / 32767.0).astype(np.float16)
    keep = ("id", "split", "lang", "voice", "text", "phonemes", "durations")
    return {name: utterance.facts.get(name) for name in keep}, pcm, mel


def _read_journal(path: Path) -> list[dict[str, Any]]:
    """Complete lines only: a line cut by a kill is dropped with everything after it."""
    entries: list[dict[str, Any]] = []
    if path.exists():
        for line in path.read_bytes().splitlines(keepends=True):
            if not line.endswith(b"\n"):
                break
            entries.append(json.loads(line))
        path.write_text("".join(json.dumps(e) + "\n" for e in entries))
    return entries


class _Writer:
    """Appends samples, frames and journal lines, in that order."""

    def __init__(self, out: Path, entries: list[dict[str, Any]]) -> None:
        last = entries[-1] if entries else None
        self.num_samples = last["wave_offset"] + last["num_samples"] if last else 0
        self.num_frames = last["mel_offset"] + last["num_frames"] if last else 0
        self._wave = _open_at(out / WAVE_NAME, self.num_samples * 2)
        self._mel = _open_at(out / MEL_NAME, self.num_frames * MEL_DIM * 2)
        self._journal = (out / JOURNAL_NAME).open("ab")

    def append(self, facts: dict[str, Any], pcm: np.ndarray, mel: np.ndarray) -> dict[str, Any]:
        places = {
            "wave_offset": self.num_samples,
            "num_samples": len(pcm),
            "mel_offset": self.num_frames,
            "num_frames": len(mel),
        }
        self._wave.write(pcm.tobytes())
        self._mel.write(mel.tobytes())
        self._wave.flush()
        self._mel.flush()
        entry = facts | places
        self._journal.write(json.dumps(entry).encode() + b"\n")
        self._journal.flush()
        self.num_samples += len(pcm)
        self.num_frames += len(mel)
        return entry

    def close(self) -> None:
        for stream in (self._wave, self._mel, self._journal):
            stream.close()


def _open_at(path: Path, num_bytes: int) -> BinaryIO:
    """Open for writing at `num_bytes`, dropping whatever a killed run left behind it."""
    stream = path.open("r+b" if path.exists() else "w+b")
    stream.truncate(num_bytes)
    stream.seek(num_bytes)
    return stream


def prepare(data: Path, out: Path, *, lang: str, voice: str, num_workers: int) -> int:
    """Fill `out`; returns the number of utterances. Continues an interrupted run."""
    out.mkdir(parents=True, exist_ok=True)
    entries = _read_journal(out / JOURNAL_NAME)
    done = {entry["id"] for entry in entries}
    todo = (u for u in read_utterances(data, lang, voice) if u.facts["id"] not in done)
    writer = _Writer(out, entries)
    try:
        with multiprocessing.get_context("spawn").Pool(num_workers) as pool:
            results = pool.imap(decode_utterance, todo, chunksize=8)
            for result in tqdm(results, initial=len(done), unit="utt", desc="prepare"):
                entries.append(writer.append(*result))
    finally:
        writer.close()
    _write_index(out, entries)
    return len(entries)


def _write_index(out: Path, entries: list[dict[str, Any]]) -> None:
    index = {
        "format": 1,
        "sample_rate": SAMPLE_RATE,
        "hop_samples": HOP_SAMPLES,
        "mel_dim": MEL_DIM,
        "duration_unit_samples": DURATION_UNIT_SAMPLES,
        "utterances": entries,
    }
    partial = out / (INDEX_NAME + ".part")
    partial.write_text(json.dumps(index, ensure_ascii=False))
    os.replace(partial, out / INDEX_NAME)


def main() -> None:
    """Command line: see the module's docstring."""
    parser = argparse.ArgumentParser(description="decode a speech data set for training")
    parser.add_argument("--data", type=Path, required=True, help="data set folder")
    parser.add_argument("--out", type=Path, required=True, help="folder for the memory maps")
    parser.add_argument("--lang", default="en", help="language of an LJSpeech-style folder")
    parser.add_argument("--voice", default="ljspeech", help="voice name of such a folder")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    num = prepare(
        options.data,
        options.out,
        lang=options.lang,
        voice=options.voice,
        num_workers=options.workers,
    )
    _log.info("%d utterances in %s", num, options.out)


if __name__ == "__main__":
    main()
