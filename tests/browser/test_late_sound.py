"""A first sound that is long in coming: reconnecting meanwhile is no event in the page."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from orchestrator import OrchestratorSettings
from tests.browser.page_driver import Page
from tests.fakes import EngineCall, FakeEngine
from tests.server.harness import Running, Stack, serve

# In place of the timer that fires after 25 s without an event, the test calls `silence()`;
# `source` is the connection of the moment.
_HANDLES = """
    const later = window.setTimeout;
    window.setTimeout = (action, delay, ...rest) => {
      if (delay !== 25000) return later(action, delay, ...rest);
      window.silence = action;
      return 0;
    };
    window.EventSource = class extends EventSource {
      constructor(...values) {
        super(...values);
        window.source = this;
      }
    };
"""


@pytest.fixture
def gate() -> threading.Event:
    """The engine speaks once this is set."""
    return threading.Event()


@pytest.fixture
def held(gate: threading.Event) -> Iterator[Running]:
    def hold(call: EngineCall) -> None:
        if call.verb == "step":
            gate.wait()

    orchestration = OrchestratorSettings(chunk_samples=2400, hang_after_s=120)
    with serve(Stack(engine=FakeEngine(), orchestration=orchestration)) as running:
        running.stack.engine.on_call = hold
        try:
            yield running
        finally:
            gate.set()


def open_and_speak(page: Page, held: Running) -> None:
    with page.prepared(_HANDLES):
        page.open(held.url)
    page.speak("One two three four.")
    page.wait(lambda: page.stats["numOpened"] == 1)


def check_preparing(page: Page) -> None:
    assert page.stats["state"] == "preparing"
    assert page.find("status").text == "Preparing"
    assert page.find("journal").get_attribute("textContent") == ""


def test_a_busy_server_asked_again_is_no_resume(
    page: Page, held: Running, gate: threading.Event
) -> None:
    open_and_speak(page, held)
    for num_opened in (2, 3):
        page.run("silence()")
        page.wait(lambda num=num_opened: page.stats["numOpened"] == num)
        check_preparing(page)
    gate.set()
    stats = page.wait_for_state("done", "failed")
    assert stats["isComplete"] and stats["measures"]["numResumes"] == 0
    assert "Resumed" not in page.find("journal").text


def test_a_connection_lost_before_any_sound_prepares_again(
    page: Page, held: Running, gate: threading.Event
) -> None:
    open_and_speak(page, held)
    page.run("source.dispatchEvent(new Event('error'))")
    assert page.stats["state"] == "lost"
    page.run("source.dispatchEvent(new Event('open'))")
    check_preparing(page)
    gate.set()
    assert page.wait_for_state("done", "failed")["isComplete"]
    assert "lost" not in page.find("journal").text
