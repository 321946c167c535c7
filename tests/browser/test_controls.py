"""Sliders and keys: what they offer the server accepts, and what a mouse can do they can."""

from __future__ import annotations

from dataclasses import replace

from tests.browser.page_driver import Page
from tests.fakes import SMALL_SPEC, FakeEngine
from tests.server.harness import Running, Stack, serve


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
