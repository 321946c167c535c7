"""The page as a test handles it: open, type, press, wait, and read `window.jetvoice.stats()`."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement

Stats = dict[str, Any]


def digest_of(pcm: np.ndarray) -> int:
    """The worklet's digest of int16 (nw,): h = 31 h + sample, modulo 2^32, sample by sample."""
    digest = 0
    for sample in pcm.tolist():
        digest = (31 * digest + sample) & 0xFFFFFFFF
    return digest


class Page:
    """One open page."""

    def __init__(self, driver: Chrome) -> None:
        self.driver = driver

    def open(self, url: str) -> None:
        """Load the page and wait until its voices are there."""
        self.driver.get(url)
        self.wait(lambda: self.driver.find_elements(By.CSS_SELECTOR, ".voice"))

    @contextmanager
    def prepared(self, script: str) -> Iterator[None]:
        """Pages opened meanwhile run this script before their own."""
        made = self.driver.execute_cdp_cmd(
            "Page.addScriptToEvaluateOnNewDocument", {"source": script}
        )
        try:
            yield
        finally:
            self.driver.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", made)

    def find(self, element_id: str) -> WebElement:
        return self.driver.find_element(By.ID, element_id)

    def press(self, element_id: str) -> None:
        """A click as a script makes it: independent of what scrolling has covered."""
        self.run(f"document.getElementById({element_id!r}).click()")

    def run(self, script: str, *args: object) -> Any:
        return self.driver.execute_script(script, *args)

    def set_value(self, element_id: str, value: object) -> None:
        """Type a value and let the page notice."""
        self.run(
            "const e = document.getElementById(arguments[0]); e.value = arguments[1];"
            "e.dispatchEvent(new Event('input')); e.dispatchEvent(new Event('change'));",
            element_id,
            str(value),
        )

    def speak(self, text: str, seed: int = 0) -> None:
        self.set_value("text", text)
        self.set_value("seed", seed)
        self.press("play")

    @property
    def stats(self) -> Stats:
        return self.run("return window.jetvoice.stats()")

    def wait(self, condition: Callable[[], Any], timeout_s: float = 40.0) -> Any:
        """The condition's value once it is true."""
        end_s = time.monotonic() + timeout_s
        while not (value := condition()):
            assert time.monotonic() < end_s, f"it never came true: {self.describe()}"
            time.sleep(0.05)
        return value

    def wait_for_state(self, *states: str, timeout_s: float = 40.0) -> Stats:
        """The page's numbers once it is in one of these states."""
        self.wait(lambda: self.stats["state"] in states, timeout_s)
        return self.stats

    def describe(self) -> dict[str, Any]:
        """What helps to understand a failure."""
        return {"stats": self.stats, "console": self.driver.get_log("browser")}
