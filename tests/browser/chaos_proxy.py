"""A TCP proxy that cuts event streams after random numbers of bytes and leaves the rest alone."""

from __future__ import annotations

import random
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

_STREAM_GET = b"GET /v1/streams/"


@dataclass
class ChaosProxy:
    """Forwards to `server_port`; `num_cuts` counts the connections it has cut.

    A connection that asked for a stream may carry between `min_bytes` and `max_bytes` of the
    answer; then both sides are reset in the middle of whatever was on its way.
    """

    server_port: int
    min_bytes: int
    max_bytes: int
    seed: int = 0
    num_cuts: int = 0
    num_stream_gets: int = 0
    _random: random.Random = field(init=False)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._sockets: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._run(self._accept)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def close(self) -> None:
        """Ends every connection and waits for the threads."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for each in list(self._sockets):
            _end(each)
        for thread in self._threads:
            thread.join(timeout=5)
        for each in self._sockets:
            each.close()

    def _run(self, target: object, *args: object) -> None:
        thread = threading.Thread(target=target, args=args, daemon=True)  # type: ignore[arg-type]
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = socket.create_connection(("127.0.0.1", self.server_port))
            self._sockets += [client, server]
            budget: list[int] = []  # holds the bytes left once a stream was asked for
            self._run(self._forward_requests, client, server, budget)
            self._run(self._forward_answers, server, client, budget)

    def _forward_requests(
        self, client: socket.socket, server: socket.socket, budget: list[int]
    ) -> None:
        for data in _received(client):
            if data.startswith(_STREAM_GET) and b"/audio." not in data.split(b"\r\n", 1)[0]:
                self.num_stream_gets += 1
                budget[:] = [self._random.randint(self.min_bytes, self.max_bytes)]
            if not _sent(server, data):
                break
        _end(server)

    def _forward_answers(
        self, server: socket.socket, client: socket.socket, budget: list[int]
    ) -> None:
        for data in _received(server):
            if budget:
                data, budget[0] = data[: budget[0]], budget[0] - len(data)
            if not _sent(client, data):
                break
            if budget and budget[0] <= 0:
                self.num_cuts += 1
                break
        _end(client)
        _end(server)


def _received(source: socket.socket) -> Iterator[bytes]:
    while True:
        try:
            data = source.recv(65536)
        except OSError:
            return
        if not data:
            return
        yield data


def _sent(target: socket.socket, data: bytes) -> bool:
    try:
        target.sendall(data)
    except OSError:
        return False
    return True


def _end(each: socket.socket) -> None:
    try:
        each.shutdown(socket.SHUT_RDWR)
    except OSError:
        return  # the other side was quicker


@contextmanager
def chaos(server_port: int, min_bytes: int, max_bytes: int, seed: int = 0) -> Iterator[ChaosProxy]:
    """A running proxy until the caller is done."""
    proxy = ChaosProxy(server_port, min_bytes, max_bytes, seed)
    try:
        yield proxy
    finally:
        proxy.close()
