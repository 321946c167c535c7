"""The process around the app: its listening socket, uvicorn, signals, and an orderly end.

SIGTERM or SIGINT: readiness goes, the port closes, running streams may finish within the
grace, the rest get their terminal event, threads are joined, exit code 0. A second signal
ends it at once (specs: reliability M3 to M7, row "Shutdown during streams").
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from types import FrameType
from typing import NoReturn

import uvicorn
from fastapi import FastAPI

from inference_types import EngineError
from orchestrator import Orchestrator
from server.app import Lifespan
from server.protocol import PromptH11Protocol
from server.settings import ServerSettings, SettingsError

START_FAILED = 1
ENGINE_LOST = 70  # EX_SOFTWARE: a supervisor should start the process again
USER_TIMEOUT_MS = 10_000
SEND_BUFFER_BYTES = 256 * 1024
BACKLOG = 512
KEEP_ALIVE_S = 5
# After the grace: time for terminal events to leave and for threads to be joined.
EXTRA_GRACE_S = 5
_MAX_HEAD_BYTES = 32 * 1024
_log = logging.getLogger(__name__)


def open_socket(host: str, port: int) -> socket.socket:
    """A bound TCP socket whose accepted connections notice dead peers and never wait to send.

    Options are inherited by accepted sockets on Linux; elsewhere TCP_USER_TIMEOUT is missing
    and only the send timeout frees a stalled listener. Raises SettingsError.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
    except OSError:
        raise SettingsError(f"host {host} cannot be resolved", field="host") from None
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    # A smaller buffer makes a stalled reader visible after seconds, not minutes (M2).
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, USER_TIMEOUT_MS)
    try:
        listener.bind(address)
    except OSError as error:
        listener.close()
        raise SettingsError(
            f"cannot listen on {host}:{port} ({error.strerror}); choose another --port",
            field="port",
        ) from None
    return listener


def address_of(listener: socket.socket) -> str:
    """The address to open in a browser on this machine."""
    bound, port = listener.getsockname()[:2]
    host = str({"0.0.0.0": "localhost", "::": "localhost"}.get(bound, bound))
    return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"


def run_in_background(orchestrator: Orchestrator) -> Lifespan:
    """A lifespan that serves at once: probes answer while the engine warms up."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await orchestrator.start()
        try:
            yield
        finally:
            await orchestrator.stop()

    return lifespan


def exit_process(orchestrator: Orchestrator, exit_code: int) -> NoReturn:
    """End the process, at once when a thread hangs.

    A compilation cannot be interrupted and an ordinary exit waits for it: 20 s for the shipped
    voice, minutes for a large model, longer than a supervisor's patience.
    """
    if orchestrator.is_stopped:
        sys.exit(exit_code)
    logging.shutdown()
    sys.stdout.flush()
    os._exit(exit_code)


class SpeechServer(uvicorn.Server):
    """uvicorn that drains the streams before it waits for their connections to close.

    `on_ready` is called once the engine is warm. `run_on` returns the exit code: 0 after a
    signal, `START_FAILED` when the engine does not start, `ENGINE_LOST` when it gives up later.
    """

    def __init__(
        self,
        app: FastAPI,
        settings: ServerSettings,
        orchestrator: Orchestrator,
        on_ready: Callable[[], None],
    ) -> None:
        super().__init__(_configure(app, settings))
        self.exit_code = 0
        self._grace_s = float(settings.grace_s)
        self._orchestrator = orchestrator
        self._on_ready = on_ready
        self._announcement: asyncio.Task[None] | None = None

    def fail(self, exit_code: int) -> None:
        """End the process from within; for faults nothing recovers from. From any thread."""
        self.exit_code = self.exit_code or exit_code
        self.should_exit = True

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """First signal: drain. Second: now. Not recorded, so the exit code stays ours."""
        self.force_exit = self.should_exit
        self.should_exit = True

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._announcement = asyncio.create_task(self._announce())

    async def _announce(self) -> None:
        try:
            await self._orchestrator.wait_until_ready()
        except EngineError as error:
            _log.error("%s", error.message)
            self.fail(START_FAILED)
        else:
            self._on_ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Drain while uvicorn stops accepting and waits for open connections."""
        if self._announcement is not None:
            self._announcement.cancel()
        draining = asyncio.ensure_future(self._orchestrator.drain(self._grace_s))
        await super().shutdown(sockets)
        draining.cancel()
        if self.force_exit:  # uvicorn skips the lifespan's end then
            await self._orchestrator.stop()
        await asyncio.gather(draining, return_exceptions=True)

    def run_on(self, listener: socket.socket) -> int:
        """Serve until a signal or a fatal fault; returns the exit code."""
        asyncio.run(self.serve(sockets=[listener]))
        return self.exit_code


def _configure(app: FastAPI, settings: ServerSettings) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http=PromptH11Protocol,  # h11: httptools takes headers of any size (M7)
        loop="asyncio",
        ws="none",
        lifespan="on",
        server_header=False,
        proxy_headers=False,
        access_log=False,
        log_config=None,
        backlog=BACKLOG,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=settings.grace_s + EXTRA_GRACE_S,
        h11_max_incomplete_event_size=_MAX_HEAD_BYTES,
    )
