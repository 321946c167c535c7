"""Does it speak well? One table of word errors, DNSMOS and voice likeness.

    pip install -r requirements-bench.txt
    python benchmarks/quality.py --asr DIR --out runs/quality

Speaks the texts of `benchmarks/texts/` through the whole product (no server), keeps every WAV,
and scores it: word error rate by an offline Whisper (CTranslate2 folder, see --asr) after the
Whisper English normaliser, toneless pinyin errors for Chinese, DNSMOS (speechmos), cosine
likeness of the voice to its reference (resemblyzer), real-time factor. Give --model twice to
compare two bundles, several --steps or --guidance to choose a schedule.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import soundfile  # noqa: E402

from audio.encode import wav_bytes  # noqa: E402
from benchmarks.scoring import Scorer, likeness_pairs  # noqa: E402
from benchmarks.speech import sentences  # noqa: E402
from inference_types import ReferenceAudio, SynthesisRequest  # noqa: E402
from main import Product, build  # noqa: E402
from server.collection import collect  # noqa: E402
from server.settings import ServerSettings  # noqa: E402

ENGLISH_VOICES = ("heart", "bella", "emma", "michael", "fenrir", "george")
CHINESE_VOICES = ("xiaoxiao", "yunxi", "yunjian")


@dataclass(frozen=True, kw_only=True)
class Utterance:
    """One thing to say and where its sound is kept."""

    group: str
    text: str
    language: str
    voice: str
    reference: str = ""


@dataclass(frozen=True, kw_only=True)
class Setting:
    """A column of the comparison; None means the model's own recommendation."""

    model: str
    steps: int | None
    guidance: float | None

    @property
    def label(self) -> str:
        name = Path(self.model).name or "shipped"
        steps = "default" if self.steps is None else f"{self.steps} steps"
        guidance = "" if self.guidance is None else f", guidance {self.guidance:g}"
        return f"{name}, {steps}{guidance}"


def utterances(groups: list[str], limit: int, clone_from: list[Path]) -> Iterator[Utterance]:
    """The texts with voices dealt out in turn; `clone_from` clips speak the group clone."""
    for group in groups:
        if group == "clone":
            lines = sentences("english")
            for i, path in enumerate(p for p in clone_from for _ in range(3)):
                yield Utterance(group=group, text=lines[i % len(lines)], language="en",
                                voice=path.stem, reference=str(path))  # fmt: skip
            continue
        language = "zh" if group == "chinese" else "en"
        voices = CHINESE_VOICES if language == "zh" else ENGLISH_VOICES
        for i, text in enumerate(sentences(group)[:limit]):
            yield Utterance(
                group=group, text=text, language=language, voice=voices[i % len(voices)]
            )


async def speak_all(
    product: Product, setting: Setting, items: list[Utterance], out: Path
) -> list[dict]:
    """Speak every item alone, one after the other, and keep its WAV and figures."""
    rows = []
    for number, item in enumerate(items):
        reference = (
            ReferenceAudio(data=Path(item.reference).read_bytes()) if item.reference else None
        )
        request = SynthesisRequest(
            request_id=f"{number:032x}",
            text=item.text,
            voice=None if reference else item.voice,
            reference=reference,
            num_steps=setting.steps,
            guidance_scale=setting.guidance,
            seed=number,
        )
        begun = time.monotonic()
        stream = await product.orchestrator.submit(request)
        assert stream.estimate is not None
        speech = await collect(stream.events(), stream.estimate.sample_rate)
        work_s = time.monotonic() - begun
        path = out / f"{item.group}-{number:03d}.wav"
        path.write_bytes(wav_bytes(speech.pcm, speech.sample_rate))
        rows.append(
            asdict(item)
            | {
                "wav": path.name,
                "duration_s": speech.summary.duration_s,
                "work_s": work_s,
                "first_audio_s": speech.summary.first_audio_s,
            }
        )
        print(f"\r{setting.label}: {number + 1}/{len(items)}", end="", file=sys.stderr)
    return rows


def synthesise(setting: Setting, items: list[Utterance], out: Path) -> list[dict]:
    """Start the product, speak, stop; figures also go to `out/spoken.json`."""
    out.mkdir(parents=True, exist_ok=True)
    product = build(ServerSettings(model=setting.model), lambda reason: None)

    async def run() -> list[dict]:
        await product.orchestrator.start()
        try:
            await product.orchestrator.wait_until_ready(1800.0)
            return await speak_all(product, setting, items, out)
        finally:
            await product.orchestrator.stop()

    with product.decoder:
        rows = asyncio.run(run())
    (out / "spoken.json").write_text(json.dumps(rows, ensure_ascii=False, indent=1))
    return rows


def score(rows: list[dict], folder: Path, scorer: Scorer) -> list[dict]:
    """Add what was heard, word errors and DNSMOS to every row."""
    for row in rows:
        samples, rate = soundfile.read(folder / row["wav"], dtype="float32")
        row |= scorer.score(samples, rate, row["text"], row["language"])
    return rows


def table_rows(label: str, rows: list[dict], likeness: dict[str, tuple[float, float]]) -> list:
    """One line per group: count, error rate, DNSMOS, likeness (own, other), RTF, first audio."""
    lines = []
    for group in dict.fromkeys(row["group"] for row in rows):
        members = [row for row in rows if row["group"] == group]
        errors = sum(r["num_errors"] for r in members) / max(
            1, sum(r["num_words"] for r in members)
        )
        own, other = likeness.get(group, (float("nan"), float("nan")))
        rtf = np.median([r["work_s"] / r["duration_s"] for r in members])
        first = np.median([r["first_audio_s"] for r in members])
        mos = np.mean([r["dnsmos"] for r in members])
        lines.append(
            f"| {label} | {group} | {len(members)} | {100 * errors:.1f} % | {mos:.2f} |"
            f" {own:.2f} / {other:.2f} | {rtf:.2f} | {first:.2f} |"
        )
    return lines


HEADER = (
    "| model | texts | n | word (pinyin) errors | DNSMOS | likeness own / other | RTF |"
    " first audio, s |\n|---|---|---|---|---|---|---|---|"
)


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--asr", type=Path, required=True, help="folder of a CTranslate2 Whisper")
    parser.add_argument("--out", type=Path, default=ROOT / "runs" / "quality")
    parser.add_argument("--model", action="append", default=[], help="bundle; repeat to compare")
    parser.add_argument("--steps", type=int, action="append", default=[])
    parser.add_argument("--guidance", type=float, action="append", default=[])
    parser.add_argument("--groups", nargs="+", default=["english", "special", "chinese", "clone"])
    parser.add_argument("--limit", type=int, default=10_000, help="texts of each group")
    parser.add_argument("--clone-from", type=Path, nargs="*",
                        default=sorted((ROOT / "benchmarks" / "voices").glob("*.flac")),
                        help="clips of voices the model was not trained on")  # fmt: skip
    args = parser.parse_args(argv)
    settings = [
        Setting(model=model, steps=steps, guidance=guidance)
        for model in args.model or [""]
        for steps in args.steps or [None]
        for guidance in args.guidance or [None]
    ]
    items = list(utterances(args.groups, args.limit, args.clone_from))
    scorer = Scorer(args.asr)
    lines = [HEADER]
    for number, setting in enumerate(settings):
        folder = args.out / f"{number}"
        rows = score(synthesise(setting, items, folder), folder, scorer)
        (folder / "scored.json").write_text(json.dumps(rows, ensure_ascii=False, indent=1))
        lines += table_rows(setting.label, rows, likeness_pairs(rows, folder, _reference_clip))
        print("\n".join(lines), flush=True)
    (args.out / "table.md").write_text("\n".join(lines) + "\n")


def _reference_clip(row: dict) -> Path:
    """The clip a row's voice was taken from."""
    if row["reference"]:
        return Path(row["reference"])
    return ROOT / "assets" / "jetvoice-small" / "voices" / f"{row['voice']}.flac"


if __name__ == "__main__":
    main()
