"""The shipped voice on the real server: eight listeners, whole answers, uploaded voices."""

from __future__ import annotations

import base64
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from tests.served.harness import (
    LONG,
    ROOT,
    TOLERANCE,
    Record,
    Served,
    difference,
    listen,
    read_events,
    server_process,
)
from tests.server.harness import RATE, audio_of

pytestmark = pytest.mark.slow
BODIES: list[dict[str, Any]] = [
    {"gen_text": "The first train left before anyone in the town was awake.", "voice": "heart"},
    {"gen_text": "Nobody told me. I would have come at once, of course.", "voice": "george"},
    {"gen_text": "今天天气很好，我们去公园散步吧。", "voice": "xiaoxiao"},
    {"gen_text": "Twenty-three boxes arrived on Monday, and all were empty.", "voice": "emma"},
    {"gen_text": "Why not? It costs nothing. " * 3, "voice": "fenrir", "speed_factor": 1.3},
    {"gen_text": "Rain again.", "voice": "bella", "num_inference_steps": 6},
    {"gen_text": "We say 你好 to everyone we meet on the way.", "voice": "yunxi"},
    {"gen_text": "Count the stars twice, then tell me.", "chunk_policy": "equal"},
]


def test_eight_listeners_each_hear_what_they_would_alone(
    served: Served, record_property: Record
) -> None:
    bodies = [body | {"seed": seed} for seed, body in enumerate(BODIES)]
    alone = [listen(served.url, body) for body in bodies]
    steps, rows = served.count("steps_total"), served.count("step_rows_total")
    with ThreadPoolExecutor(len(bodies)) as pool:
        together = list(pool.map(lambda body: listen(served.url, body), bodies))
    rows_per_step = (served.count("step_rows_total") - rows) / (served.count("steps_total") - steps)
    record_property("rows_per_step", rows_per_step)
    record_property(
        "worst", max(difference(a[0], b[0]) for a, b in zip(alone, together, strict=True))
    )
    assert rows_per_step > 1
    for (pcm, last), (company, _) in zip(alone, together, strict=True):
        assert difference(pcm, company) <= TOLERANCE
        assert len(pcm) / RATE > 0.4 and np.abs(pcm).max() > 1000, last
    assert served.gauge("compilations") == served.spy.product.engine.num_compilations
    assert served.gauge("slots_used") == 0


def test_the_first_sound_leaves_before_the_last_segment_is_begun(served: Served) -> None:
    body = {"gen_text": LONG[:400], "seed": 21}
    with httpx.stream("POST", served.url + "/v1/generate/stream", json=body) as response:
        events = read_events(response)
        next(events)
        heard_s = time.monotonic()
        *_, (_, last) = events
    last_segment = last["metadata"]["segment_index"]
    assert last_segment >= 3
    assert heard_s < served.spy.steps_of(21, last_segment)[0]


def test_the_whole_answer_is_the_stream(served: Served) -> None:
    body = BODIES[1] | {"seed": 11}
    pcm, _ = listen(served.url, body)
    answer = served.post("/v1/generate", body).json()
    whole = audio_of({"audio_chunk": answer["audio_base64"]})
    assert difference(pcm, whole) <= TOLERANCE
    assert answer["duration"] == pytest.approx(len(pcm) / RATE)


def test_an_uploaded_voice_speaks_at_once_and_stored(served: Served) -> None:
    audio = (ROOT / "benchmarks" / "voices" / "kathleen.flac").read_bytes()
    text = {"gen_text": "This is somebody else speaking.", "seed": 3}
    encoded = base64.b64encode(audio).decode()
    pcm, _ = listen(served.url, text | {"ref_audio_base64": encoded})
    own, _ = listen(served.url, text)
    assert 1 < len(pcm) / RATE < 6 and np.abs(pcm).max() > 1000
    assert len(pcm) != len(own) or difference(pcm, own) > 1000
    voice = {"name": "kathleen", "audio_base64": encoded, "consent": "CC0 recording, agreed."}
    assert served.post("/v1/voices", voice).status_code == 201
    stored, _ = listen(served.url, text | {"voice": "kathleen"})
    assert stored.size and np.abs(stored).max() > 1000


def test_eight_devices_speak_the_same(
    served: Served, tmp_path: Path, record_property: Record
) -> None:
    body = {"gen_text": "Spread over eight devices.", "seed": 61}
    flags = "--xla_force_host_platform_device_count=8"
    with server_process("--mesh", "data=8", "--voice-dir", str(tmp_path), XLA_FLAGS=flags) as (
        _,
        url,
    ):
        engine = httpx.get(url + "/v1/health").json()["engine"]
        spread, _ = listen(url, body)
    plain, _ = listen(served.url, body)
    record_property("worst", difference(spread, plain))
    assert engine["devices"] == 8 and min(engine["batch_sizes"]) == 8
    assert difference(spread, plain) <= TOLERANCE
