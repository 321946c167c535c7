"""A JetVoice server of a benchmark's own, and what it uses. Linux only (/proc)."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
READY = "ready: open "


@dataclass(frozen=True, kw_only=True)
class ServerProcess:
    """`main.py` on a free port; `ready_s` from its start to its first ready answer."""

    pid: int
    url: str
    ready_s: float

    def resident_mib(self) -> float:
        return _field_mib(self.pid, "VmRSS")

    def peak_mib(self) -> float:
        """The largest resident size so far, with what its child processes hold now."""
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
        return _field_mib(self.pid, "VmHWM") + sum(_field_mib(int(c), "VmRSS") for c in children)


def _field_mib(pid: int, name: str) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    found = re.search(rf"^{name}:\s+(\d+) kB$", status, re.MULTILINE)
    return int(found[1]) / 1024 if found else 0.0


@contextmanager
def server(*arguments: str) -> Iterator[ServerProcess]:
    """Start it with `arguments`, wait until it is ready, end it afterwards."""
    command = [sys.executable, str(ROOT / "main.py"), "--port", "0", *arguments]
    begun = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        urls = (line.split(READY)[1].strip() for line in process.stdout if READY in line)
        url = next(urls, None)
        if url is None:
            raise SystemExit("main.py ended before it was ready: see its messages above")
        yield ServerProcess(pid=process.pid, url=url, ready_s=time.monotonic() - begun)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)
