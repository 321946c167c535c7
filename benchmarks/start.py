"""How soon is it ready, how soon does it speak? Figures of one server on this machine.

    python benchmarks/start.py --out runs/start

Starts `main.py` with an empty compile cache and again with the filled one, then streams single
sentences and, against the same first sentence alone, texts of forty; one after the other.
Prints a table and writes it as JSON. Linux only (/proc).
"""

from __future__ import annotations

import argparse
import json
import re
import statistics
import sys
import tempfile
import time
from pathlib import Path

import httpx

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.server_process import ServerProcess, server  # noqa: E402
from benchmarks.speech import sentences, speech_events  # noqa: E402

NUM_SINGLE, NUM_PAIRS, NUM_LONG = 8, 3, 40


def stream(url: str, text: str, seed: int) -> dict[str, float]:
    """Seconds to the first event with sound, seconds of sound, real-time factor."""
    begun, first_s, final = time.monotonic(), 0.0, None
    for event in speech_events(url, text, seed=seed):
        if event.get("audio_chunk") and not first_s:
            first_s = time.monotonic() - begun
        final = event["metadata"] if event.get("is_final") else final
    if final is None:
        raise SystemExit(f"the stream of {text[:40]!r} broke off")
    audio_s = final["duration"]
    return {"first_s": first_s, "audio_s": audio_s, "rtf": (time.monotonic() - begun) / audio_s}


def num_compilations(url: str) -> float:
    metrics = httpx.get(f"{url}metrics").text
    return sum(float(n) for n in re.findall(r"^jetvoice_compilations\S* (\S+)$", metrics, re.M))


def speak(running: ServerProcess) -> dict[str, float]:
    """Figures of single sentences, and of forty against the first of them alone."""
    texts = sentences("english")
    forty = " ".join((texts * NUM_LONG)[:NUM_LONG])
    before, url = num_compilations(running.url), running.url
    single = [stream(url, s, seed) for seed, s in enumerate(texts[:NUM_SINGLE])]
    alone = [stream(url, texts[0], seed) for seed in range(NUM_PAIRS)]
    long = [stream(url, forty, seed) for seed in range(NUM_PAIRS)]
    ratios = [b["first_s"] / a["first_s"] for a, b in zip(alone, long, strict=True)]
    return {
        "first sound of a sentence, median, s": statistics.median(x["first_s"] for x in single),
        "first sound of a sentence, slowest, s": max(x["first_s"] for x in single),
        "real-time factor of a sentence, median": statistics.median(x["rtf"] for x in single),
        "sound of forty sentences, s": long[0]["audio_s"],
        "real-time factor of forty sentences": statistics.median(x["rtf"] for x in long),
        "first sound, forty sentences / one": statistics.median(ratios),
        "compilations after ready": num_compilations(url) - before,
        "peak memory, MiB": running.peak_mib(),
    }


def measure(arguments: list[str]) -> dict[str, float]:
    """All figures; `arguments` go to main.py."""
    with tempfile.TemporaryDirectory() as cache:
        arguments = [*arguments, "--compile-cache", cache]
        with server(*arguments) as cold:
            figures = {"ready, empty compile cache, s": cold.ready_s}
        with server(*arguments) as warm:
            return figures | {"ready, filled compile cache, s": warm.ready_s} | speak(warm)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", help="bundle; the shipped voice otherwise")
    parser.add_argument("--out", type=Path, default=ROOT / "runs" / "start")
    args = parser.parse_args()
    figures = measure(["--model", args.model] if args.model else [])
    args.out.mkdir(parents=True, exist_ok=True)
    (args.out / "start.json").write_text(json.dumps(figures, indent=1) + "\n")
    print("| figure | value |\n|---|---|")
    print("\n".join(f"| {name} | {value:.2f} |" for name, value in figures.items()))


if __name__ == "__main__":
    main()
