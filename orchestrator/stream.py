"""One request's events: a bounded log that several readers follow, leave and resume.

Positions: the estimate is 0, chunk `k` is `k + 1`, a failure follows the last chunk. The log
is written by the emit thread (or by whoever ends the stream) and read on the event loop. It
ends once, with a final chunk or a failure (I2), and keeps every byte a reader may still ask
for: memory is given back only from the head, and only what some reader has already had.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import AsyncGenerator, Callable
from dataclasses import replace

from inference_types import (
    AudioChunk,
    InvalidRequestError,
    NotFoundError,
    RequestCancelledError,
    StreamEstimate,
    StreamEvent,
    StreamFailure,
    TTSError,
)

Clock = Callable[[], float]
Post = Callable[[Callable[[], None]], None]  # runs something on the event loop, from any thread
EndHook = Callable[["RequestStream", TTSError | None], None]

CANCEL_MESSAGES = {
    "cancelled": "The request was cancelled.",
    "disconnected": "The listener left.",
    "slow_consumer": "The listener did not read for too long.",
    "abandoned": "Nobody listened for too long.",
}


def event_position(event: StreamEvent) -> int:
    """Where an event stands in its stream; servers make event ids of it."""
    if isinstance(event, AudioChunk):
        return event.chunk_index + 1
    return event.chunks_sent + 1 if isinstance(event, StreamFailure) else 0


class EventLog:
    """The events of one stream under one lock. `max_bytes` bounds what was already read."""

    def __init__(self, max_bytes: int, clock: Clock) -> None:
        self._lock = threading.Lock()
        self._clock = clock
        self._max_bytes = max_bytes
        self._events: deque[StreamEvent] = deque()
        self._first_position = 0
        self._read_position = 0
        self.num_bytes = 0
        self.num_chunks = 0
        self.num_samples = 0
        self.read_samples = 0
        self.ended_at_s: float | None = None
        self.is_failed = False

    @property
    def is_ended(self) -> bool:
        return self.ended_at_s is not None

    @property
    def end_position(self) -> int:
        return self._first_position + len(self._events)

    @property
    def first_position(self) -> int:
        return self._first_position

    def append(self, event: StreamEvent) -> bool:
        """False, and nothing happens, when the stream has ended."""
        with self._lock:
            return self._append(event)

    def fail(self, error: TTSError) -> bool:
        """End with a failure; False when the stream had already ended."""
        with self._lock:
            return self._append(
                StreamFailure(
                    code=error.code,
                    message=error.message,
                    is_retriable=error.is_retriable,
                    chunks_sent=self.num_chunks,
                    samples_sent=self.num_samples,
                )
            )

    def _append(self, event: StreamEvent) -> bool:
        if self.is_ended:
            return False
        self._events.append(event)
        if isinstance(event, AudioChunk):
            self.num_chunks += 1
            self.num_samples += len(event.pcm)
            self.num_bytes += event.pcm.nbytes
        self.is_failed = isinstance(event, StreamFailure)
        if self.is_failed or (isinstance(event, AudioChunk) and event.is_final):
            self.ended_at_s = self._clock()
        self._trim(self._max_bytes)
        return True

    def trim(self, max_bytes: int) -> None:
        """Give memory back from the head, at most what was read."""
        with self._lock:
            self._trim(max_bytes)

    def _trim(self, max_bytes: int) -> None:
        while self.num_bytes > max_bytes and self._first_position < self._read_position:
            event = self._events.popleft()
            self._first_position += 1
            if isinstance(event, AudioChunk):
                self.num_bytes -= event.pcm.nbytes

    def read(self, position: int) -> StreamEvent | None:
        """The event, counted as read; None when it is not there yet (or never will be).

        Raises NotFoundError when it was given back.
        """
        with self._lock:
            index = position - self._first_position
            if index < 0:
                raise NotFoundError("That part of the stream is no longer kept.")
            if index >= len(self._events):
                return None
            event = self._events[index]
            self._read_position = max(self._read_position, position + 1)
            if isinstance(event, AudioChunk):
                self.read_samples = max(self.read_samples, event.end_sample)
            return event

    def position_of_sample(self, sample: int) -> int:
        """Position of the chunk that holds `sample`; for the end of the sound, of the event
        that ends the stream, or of the next one where it goes on.

        Raises InvalidRequestError beyond the end, NotFoundError before what is kept.
        """
        with self._lock:
            if not 0 <= sample <= self.num_samples:
                raise InvalidRequestError(
                    "from_sample must lie within what was made so far.", field="from_sample"
                )
            for offset, event in enumerate(self._events):
                if isinstance(event, AudioChunk) and event.end_sample > sample:
                    if event.start_sample > sample:
                        raise NotFoundError("That part of the stream is no longer kept.")
                    return self._first_position + offset
            return self.end_position - self.is_ended

    def snapshot(self) -> tuple[StreamEvent, ...]:
        with self._lock:
            return tuple(self._events)


class RequestStream:
    """The handle a server holds: read it (more than once), resume it, cancel it."""

    def __init__(
        self, request_id: str, *, max_log_bytes: int, clock: Clock, post: Post, on_end: EndHook
    ) -> None:
        self.request_id = request_id
        self.log = EventLog(max_log_bytes, clock)
        self.estimate: StreamEstimate | None = None
        self.num_readers = 0
        self.unattended_since_s = clock()
        self.on_read: Callable[[], None] = lambda: None
        self._clock = clock
        self._post = post
        self._on_end = on_end
        self._waiters: set[asyncio.Future[None]] = set()

    @property
    def is_ended(self) -> bool:
        return self.log.is_ended

    @property
    def idle_s(self) -> float:
        """How long nobody has been listening, in seconds."""
        return 0.0 if self.num_readers else self._clock() - self.unattended_since_s

    @property
    def last_position(self) -> int:
        """Position of the newest event, -1 before the estimate."""
        return self.log.end_position - 1

    def append(self, event: StreamEvent) -> bool:
        """From any thread. False when the stream had already ended."""
        if isinstance(event, StreamEstimate):
            self.unattended_since_s = self._clock()  # only now is there something to attend to
            self.estimate = event
        if not self.log.append(event):
            return False
        if self.log.is_ended:
            self._finish(None)
        self._post(self._wake)
        return True

    def fail(self, error: TTSError) -> bool:
        """End with a StreamFailure, once; from any thread."""
        if not self.log.fail(error):
            return False
        self._finish(error)
        self._post(self._wake)
        return True

    def cancel(self, reason: str = "cancelled") -> int:
        """End early; a no-op after the end. Returns the samples a reader has been handed.

        Reasons: cancelled, disconnected, slow_consumer, abandoned.
        """
        self.fail(RequestCancelledError(CANCEL_MESSAGES[reason], code=reason))
        return self.log.read_samples

    def events(
        self, after: int = -1, *, from_sample: int | None = None
    ) -> AsyncGenerator[StreamEvent, None]:
        """Events after a position, or the sound from a sample on (its chunk is cut to fit).

        Ends after the terminal event. Close the iterator when you stop early
        (`contextlib.aclosing`). Raises, before anything is read, InvalidRequestError for a
        position that does not exist yet and NotFoundError for one that is no longer kept.
        While reading, NotFoundError says that this reader fell behind what is kept.
        """
        if from_sample is not None:
            return self._follow(self.log.position_of_sample(from_sample), from_sample)
        if not -1 <= after <= self.last_position:
            raise InvalidRequestError("There is no such event.", field="last_event_id")
        if after + 1 < self.log.first_position:
            raise NotFoundError("That part of the stream is no longer kept.")
        return self._follow(after + 1, 0)

    async def _follow(self, position: int, first_sample: int) -> AsyncGenerator[StreamEvent, None]:
        self.num_readers += 1
        try:
            while (event := await self._next(position)) is not None:
                position += 1
                yield _cut(event, first_sample)
        finally:
            self.num_readers -= 1
            self.unattended_since_s = self._clock()

    async def _next(self, position: int) -> StreamEvent | None:
        """The event at `position`, waiting for it; None when the stream ended before it.

        No await lies between the look and the registration, and `_wake` runs on this loop,
        so no event can slip through.
        """
        while True:
            is_ended = self.is_ended
            event = self.log.read(position)
            if event is not None:
                self.on_read()
                return event
            if is_ended:
                return None
            waiter = asyncio.get_running_loop().create_future()
            self._waiters.add(waiter)
            try:
                await waiter
            finally:
                self._waiters.discard(waiter)

    def _wake(self) -> None:
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_result(None)

    def _finish(self, error: TTSError | None) -> None:
        self.on_read = lambda: None
        self._on_end(self, error)


def _cut(event: StreamEvent, first_sample: int) -> StreamEvent:
    """The chunk without what lies before `first_sample`; other events as they are."""
    if not isinstance(event, AudioChunk) or event.start_sample >= first_sample:
        return event
    return replace(
        event,
        start_sample=first_sample,
        pcm=event.pcm[first_sample - event.start_sample :],
        words=tuple(word for word in event.words if word.start_sample >= first_sample),
    )
