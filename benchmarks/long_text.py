"""Does one very long request run in constant memory? Starts a server of its own.

    python benchmarks/long_text.py --minutes 40

Sends about `--minutes` minutes of speech as one request, reads as fast as it can, and prints
the server's resident memory as it goes. The first 11 minutes of sound fill the 32 MiB of the
stream's event log; from there on memory must be flat. Checks that chunks come in order and that
their digest is the one the server announces. Linux only (/proc).
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import sys
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.server_process import ServerProcess, server  # noqa: E402
from benchmarks.speech import sentences, speech_events  # noqa: E402

CHARS_PER_MINUTE = 1075  # of the benchmark's English at the default pace
WAV_HEADER_BYTES = 44


def watch(
    running: ServerProcess, every_s: float, samples: list[tuple[float, float]]
) -> threading.Event:
    """Add (seconds since now, MiB) to `samples` until the returned event is set."""
    stop, begun = threading.Event(), time.monotonic()

    def run() -> None:
        while not stop.wait(every_s):
            samples.append((time.monotonic() - begun, running.resident_mib()))

    threading.Thread(target=run, daemon=True).start()
    return stop


def long_text(minutes: float) -> str:
    once = " ".join(sentences("english"))
    return (once + " ") * max(1, round(minutes * CHARS_PER_MINUTE / len(once)))


def listen(url: str, text: str, samples: list[tuple[float, float]]) -> dict:
    """Read the whole stream; returns the final metadata, digest and order checked."""
    digest, num_chunks, begun, told_s = hashlib.sha256(), 0, time.monotonic(), 0.0
    for event in speech_events(url, text):
        if "audio_chunk" not in event:
            raise SystemExit(f"the stream failed: {event}")
        assert event["chunk_index"] == num_chunks, "chunks out of order"
        num_chunks += 1
        digest.update(base64.b64decode(event["audio_chunk"])[WAV_HEADER_BYTES:])
        audio_s = event["metadata"]["end_sample"] / event["sample_rate"]
        wall_s = time.monotonic() - begun
        if wall_s - told_s >= 15:
            told_s = wall_s
            rss = f"{samples[-1][1]:.0f}" if samples else "?"
            print(f"{wall_s:6.0f} s: {audio_s:7.1f} s of audio, {rss} MiB", flush=True)
    assert event["is_final"], "no final chunk"
    assert event["metadata"]["pcm_sha256"] == digest.hexdigest(), "digest differs"
    return {"audio_s": audio_s, "wall_s": wall_s, "num_chunks": num_chunks}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=40.0)
    parser.add_argument("--every-s", type=float, default=2.0, help="between memory samples")
    args = parser.parse_args()
    samples: list[tuple[float, float]] = []
    with server() as running:
        stop = watch(running, args.every_s, samples)
        report = listen(running.url, long_text(args.minutes), samples)
        stop.set()
    settled = [mib for at_s, mib in samples if at_s > 60] or [mib for _, mib in samples]
    report["rtf"] = report["wall_s"] / report["audio_s"]
    report["rss_mib"] = {"min": min(settled), "max": max(settled), "last": settled[-1]}
    print(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
