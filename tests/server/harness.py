"""The real orchestrator on the fake engine behind the real app; in process or on a socket."""

from __future__ import annotations

import asyncio
import base64
import io
import socket
import threading
import time
import wave
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field

import httpx
import numpy as np
import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.http.h11_impl import H11Protocol

from frontend.schedules import RecommendedSchedule
from frontend.voices import VoiceInfo, VoiceStore, make_voice
from inference_types import InvalidReferenceError
from orchestrator import Orchestrator, OrchestratorSettings
from server import ServerSettings, create_app
from server.app import Lifespan
from tests.fakes import EndToEndJoiner, FakeEngine, FakeFrontend

RATE = 24_000


def encode_voice(audio: bytes) -> bytes:
    """Stands for decode -> resample -> FLAC; refuses what is not RIFF."""
    if not audio.startswith(b"RIFF"):
        raise InvalidReferenceError(
            "The audio cannot be decoded.", field="reference", code="reference_undecodable"
        )
    return b"fLaC" + audio


def make_store() -> VoiceStore:
    info = VoiceInfo(name="ada", language="en", licence="CC0", text="Hello.")
    return VoiceStore([make_voice(info, b"fLaC-ada", "audio/flac", is_builtin=True)])


@dataclass
class Stack:
    """Fake engine -> real orchestrator -> real app."""

    engine: FakeEngine = field(default_factory=FakeEngine)
    frontend: FakeFrontend = field(default_factory=FakeFrontend)
    orchestration: OrchestratorSettings = field(
        default_factory=lambda: OrchestratorSettings(chunk_samples=2400)
    )
    settings: ServerSettings = field(default_factory=ServerSettings)
    on_fatal: Callable[[str], None] = print
    lifespan: Callable[[Orchestrator], Lifespan] | None = None

    def __post_init__(self) -> None:
        self.orchestrator = Orchestrator(
            self.engine, self.frontend, EndToEndJoiner, self.orchestration, on_fatal=self.on_fatal
        )
        self.store = make_store()
        self.app: FastAPI = create_app(
            self.orchestrator,
            self.store,
            engine_spec=self.engine.spec,
            schedule=RecommendedSchedule(num_steps=7),
            default_voice="ada",
            encode_voice=encode_voice,
            settings=self.settings,
            lifespan=self.lifespan(self.orchestrator) if self.lifespan else None,
        )

    @asynccontextmanager
    async def client(self) -> AsyncIterator[httpx.AsyncClient]:
        """A client of the app without sockets; the orchestrator runs inside."""
        async with self.app.router.lifespan_context(self.app):
            transport = httpx.ASGITransport(app=self.app, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
                yield client


@dataclass
class Running:
    """A stack behind a real socket, served by uvicorn on a thread."""

    stack: Stack
    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@contextmanager
def serve(stack: Stack, protocol: type[asyncio.Protocol] = H11Protocol) -> Iterator[Running]:
    """The stack behind uvicorn until the caller is done."""
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(stack.app, http=protocol, log_config=None, access_log=False)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    while not server.started:
        time.sleep(0.005)
    try:
        yield Running(stack=stack, port=listener.getsockname()[1])
    finally:
        server.should_exit = True
        thread.join(timeout=20)
    assert not thread.is_alive()


def read_wav(data: bytes) -> np.ndarray:
    """int16 (nw,) of a WAV that must be mono s16le at 24 kHz."""
    with wave.open(io.BytesIO(data)) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, RATE)
        return np.frombuffer(file.readframes(file.getnframes()), dtype="<i2")


def audio_of(event: dict) -> np.ndarray:
    """The samples of one chunk event's data."""
    return read_wav(base64.b64decode(event["audio_chunk"], validate=True))
