"""Who may come in: a count, and predicted seconds of device work, with an honest way back."""

from __future__ import annotations

import math
import threading
from dataclasses import dataclass

from inference_types import QueueFullError
from orchestrator.settings import OrchestratorSettings

MIN_RETRY_AFTER_S = 1.0
MAX_RETRY_AFTER_S = 600.0


@dataclass
class _Share:
    """Work of one live request; `window_s` is what its run-ahead lets it ask for at once."""

    is_offline: bool
    left_s: float = 0.0
    window_s: float = math.inf

    @property
    def at_hand_s(self) -> float:
        return min(self.left_s, self.window_s)


class Admission:
    """Counts requests and the device seconds they may ask for now; thread-safe.

    A long text counts only with the work of its run-ahead (`pause_ahead_s` of audio): the
    rest is made while its listener plays. Offline work never refuses an interactive request,
    because it is served after it. An idle server takes any request, however long.
    """

    def __init__(self, settings: OrchestratorSettings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._shares: dict[str, _Share] = {}

    @property
    def num_admitted(self) -> int:
        return len(self._shares)

    @property
    def queued_work_s(self) -> float:
        """Predicted device seconds at hand, over all live requests."""
        with self._lock:
            return sum(share.at_hand_s for share in self._shares.values())

    def admit(self, request_id: str, is_offline: bool) -> None:
        """Take a place before any work was done for the request. Raises QueueFullError."""
        with self._lock:
            if len(self._shares) >= self._settings.max_concurrent_requests:
                raise self._refusal(self._first_end_s())
            excess_s = self._ahead_s(is_offline) - self._settings.max_queued_work_s
            if excess_s >= 0 and self._shares:
                raise self._refusal(excess_s)
            self._shares[request_id] = _Share(is_offline)

    def set_work(self, request_id: str, work_s: float, audio_s: float) -> None:
        """The request's work is known now. Raises QueueFullError (its place stays to release)."""
        with self._lock:
            share = self._shares.get(request_id)
            if share is None:
                return
            others_s = self._ahead_s(share.is_offline)
            window_s = work_s * min(1.0, self._settings.pause_ahead_s / max(audio_s, 1e-9))
            excess_s = others_s + min(work_s, window_s) - self._settings.max_queued_work_s
            if excess_s > 0 and others_s > 0:
                raise self._refusal(excess_s)
            share.left_s, share.window_s = work_s, window_s

    def progress(self, request_id: str, done_s: float) -> None:
        """Some of the request's work is done."""
        with self._lock:
            if (share := self._shares.get(request_id)) is not None:
                share.left_s = max(0.0, share.left_s - done_s)

    def release(self, request_id: str) -> None:
        """The request ended, in whatever way; its place is free. Safe to repeat."""
        with self._lock:
            self._shares.pop(request_id, None)

    def _ahead_s(self, is_offline: bool) -> float:
        """Work that a newcomer of this kind would wait behind."""
        return sum(
            share.at_hand_s for share in self._shares.values() if is_offline or not share.is_offline
        )

    def _first_end_s(self) -> float:
        """When the first place should become free, the device being shared equally."""
        least_s = min(share.left_s for share in self._shares.values())
        return least_s * len(self._shares)

    @staticmethod
    def _refusal(wait_s: float) -> QueueFullError:
        retry_after_s = min(max(wait_s, MIN_RETRY_AFTER_S), MAX_RETRY_AFTER_S)
        return QueueFullError(
            "Too much work is waiting; try again later.", retry_after_s=math.ceil(retry_after_s)
        )
