"""The one kind of queue between stages: bounded, ranked, and emptied of a request at once."""

from __future__ import annotations

import heapq
import itertools
import threading
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class StageQueue(Generic[T]):
    """Items leave by (rank, arrival). Full means a broken invariant, not load: see `put`.

    Admission bounds what may be under way, so each queue's bound follows from the settings
    and is never reached by load. Putting into a full queue raises instead of blocking: no
    stage may wait for a later one, or one slow stage would stall every stream.
    """

    def __init__(self, name: str, max_items: int) -> None:
        self.name = name
        self.max_items = max_items
        self.peak = 0
        self._heap: list[tuple[int, int, T]] = []
        self._order = itertools.count()
        self._changed = threading.Condition()
        self._is_closed = False
        self._is_woken = False

    def __len__(self) -> int:
        return len(self._heap)

    @property
    def is_closed(self) -> bool:
        return self._is_closed

    def put(self, item: T, rank: int = 0) -> None:
        """Lower ranks leave first. Ignored after close. Raises RuntimeError when full."""
        with self._changed:
            if self._is_closed:
                return
            if len(self._heap) >= self.max_items:
                raise RuntimeError(f"queue {self.name} exceeds its bound of {self.max_items}")
            heapq.heappush(self._heap, (rank, next(self._order), item))
            self.peak = max(self.peak, len(self._heap))
            self._changed.notify()

    def get(self, timeout_s: float) -> T | None:
        """The next item, or None after `timeout_s` or at close."""
        with self._changed:
            self._changed.wait_for(lambda: self._heap or self._is_closed, timeout_s)
            return heapq.heappop(self._heap)[2] if self._heap else None

    def take_all(self, timeout_s: float = 0.0) -> list[T]:
        """Everything there is, in order; waits for something (or a `wake`) up to `timeout_s`."""
        with self._changed:
            if timeout_s > 0:
                self._changed.wait_for(
                    lambda: self._heap or self._is_closed or self._is_woken, timeout_s
                )
            self._is_woken = False
            items = [entry[2] for entry in sorted(self._heap, key=lambda entry: entry[:2])]
            self._heap.clear()
            return items

    def wake(self) -> None:
        """Let a waiting `take_all` return although nothing was put (something else changed)."""
        with self._changed:
            self._is_woken = True
            self._changed.notify_all()

    def discard(self, is_gone: Callable[[T], bool]) -> int:
        """Drop the items of an ended request; returns how many."""
        with self._changed:
            kept = [entry for entry in self._heap if not is_gone(entry[2])]
            num_dropped = len(self._heap) - len(kept)
            if num_dropped:
                heapq.heapify(kept)
                self._heap = kept
            return num_dropped

    def close(self) -> None:
        """Wake everybody; nothing enters any more."""
        with self._changed:
            self._is_closed = True
            self._heap.clear()
            self._changed.notify_all()
