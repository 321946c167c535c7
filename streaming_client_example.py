"""Hear JetVoice from a program: health, a live stream, and a whole file. Python only.

    python streaming_client_example.py
    python streaming_client_example.py --text "Good morning." --voice NAME --out out.wav
    python streaming_client_example.py --reference me.wav --reference-text "What I say in it."

Uses the standard library alone; if the package `sounddevice` is installed and the machine has a
sound device, chunks are played while the rest is still being made.
"""

from __future__ import annotations

import argparse
import base64
import http.client
import io
import json
import sys
import time
import urllib.error
import urllib.request
import wave
from collections.abc import Iterator
from pathlib import Path
from typing import Any

TIMEOUT_S = 120


def request_json(url: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    """GET, or POST a JSON body; the server's error message becomes the exception's."""
    with open_url(url, body) as response:
        return json.load(response)


def open_url(url: str, body: dict[str, Any] | None = None) -> Any:
    data = None if body is None else json.dumps(body).encode()
    headers = {"Content-Type": "application/json"} if body is not None else {}
    request = urllib.request.Request(url, data, headers)
    try:
        return urllib.request.urlopen(request, timeout=TIMEOUT_S)
    except urllib.error.HTTPError as error:
        raise RuntimeError(f"{error.code}: {message_of(error)}") from None


def message_of(error: urllib.error.HTTPError) -> str:
    """The server's own words; something between it and here, such as a proxy, has others."""
    try:
        return json.load(error)["error"]["message"]
    except (ValueError, LookupError, TypeError):
        return f"{error.reason} (not an answer of JetVoice; is --server right?)"


def read_events(response: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """(event name, data) of each server-sent event, as it arrives."""
    name, data = "message", ""
    for raw in response:
        line = raw.decode().rstrip("\r\n")
        if line.startswith("event: "):
            name = line[len("event: ") :]
        elif line.startswith("data: "):
            data += line[len("data: ") :]
        elif not line and data:
            yield name, json.loads(data)
            name, data = "message", ""


def check_health(server: str) -> None:
    health = request_json(f"{server}/v1/health")
    print(f"health: is_live={health['is_live']} status={health['status']}")
    if health["is_live"] != "True":
        raise RuntimeError("the server is not ready yet; try again in a moment")


def pcm_of_wav(data: bytes) -> bytes:
    with wave.open(io.BytesIO(data)) as file:
        return file.readframes(file.getnframes())


def save_wav(path: Path, pcm: bytes, sample_rate: int) -> None:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(sample_rate)
        file.writeframes(pcm)
    print(f"saved {path} ({len(pcm) / 2 / sample_rate:.2f} s)")


class Player:
    """Plays 16-bit chunks as they come, or does nothing where there is no sound device."""

    def __init__(self, is_wanted: bool) -> None:
        self._is_wanted = is_wanted
        self._output: Any = None

    def play(self, pcm: bytes, sample_rate: int) -> None:
        if self._is_wanted and self._output is None:
            self._open(sample_rate)
        if self._output is not None:
            self._output.write(pcm)

    def _open(self, sample_rate: int) -> None:
        self._is_wanted = False
        try:
            import sounddevice  # pyright: ignore[reportMissingImports]

            output = sounddevice.RawOutputStream(sample_rate, channels=1, dtype="int16")
            output.start()
        except (ImportError, OSError, RuntimeError) as error:  # no package, library or device
            print(f"not playing: {error}")
            return
        self._output = output

    def close(self) -> None:
        if self._output is not None:
            self._output.stop()  # waits until everything was heard


def stream_speech(server: str, body: dict[str, Any], player: Player) -> tuple[bytes, int]:
    """All PCM of the stream and its sample rate; prints every chunk as it arrives."""
    start_s = time.perf_counter()
    pcm, sample_rate = b"", 0
    with open_url(f"{server}/v1/generate/stream", body) as response:
        for name, event in read_events(response):
            if name != "message":
                raise RuntimeError(f"the stream ended early: {event['code']}: {event['message']}")
            sample_rate = event["sample_rate"]
            chunk = pcm_of_wav(base64.b64decode(event["audio_chunk"]))
            elapsed_s = time.perf_counter() - start_s
            if event["chunk_index"] == 0:
                print(f"time to first audio: {elapsed_s * 1000:.0f} ms")
            print(
                f"chunk {event['chunk_index']:3d} at {elapsed_s:6.2f} s: "
                f"{len(chunk) / 2 / sample_rate:.2f} s of audio"
                f"{' (final)' if event['is_final'] else ''}"
            )
            pcm += chunk
            player.play(chunk, sample_rate)
            if event["is_final"]:
                print(f"server says: {json.dumps(event['metadata'], ensure_ascii=False)}")
                return pcm, sample_rate
    raise RuntimeError("the stream ended without its final chunk")


def generate_speech(server: str, body: dict[str, Any]) -> tuple[bytes, int]:
    """The whole text in one answer."""
    answer = request_json(f"{server}/v1/generate", body)
    print(f"batch: {answer['duration']:.2f} s of audio in {answer['generation_time']:.2f} s")
    return pcm_of_wav(base64.b64decode(answer["audio_base64"])), answer["sample_rate"]


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Stream speech from a JetVoice server.")
    parser.add_argument("--server", default="http://127.0.0.1:8000")
    parser.add_argument(
        "--text",
        default="Hello! This sentence reaches you while the next one is still being made. "
        "That is what streaming is for.",
    )
    parser.add_argument("--voice", help="a stored voice; default: the server's default voice")
    parser.add_argument("--reference", type=Path, help="a recording of the voice to speak with")
    parser.add_argument("--reference-text", help="the words of the recording")
    parser.add_argument("--steps", type=int, help="inference steps; default: the model's")
    parser.add_argument("--speed", type=float, default=1.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("stream.wav"))
    parser.add_argument("--no-play", action="store_true", help="do not play, only save")
    return parser.parse_args()


def make_body(arguments: argparse.Namespace) -> dict[str, Any]:
    body = {
        "gen_text": arguments.text,
        "voice": arguments.voice,
        "num_inference_steps": arguments.steps,
        "speed_factor": arguments.speed,
        "seed": arguments.seed,
        "ref_text": arguments.reference_text,
    }
    if arguments.reference:
        audio = arguments.reference.read_bytes()
        body["ref_audio_base64"] = base64.b64encode(audio).decode()
    return {name: value for name, value in body.items() if value is not None}


def main() -> int:
    arguments = parse_arguments()
    server = arguments.server.rstrip("/")
    player = Player(is_wanted=not arguments.no_play)
    try:
        body = make_body(arguments)
        check_health(server)
        streamed, sample_rate = stream_speech(server, body, player)
        save_wav(arguments.out, streamed, sample_rate)
        whole, _ = generate_speech(server, body)
        print(f"stream and batch are {'equal' if whole == streamed else 'DIFFERENT'}")
    except (RuntimeError, OSError, ValueError, http.client.HTTPException) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    finally:
        player.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
