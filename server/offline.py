"""Speaking a file into a folder: the same engine and the same sound, resumable at any point.

    part-0001.wav, part-0001.json   one piece of the text: sound, words, digest
    job.json                        what is being made; another text or voice is refused
    audio.wav, audio.srt            all parts in order, written when the last is done
    report.json                     seconds of audio and of work, real-time factor

A part appears under its name only when it is whole, so a killed run loses the parts it was
making and nothing else. A text of up to `MAX_PART_CHARS` is one part, equal to the server's
answer for the same seed.
"""

from __future__ import annotations

import asyncio
import json
import os
import time
import wave
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NoReturn

from tqdm import tqdm

from audio.encode import wav_bytes
from inference_types import (
    ChunkPolicy,
    InvalidRequestError,
    InvalidTextError,
    Priority,
    QueueFullError,
    SynthesisRequest,
    WordSpan,
)
from orchestrator import Orchestrator, RequestStream
from server.collection import Speech, collect, speech_fields
from server.resumable import fingerprint_of
from server.schemas import MAX_SEED, MAX_SPEED, MAX_STEPS, MIN_SPEED
from server.settings import Invocation
from server.subtitles import to_srt

MAX_PART_CHARS = 5000
# Enough to fill a batch while the last segments of one part are being made.
MAX_PARTS_AT_ONCE = 3
MAX_RETRY_WAIT_S = 2.0
_COPY_FRAMES = 1 << 16


@dataclass(frozen=True, kw_only=True)
class OfflineJob:
    """What to speak and how; `None` means the model's recommended value.

    `model` tells jobs apart and loads nothing.
    """

    text: str
    out_dir: Path
    voice: str | None = None
    seed: int = 0
    num_steps: int | None = None
    speed: float = 1.0
    chunk_policy: ChunkPolicy = "exponential"
    model: str = ""

    def __post_init__(self) -> None:
        for name, value, low, high in (
            ("seed", self.seed, 0, MAX_SEED),
            ("steps", self.num_steps or 1, 1, MAX_STEPS),
            ("speed", self.speed, MIN_SPEED, MAX_SPEED),
        ):
            if not low <= value <= high:
                raise InvalidRequestError(f"--{name} must be from {low} to {high}", field=name)

    @classmethod
    def from_invocation(cls, invocation: Invocation) -> OfflineJob:
        """Reads the text file. Raises InvalidRequestError naming the flag to mend."""
        assert invocation.text_file is not None and invocation.out_dir is not None
        try:
            text = invocation.text_file.read_text(encoding="utf-8-sig")
        except OSError:
            raise InvalidRequestError("--text-file cannot be read", field="text_file") from None
        except UnicodeDecodeError:
            raise InvalidRequestError("--text-file must be UTF-8", field="text_file") from None
        options = invocation.options
        return cls(
            text=text,
            out_dir=invocation.out_dir,
            voice=options["voice"],
            seed=options["seed"],
            num_steps=options["steps"],
            speed=options["speed"],
            chunk_policy=invocation.settings.chunk_policy,
            model=invocation.settings.model,
        )

    @property
    def fingerprint(self) -> str:
        return fingerprint_of({k: v for k, v in asdict(self).items() if k != "out_dir"})


def split_parts(text: str, max_chars: int = MAX_PART_CHARS) -> list[str]:
    """Whole paragraphs up to `max_chars`; a longer paragraph is cut at spaces or anywhere."""
    parts: list[str] = []
    for paragraph in _short_paragraphs(text, max_chars):
        if parts and len(parts[-1]) + 2 + len(paragraph) <= max_chars:
            parts[-1] += "\n\n" + paragraph
        else:
            parts.append(paragraph)
    return [part for part in parts if any(char.isalnum() for char in part)]


def _short_paragraphs(text: str, max_chars: int) -> Iterator[str]:
    for block in text.replace("\r\n", "\n").split("\n\n"):
        rest = block.strip()
        while len(rest) > max_chars:
            cut = _last_break(rest, max_chars)
            yield rest[:cut].strip()
            rest = rest[cut:].strip()
        if rest:
            yield rest


def _last_break(text: str, max_chars: int) -> int:
    """Just after the last sentence end within reach, else the last space, else the limit."""
    head = text[:max_chars]
    ends = [head.rfind(mark) + len(mark) for mark in (". ", "! ", "? ", "。", "！", "？", "\n")]
    best = max(ends)
    if best > max_chars // 2:
        return best
    return head.rfind(" ") if " " in head else max_chars


def run_offline(orchestrator: Orchestrator, job: OfflineJob) -> dict[str, Any]:
    """Make the job with a progress bar; returns the report.

    The orchestrator runs only while there is something to make.
    """

    parts = _open_job(job)  # before the warm-up: what cannot be made is refused at once

    async def run() -> dict[str, Any]:
        if not _missing_parts(job, parts):  # nothing to warm up for
            return await speak_file(orchestrator, job, lambda *state: None)
        await orchestrator.start()
        try:
            await orchestrator.wait_until_ready()
            with tqdm(unit="part", desc="speaking") as bar:
                return await speak_file(orchestrator, job, lambda *state: _show(bar, *state))
        finally:
            await orchestrator.stop()

    return asyncio.run(run())


def _show(bar: tqdm[NoReturn], num_done: int, num_parts: int) -> None:
    bar.total = num_parts
    bar.n = num_done
    bar.refresh()


async def speak_file(
    orchestrator: Orchestrator, job: OfflineJob, on_part: Callable[[int, int], None]
) -> dict[str, Any]:
    """Make what is missing, then join everything. Returns the report.

    `on_part(num_done, num_parts)` is called at the start and after each part. Raises
    InvalidTextError for a text without words, InvalidRequestError for a folder that holds
    another job, and whatever the engine raises.
    """
    parts = _open_job(job)
    started_s = time.monotonic()
    missing = _missing_parts(job, parts)
    on_part(len(parts) - len(missing), len(parts))
    await _speak_parts(orchestrator, job, parts, missing, on_part)
    work_s = time.monotonic() - started_s
    durations_s = await asyncio.to_thread(_join_parts, job.out_dir, len(parts))
    made_s = sum(durations_s[i] for i in missing)
    report = {
        "num_parts": len(parts),
        "num_parts_made": len(missing),
        "audio_s": round(sum(durations_s), 3),
        "audio_made_s": round(made_s, 3),
        "work_s": round(work_s, 3),
        "rtf": round(work_s / made_s, 4) if missing else None,
    }
    _write(job.out_dir / "report.json", json.dumps(report, indent=1).encode())
    return report


def _open_job(job: OfflineJob) -> list[str]:
    """The texts of all parts; the folder is the job's now. Raises as `speak_file` does."""
    parts = split_parts(job.text)
    if not parts:
        raise InvalidTextError("the text file holds nothing that can be spoken", field="text_file")
    try:
        _claim_folder(job)
    except OSError as error:
        raise InvalidRequestError(
            f"--out cannot be written ({error.strerror})", field="out"
        ) from None
    return parts


def _missing_parts(job: OfflineJob, parts: list[str]) -> list[int]:
    return [i for i in range(len(parts)) if not _paths(job.out_dir, i)[1].exists()]


def _claim_folder(job: OfflineJob) -> None:
    """The folder belongs to one job, so that parts of two texts never mix."""
    job.out_dir.mkdir(parents=True, exist_ok=True)
    path = job.out_dir / "job.json"
    claim = json.dumps({"fingerprint": job.fingerprint}).encode()
    if not path.exists():
        _write(path, claim)
    elif path.read_bytes() != claim:
        raise InvalidRequestError(
            "the output folder holds another text, voice, model or setting; choose another --out",
            field="out",
        )


async def _speak_parts(
    orchestrator: Orchestrator,
    job: OfflineJob,
    parts: list[str],
    missing: list[int],
    on_part: Callable[[int, int], None],
) -> None:
    places = asyncio.Semaphore(MAX_PARTS_AT_ONCE)
    num_done = len(parts) - len(missing)

    async def speak_one(index: int) -> None:
        nonlocal num_done
        async with places:
            speech = await _speak(orchestrator, job, index, parts[index])
            await asyncio.to_thread(_store, job.out_dir, index, speech)
        num_done += 1
        on_part(num_done, len(parts))

    tasks = [asyncio.ensure_future(speak_one(index)) for index in missing]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _speak(orchestrator: Orchestrator, job: OfflineJob, index: int, text: str) -> Speech:
    request = SynthesisRequest(
        request_id=f"{job.fingerprint[:24]}{index:08x}",
        text=text,
        voice=job.voice,
        num_steps=job.num_steps,
        speed=job.speed,
        seed=job.seed,
        chunk_policy=job.chunk_policy,
        priority=Priority.OFFLINE,
    )
    stream = await _submit(orchestrator, request)
    try:
        assert stream.estimate is not None
        return await collect(stream.events(), stream.estimate.sample_rate)
    finally:
        stream.cancel("cancelled")  # a no-op after the end


async def _submit(orchestrator: Orchestrator, request: SynthesisRequest) -> RequestStream:
    """Waits for room: on a slow device admission takes fewer parts than could be under way."""
    while True:
        try:
            return await orchestrator.submit(request)
        except QueueFullError as error:
            await asyncio.sleep(min(error.retry_after_s, MAX_RETRY_WAIT_S))


def _paths(folder: Path, index: int) -> tuple[Path, Path]:
    """Sound and record of a part; the record is written last and makes the part exist."""
    stem = f"part-{index + 1:04}"
    return folder / f"{stem}.wav", folder / f"{stem}.json"


def _store(folder: Path, index: int, speech: Speech) -> None:
    sound_path, record_path = _paths(folder, index)
    _write(sound_path, wav_bytes(speech.pcm, speech.sample_rate))
    record = speech_fields(speech) | {"sample_rate": speech.sample_rate}
    _write(record_path, json.dumps(record, ensure_ascii=False, indent=1).encode())


def _write(path: Path, data: bytes) -> None:
    partial = path.with_name(path.name + ".part")
    partial.write_bytes(data)
    os.replace(partial, path)


def _join_parts(folder: Path, num_parts: int) -> list[float]:
    """audio.wav and audio.srt of all parts; returns seconds of each. Memory stays flat."""
    words: list[WordSpan] = []
    durations_s: list[float] = []
    partial = folder / "audio.wav.part"
    with wave.open(str(partial), "wb") as joined:
        num_samples = 0
        for index in range(num_parts):
            sound_path, record_path = _paths(folder, index)
            record = json.loads(record_path.read_bytes())
            words += [_moved(word, num_samples) for word in record["words"]]
            durations_s.append(record["duration"])
            _append(joined, sound_path)
            num_samples = joined.getnframes()
            rate = record["sample_rate"]
    os.replace(partial, folder / "audio.wav")
    _write(folder / "audio.srt", to_srt(words, rate, num_samples).encode())
    return durations_s


def _append(joined: wave.Wave_write, path: Path) -> None:
    with wave.open(str(path), "rb") as part:
        if joined.getnframes() == 0:
            joined.setparams(part.getparams())
        while frames := part.readframes(_COPY_FRAMES):
            joined.writeframes(frames)


def _moved(word: dict[str, Any], offset: int) -> WordSpan:
    return WordSpan(
        text=word["text"],
        start_sample=word["start_sample"] + offset,
        end_sample=word["end_sample"] + offset,
    )
