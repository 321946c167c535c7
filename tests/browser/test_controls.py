"""Sliders and keys: what they offer the server accepts, and what a mouse can do they can."""

from __future__ import annotations

from dataclasses import replace

import pytest
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys

from tests.browser.page_driver import Page
from tests.fakes import SMALL_SPEC, FakeEngine
from tests.server.harness import RATE, Running, Stack, serve

TEXT = "One two three four. Five six seven eight nine. Ten eleven."
# What the audio graph is told to play from, before it cuts that to what there is.
_NOTE_SEEKS = """
    window.seeks = [];
    const post = MessagePort.prototype.postMessage;
    MessagePort.prototype.postMessage = function (message, ...rest) {
      if (message.verb === 'seek') window.seeks.push(message.sample);
      post.call(this, message, ...rest);
    };
"""


def guidance(page: Page) -> list[str]:
    """The slider's end, its value and the words beside it."""
    return page.run(
        "const e = document.getElementById('guidance');"
        "return [e.max, e.value, document.getElementById('guidance-value').textContent]"
    )


def test_guidance_ends_where_the_model_does(page: Page) -> None:
    engine = FakeEngine(replace(SMALL_SPEC, max_guidance=2.0))
    with serve(Stack(engine=engine)) as running:
        page.open(running.url)
        page.wait(lambda: guidance(page)[0] == "2")
        page.set_value("guidance", 5)
        assert guidance(page) == ["2", "2", "2.00"]
        page.speak("Hello.")
        assert page.wait_for_state("done", "failed")["problem"] is None


def test_guidance_chosen_before_the_limit_is_known_is_brought_down(
    page: Page, quick: Running
) -> None:
    page.open(quick.url)
    page.set_value("guidance", 4)
    page.speak("Hello.")
    page.wait_for_state("done", "failed")
    assert guidance(page) == ["5", "4", "4.00"], "this model has no limit"
    page.driver.execute_async_script(
        "import('/page/knobs.js').then((knobs) => knobs.limitGuidance(2)).then(arguments[0])"
    )
    assert guidance(page) == ["2", "2", "2.00"]


@pytest.fixture
def heard(page: Page, quick: Running) -> Page:
    """The page after `TEXT`; `window.seeks` takes note of every jump."""
    with page.prepared(_NOTE_SEEKS):
        page.open(quick.url)
    page.speak(TEXT)
    page.wait_for_state("done", "failed")
    return page


def check_jumps(page: Page, element_id: str, keys: list[str], samples: list[int]) -> None:
    """These keys, struck there, jump to these samples; then it plays to the end."""
    page.run("window.seeks = []; document.getElementById(arguments[0]).focus()", element_id)
    ActionChains(page.driver).send_keys(*keys).perform()
    page.wait(lambda: page.run("return window.seeks") == samples)
    page.wait_for_state("done")


def test_keys_on_the_position_go_by_seconds(heard: Page) -> None:
    total = heard.stats["numReceived"]
    steps_s = {
        Keys.ARROW_LEFT: -1,
        Keys.ARROW_DOWN: -1,
        Keys.ARROW_RIGHT: 1,
        Keys.ARROW_UP: 1,
        Keys.PAGE_DOWN: -5,
        Keys.PAGE_UP: 5,
    }
    for key, step_s in steps_s.items():
        check_jumps(heard, "seek", [key], [total + step_s * RATE])
    check_jumps(heard, "seek", [Keys.HOME, Keys.END], [0, total])


def test_dragging_is_exact(heard: Page) -> None:
    heard.set_value("seek", 12_345)
    assert heard.run("return window.seeks") == [12_345]


def test_words_are_one_tab_stop_and_play_by_enter(heard: Page) -> None:
    words = "[...document.querySelectorAll('.word')]"
    heard.run(f"window.seeks = []; {words}[8].click(); {words}[9].click()")
    starts = heard.run("return window.seeks")
    heard.wait_for_state("done")
    heard.wait(lambda: not heard.run("return document.querySelector('.now')"))
    keys = [Keys.ARROW_LEFT, Keys.ENTER, Keys.ARROW_LEFT, Keys.ENTER]
    check_jumps(heard, "transcript", keys, starts[::-1])
    assert heard.run("return document.activeElement.textContent") == "nine"
    ActionChains(heard.driver).send_keys(Keys.TAB).perform()
    assert not heard.run("return document.getElementById('transcript').matches(':focus-within')")
