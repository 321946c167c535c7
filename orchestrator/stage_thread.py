"""A named thread that reports its own death, and the heartbeat a watchdog reads."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from orchestrator.stream import Clock

_log = logging.getLogger(__name__)
Body = Callable[[threading.Event], None]


class Heartbeat:
    """Age of the last sign of life; 0 while there is nothing to do."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._busy_since_s: float | None = None

    def beat(self) -> None:
        """Progress was made and more is being tried."""
        self._busy_since_s = self._clock()

    def rest(self) -> None:
        """Nothing to do: silence is no sign of a hang (also during compilation)."""
        self._busy_since_s = None

    @property
    def age_s(self) -> float:
        since_s = self._busy_since_s
        return 0.0 if since_s is None else self._clock() - since_s


class StageThread:
    """Runs `body(stop)` on a thread called `name`; `start` again after a death starts anew.

    The body returns when `stop` is set. Whatever it raises ends this thread alone and is kept
    in `error` for the supervisor, which `on_death` wakes.
    """

    def __init__(self, name: str, body: Body, on_death: Callable[[], None]) -> None:
        self.name = name
        self.error: BaseException | None = None
        self.stop = threading.Event()
        self._body = body
        self._on_death = on_death
        self._thread: threading.Thread | None = None

    @property
    def is_alive(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    @property
    def has_died(self) -> bool:
        """Started, ended, and nobody asked for it."""
        return self._thread is not None and self.error is not None

    def start(self) -> None:
        self.error = None
        # Daemonic, because a thread hung in the device runtime can never be joined and must
        # not keep the process from exiting; the stop path joins all others.
        self._thread = threading.Thread(target=self._run, name=self.name, daemon=True)
        self._thread.start()

    def join(self, timeout_s: float) -> bool:
        """True when the thread has ended (or never ran)."""
        if self._thread is None:
            return True
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        try:
            self._body(self.stop)
        except BaseException as error:  # noqa: BLE001 - the supervisor must learn of every death
            _log.exception("thread %s died", self.name)
            self.error = error
            self._on_death()
