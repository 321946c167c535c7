"""The thread that watches the others: restarts the dead, reports the hung, sweeps the old."""

from __future__ import annotations

import faulthandler
import logging
import sys
import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from orchestrator.settings import OrchestratorSettings
from orchestrator.stage_thread import Heartbeat, StageThread
from orchestrator.stream import Clock

_log = logging.getLogger(__name__)
MAX_BACKOFF_S = 1.0


@dataclass(frozen=True, kw_only=True)
class Watched:
    """A thread, its heartbeat if silence means a hang, and what to do before a restart."""

    thread: StageThread
    heartbeat: Heartbeat | None = None
    on_death: Callable[[BaseException], None] = lambda error: None


class Supervisor:
    """Body of the supervisor thread.

    A dead thread is started again after a back-off, at most `max_restarts` times within
    `restart_window_s` over all threads; after that, or when a thread hangs, `on_fatal(reason)`
    is called once: the process should end (design: reliability 2).
    """

    def __init__(
        self,
        settings: OrchestratorSettings,
        clock: Clock,
        *,
        hang_after_s: Callable[[], float],
        sweep: Callable[[], None],
        on_restart: Callable[[str], None],
        on_fatal: Callable[[str], None],
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._hang_after_s = hang_after_s
        self._sweep = sweep
        self._on_restart = on_restart
        self._on_fatal = on_fatal
        self._watched: Sequence[Watched] = ()
        self._restarts_s: deque[float] = deque()
        self._wake = threading.Event()
        self.num_restarts = 0
        self.is_fatal = False

    def watch(self, watched: Sequence[Watched]) -> None:
        self._watched = tuple(watched)

    def wake(self) -> None:
        """Look at once (a thread died, or everything stops)."""
        self._wake.set()

    @property
    def is_suspicious(self) -> bool:
        """Half of the time to a hang has passed in silence: not ready, perhaps not dead."""
        return self.heartbeat_age_s > self._hang_after_s() / 2

    @property
    def heartbeat_age_s(self) -> float:
        return max((w.heartbeat.age_s for w in self._watched if w.heartbeat), default=0.0)

    def run(self, stop: threading.Event) -> None:
        """Thread body."""
        while not stop.is_set():
            self._wake.wait(self._settings.sweep_interval_s)
            self._wake.clear()
            try:
                self._look(stop)
            except Exception:  # noqa: BLE001 - nobody supervises the supervisor
                _log.exception("supervision failed once")

    def _look(self, stop: threading.Event) -> None:
        self._sweep()
        if stop.is_set() or self.is_fatal:
            return
        if self.heartbeat_age_s > self._hang_after_s():
            self._report_hang()
            return
        for watched in self._watched:
            if watched.thread.has_died and not stop.is_set():
                self._revive(watched, stop)

    def _report_hang(self) -> None:
        _log.critical("a thread hangs since %.1f s; stacks follow", self.heartbeat_age_s)
        faulthandler.dump_traceback(file=sys.__stderr__ or sys.stderr, all_threads=True)
        self._end("hung")

    def _revive(self, watched: Watched, stop: threading.Event) -> None:
        error = watched.thread.error
        assert error is not None
        watched.on_death(error)
        now_s = self._clock()
        while self._restarts_s and now_s - self._restarts_s[0] > self._settings.restart_window_s:
            self._restarts_s.popleft()
        if len(self._restarts_s) >= self._settings.max_restarts:
            self._end(f"{watched.thread.name} died too often")
            return
        backoff_s = self._settings.restart_backoff_s * 2 ** len(self._restarts_s)
        self._restarts_s.append(now_s)
        if stop.wait(min(backoff_s, MAX_BACKOFF_S)):
            return
        self.num_restarts += 1
        self._on_restart(watched.thread.name)
        watched.thread.start()

    def _end(self, reason: str) -> None:
        self.is_fatal = True
        _log.critical("the orchestrator cannot go on: %s", reason)
        self._on_fatal(reason)
