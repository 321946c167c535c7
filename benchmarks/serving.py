"""How many listeners, how soon, without gaps? Open-loop load on a running server.

    python main.py &
    python benchmarks/serving.py --listeners 1 8 --rates 0.1 0.3 --out runs/serving

`--listeners n` starts n streams at once; `--rates r` sends requests at Poisson times, r a
second, whether or not earlier ones are done. Each listener plays from its first chunk on; a
stall is the time its player would have waited. C50 and C100 are the shares of streams whose
player never waited longer than 50 and 100 ms. Prints a table; writes JSON and a plot. Sends
traffic to the given address only, a bounded number of requests, and stops by itself.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import re
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import httpx
import numpy as np

ROOT = Path(__file__).resolve().parents[1]
MAX_REQUESTS = 500
TIMEOUT_S = 600.0


@dataclass(frozen=True, kw_only=True)
class Heard:
    """What one listener saw; times in seconds from sending the request."""

    status: int
    first_audio_s: float = float("nan")
    end_s: float = float("nan")
    audio_s: float = 0.0
    stall_s: float = 0.0
    worst_gap_s: float = 0.0


async def listen(client: httpx.AsyncClient, text: str, voice: str | None, seed: int) -> Heard:
    """One streamed request, read as a player would hear it."""
    body = {"gen_text": text, "seed": seed} | ({"voice": voice} if voice else {})
    begun = time.monotonic()
    arrivals: list[tuple[float, float]] = []
    async with client.stream("POST", "/v1/generate/stream", json=body) as response:
        if response.status_code != 200:
            await response.aread()
            return Heard(status=response.status_code)
        async for line in response.aiter_lines():
            if line.startswith("data: "):
                event = json.loads(line[6:])
                if "audio_chunk" not in event:
                    return Heard(status=500)
                span = event["metadata"]
                samples = span["end_sample"] - span["start_sample"]
                arrivals.append((time.monotonic() - begun, samples / event["sample_rate"]))
    return hear(arrivals)


def hear(arrivals: list[tuple[float, float]]) -> Heard:
    """Play chunks (arrival time, seconds of audio) from the first arrival on."""
    if not arrivals:
        return Heard(status=500)
    played_until = arrivals[0][0]
    stall = worst = 0.0
    for arrival, seconds in arrivals:
        gap = max(0.0, arrival - played_until)
        stall, worst = stall + gap, max(worst, gap)
        played_until = max(played_until, arrival) + seconds
    return Heard(
        status=200,
        first_audio_s=arrivals[0][0],
        end_s=arrivals[-1][0],
        audio_s=sum(seconds for _, seconds in arrivals),
        stall_s=stall,
        worst_gap_s=worst,
    )


async def burst(client: httpx.AsyncClient, texts: list[str], num: int) -> list[Heard]:
    """`num` listeners at the same moment."""
    return list(
        await asyncio.gather(*(listen(client, texts[i % len(texts)], None, i) for i in range(num)))
    )


async def poisson(
    client: httpx.AsyncClient, texts: list[str], rate: float, seconds: float
) -> list[Heard]:
    """Listeners at Poisson times, open loop."""
    rng = random.Random(1)
    tasks: list[asyncio.Task[Heard]] = []
    end = time.monotonic() + seconds
    while len(tasks) < MAX_REQUESTS:
        await asyncio.sleep(rng.expovariate(rate))
        if time.monotonic() > end:
            break
        text = texts[len(tasks) % len(texts)]
        tasks.append(asyncio.create_task(listen(client, text, None, len(tasks))))
    return list(await asyncio.gather(*tasks))


async def counters(client: httpx.AsyncClient) -> dict[str, float]:
    """The sums this table needs from /metrics."""
    text = (await client.get("/metrics")).text
    names = ("steps_total", "step_rows_total", "padding_ratio_sum", "padding_ratio_count")
    found = {}
    for name in names:
        match = re.search(rf"^jetvoice_{name} (\S+)", text, re.MULTILINE)
        found[name] = float(match.group(1)) if match else 0.0
    return found


def summarise(load: str, heard: list[Heard], wall_s: float, work: dict[str, float]) -> dict:
    """One row of the table."""
    done = [h for h in heard if h.status == 200]
    first = [h.first_audio_s for h in done] or [float("nan")]
    audio_s = sum(h.audio_s for h in done)
    return {
        "load": load,
        "requests": len(heard),
        "refused": sum(h.status == 429 for h in heard),
        "failed": sum(h.status not in (200, 429) for h in heard),
        "first_audio_p50_s": float(np.percentile(first, 50)),
        "first_audio_p95_s": float(np.percentile(first, 95)),
        "c50": float(np.mean([h.worst_gap_s <= 0.05 for h in done])) if done else 0.0,
        "c100": float(np.mean([h.worst_gap_s <= 0.1 for h in done])) if done else 0.0,
        "stall_s": sum(h.stall_s for h in done),
        "rtf_p50": float(np.median([h.end_s / h.audio_s for h in done])) if done else None,
        "audio_s_per_s": audio_s / wall_s,
        "rows_per_step": work["step_rows_total"] / max(1.0, work["steps_total"]),
        "padding_ratio": work["padding_ratio_sum"] / max(1.0, work["padding_ratio_count"]),
    }


async def measure(args: argparse.Namespace, texts: list[str]) -> list[dict]:
    limits = httpx.Limits(max_connections=None)
    rows = []
    async with httpx.AsyncClient(base_url=args.url, timeout=TIMEOUT_S, limits=limits) as client:
        await listen(client, texts[0], None, 0)  # the first request fills the voice cache
        loads = [(f"{n} at once", burst(client, texts, n)) for n in args.listeners]
        loads += [
            (f"{rate:g} /s", poisson(client, texts, rate, args.seconds)) for rate in args.rates
        ]
        for name, load in loads:
            before, begun = await counters(client), time.monotonic()
            heard = await load
            wall_s, after = time.monotonic() - begun, await counters(client)
            work = {key: after[key] - before[key] for key in after}
            rows.append(summarise(name, heard, wall_s, work) | {"heard": [*map(asdict, heard)]})
            print(table(rows[-1:], with_header=len(rows) == 1), flush=True)
    return rows


COLUMNS = (
    ("load", "load", "{}"),
    ("requests", "requests", "{}"),
    ("refused", "refused", "{}"),
    ("failed", "failed", "{}"),
    ("first_audio_p50_s", "first audio p50, s", "{:.2f}"),
    ("first_audio_p95_s", "p95, s", "{:.2f}"),
    ("c50", "C50", "{:.0%}"),
    ("c100", "C100", "{:.0%}"),
    ("stall_s", "stalls, s", "{:.1f}"),
    ("rtf_p50", "RTF p50", "{:.2f}"),
    ("audio_s_per_s", "audio s/s", "{:.2f}"),
    ("rows_per_step", "rows per step", "{:.2f}"),
    ("padding_ratio", "padding", "{:.0%}"),
)


def table(rows: list[dict], *, with_header: bool = True) -> str:
    head = "| " + " | ".join(title for _, title, _ in COLUMNS) + " |\n" + "|---" * len(COLUMNS)
    lines = [head + "|"] if with_header else []
    for row in rows:
        cells = ("-" if row[key] is None else form.format(row[key]) for key, _, form in COLUMNS)
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def plot(rows: list[dict], path: Path) -> None:
    """First audio and stalls of every load."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
    names = [row["load"] for row in rows]
    left.boxplot([[h["first_audio_s"] for h in row["heard"] if h["status"] == 200] for row in rows])
    left.set_xticks(range(1, len(names) + 1), names)
    left.set_ylabel("first audio, s")
    right.bar(names, [row["audio_s_per_s"] for row in rows])
    right.axhline(1.0, linestyle="--", linewidth=1)
    right.set_ylabel("seconds of audio per second")
    figure.savefig(path, dpi=100)


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--url", default="http://127.0.0.1:8000")
    parser.add_argument("--listeners", type=int, nargs="*", default=[1, 8])
    parser.add_argument("--rates", type=float, nargs="*", default=[], help="requests a second")
    parser.add_argument("--seconds", type=float, default=60.0, help="of arrivals for each rate")
    parser.add_argument("--out", type=Path, default=ROOT / "runs" / "serving")
    args = parser.parse_args(argv)
    lines = (ROOT / "benchmarks" / "texts" / "english.txt").read_text().splitlines()
    texts = [" ".join(lines[i : i + 3]) for i in range(0, len(lines), 3)]
    rows = asyncio.run(measure(args, texts))
    args.out.mkdir(parents=True, exist_ok=True)
    (args.out / "serving.json").write_text(json.dumps(rows, indent=1))
    plot(rows, args.out / "serving.png")


if __name__ == "__main__":
    main()
