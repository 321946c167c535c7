"""The process around the app: its listening socket, uvicorn, signals, and an orderly end.

SIGTERM or SIGINT: readiness goes, the port closes, running streams may finish within the
grace, the rest get their terminal event, threads are joined, exit code 0. A second signal
ends it at once (specs: reliability M3 to M7, row "Shutdown during streams").
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from types import FrameType

import uvicorn
from fastapi import FastAPI

from server.protocol import PromptH11Protocol
from server.settings import ServerSettings, SettingsError

USER_TIMEOUT_MS = 10_000
SEND_BUFFER_BYTES = 256 * 1024
BACKLOG = 512
KEEP_ALIVE_S = 5
# After the grace: time for terminal events to leave and for threads to be joined.
EXTRA_GRACE_S = 5
_MAX_HEAD_BYTES = 32 * 1024


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
    host, port = listener.getsockname()[:2]
    host = {"0.0.0.0": "localhost", "::": "localhost"}.get(host, host)
    return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"


class SpeechServer(uvicorn.Server):
    """uvicorn that drains the streams before it waits for their connections to close."""

    def __init__(
        self,
        app: FastAPI,
        settings: ServerSettings,
        *,
        drain: Callable[[], Awaitable[None]],
        abort: Callable[[], Awaitable[None]],
    ) -> None:
        config = uvicorn.Config(
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
        super().__init__(config)
        self.exit_code = 0
        self._drain = drain
        self._abort = abort

    def fail(self, exit_code: int) -> None:
        """End the process from within, with this code; for faults nothing recovers from."""
        self.exit_code = exit_code
        self.should_exit = True

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """First signal: drain. Second: now. Not recorded, so the exit code stays ours."""
        self.force_exit = self.should_exit
        self.should_exit = True

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Drain while uvicorn stops accepting and waits for open connections."""
        draining = asyncio.ensure_future(self._drain())
        await super().shutdown(sockets)
        if self.force_exit:
            draining.cancel()
            await self._abort()
        await asyncio.gather(draining, return_exceptions=True)

    def run_on(self, listener: socket.socket) -> int:
        """Serve until a signal; returns the exit code."""
        listener.listen(BACKLOG)
        asyncio.run(self.serve(sockets=[listener]))
        return self.exit_code
