"""The stock npm `eventsource` client survives cuts and stops at the end (R15).

Runs where node is installed and `npm install --no-save eventsource` was done in the repository.
"""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.fakes import FakeEngine
from tests.server.harness import Stack, serve

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = Path(__file__).with_name("eventsource_cut.mjs")
NODE = shutil.which("node")


@pytest.mark.skipif(
    NODE is None or not (ROOT / "node_modules" / "eventsource").is_dir(),
    reason="needs node and the npm package eventsource",
)
def test_the_stock_event_source_hears_everything_once_and_stops() -> None:
    engine = FakeEngine()
    engine.delays = {"step": 0.002}
    with serve(Stack(engine=engine)) as running:
        assert NODE is not None
        command = [NODE, str(SCRIPT), str(running.port)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    result = json.loads(done.stdout)
    assert result["isEqual"] and result["code"] == 204
    assert result["indices"] == list(range(len(result["indices"])))
    assert result["numCuts"] >= 3
    assert len(engine.calls_of("prefill")) == 9
