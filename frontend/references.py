"""Reference audio to `VoicePrompt`, and the byte-bounded cache of the results.

Axis legend: n mel frames, m mel bins, nw wave samples.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from inference_types import VoicePrompt


@dataclass(frozen=True, kw_only=True)
class CacheCounters:
    """A snapshot for /metrics."""

    hits: int
    misses: int
    evictions: int
    num_entries: int
    num_bytes: int


class ReferenceCache:
    """Least recently used prompts, bounded by bytes of mel. Safe for any number of threads.

    Two threads that miss the same key at once both compute it; the results are equal and
    immutable, so the later one simply replaces the earlier.
    """

    def __init__(self, max_bytes: int = 64 * 2**20) -> None:
        self._lock = threading.Lock()
        self._max_bytes = max_bytes
        self._prompts: OrderedDict[str, VoicePrompt] = OrderedDict()
        self._num_bytes = self._hits = self._misses = self._evictions = 0

    def fetch(self, key: str, make: Callable[[], VoicePrompt]) -> VoicePrompt:
        """The prompt stored under `key`, or a new one from `make` (called without the lock)."""
        with self._lock:
            if key in self._prompts:
                self._hits += 1
                self._prompts.move_to_end(key)
                return self._prompts[key]
            self._misses += 1
        prompt = make()
        with self._lock:
            self._store(key, prompt)
        return prompt

    def _store(self, key: str, prompt: VoicePrompt) -> None:
        if prompt.mel.nbytes > self._max_bytes:
            return
        replaced = self._prompts.pop(key, None)
        self._num_bytes += prompt.mel.nbytes - (replaced.mel.nbytes if replaced else 0)
        self._prompts[key] = prompt
        while self._num_bytes > self._max_bytes:
            _, oldest = self._prompts.popitem(last=False)
            self._num_bytes -= oldest.mel.nbytes
            self._evictions += 1

    @property
    def counters(self) -> CacheCounters:
        with self._lock:
            return CacheCounters(
                hits=self._hits,
                misses=self._misses,
                evictions=self._evictions,
                num_entries=len(self._prompts),
                num_bytes=self._num_bytes,
            )
