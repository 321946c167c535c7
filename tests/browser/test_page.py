"""The page in a real Chromium: all of the sound, once, through cuts; then silence and words.

What was heard is compared where it counts: the worklet digests every sample it hands to the
audio graph, in order, and that digest must equal the one of the batch answer's PCM.
"""

from __future__ import annotations

import base64
import hashlib
import time
from collections.abc import Iterator

import httpx
import numpy as np
import pytest
from selenium.webdriver.common.keys import Keys

from tests.browser.chaos_proxy import chaos
from tests.browser.page_driver import Page, Stats, digest_of
from tests.fakes import FakeEngine
from tests.server.harness import Running, Stack, read_wav, serve

TEXT = "One two three four. Five six seven eight nine. Ten eleven."
ENDLESS = "Word after word after word. " * 60


@pytest.fixture
def slow() -> Iterator[Running]:
    """An engine whose streams last a second or more, so that cuts hit them while they live."""
    engine = FakeEngine()
    engine.delays = {"step": 0.05}
    with serve(Stack(engine=engine)) as running:
        yield running


def batch_pcm(running: Running, text: str, seed: int) -> np.ndarray:
    """int16 (nw,) of the whole answer of POST /v1/generate."""
    body = {"gen_text": text, "seed": seed, "response_format": "wav"}
    answer = httpx.post(f"{running.url}/v1/generate", json=body, timeout=60).raise_for_status()
    return read_wav(base64.b64decode(answer.json()["audio_base64"]))


def check_heard(stats: Stats, pcm: np.ndarray) -> None:
    """Every sample was played, once, in order."""
    assert stats["isComplete"] and stats["problem"] is None
    assert stats["numReceived"] == stats["numPlayed"] == len(pcm)
    assert stats["digest"] == digest_of(pcm)
    assert stats["sha256"] == hashlib.sha256(pcm.tobytes()).hexdigest()
    assert stats["numRepeated"] == 0


def test_a_whole_text_is_heard_bit_for_bit(page: Page, quick: Running) -> None:
    page.open(quick.url)
    page.speak(TEXT, seed=7)
    stats = page.wait_for_state("done", "failed")
    check_heard(stats, batch_pcm(quick, TEXT, seed=7))
    shown = page.find("transcript").text
    assert shown == TEXT and len(page.run("return [...document.querySelectorAll('.heard')]")) == 11
    # The policy forbids everything from outside: a violation or a lost file would be logged.
    assert [entry["message"] for entry in page.driver.get_log("browser")] == []


def test_measures_agree_with_what_was_sent(page: Page, quick: Running) -> None:
    page.open(quick.url)
    page.speak(TEXT, seed=1)
    stats = page.wait_for_state("done", "failed")
    num_chunks = -(-stats["numReceived"] // 2400)
    page.wait(lambda: page.run(_MEASURE, "m_chunks") == str(stats["measures"]["numChunks"]))
    assert num_chunks <= stats["measures"]["numChunks"] <= num_chunks + 3
    assert page.run(_MEASURE, "m_audio") == f"{stats['numReceived'] / 24_000:.1f} s"
    assert page.run(_MEASURE, "m_stalls").split(" ")[0] == str(stats["numStalls"])


_MEASURE = "return document.querySelector(`[data-measure=${arguments[0]}]`).textContent"


def test_first_sound_comes_within_150_ms_and_no_silence_follows(page: Page, quick: Running) -> None:
    page.open(quick.url)
    delays_ms, stalls = [], []
    for seed in range(4):  # the first also compiles the page's scripts; a busy machine has moods
        page.speak(TEXT, seed)
        stats = page.wait_for_state("done", "failed")
        measures = stats["measures"]
        delays_ms.append(measures["firstSound_ms"] - measures["firstEvent_ms"])
        stalls.append((stats["numStalls"], stats["stallSamples"]))
    assert 0 < min(delays_ms) <= 150, delays_ms
    assert (0, 0) in stalls, stalls


def test_cuts_at_random_bytes_lose_and_repeat_nothing(page: Page, slow: Running) -> None:
    pcm = batch_pcm(slow, TEXT * 4, seed=3)
    num_prefills = len(slow.stack.engine.calls_of("prefill"))
    with chaos(slow.port, 15_000, 90_000, seed=5) as proxy:
        page.open(proxy.url)
        page.speak(TEXT * 4, seed=3)
        stats = page.wait_for_state("done", "failed")
        assert proxy.num_cuts >= 2 and stats["numOpened"] > proxy.num_cuts
    assert stats["measures"]["numResumes"] == stats["numOpened"] - 1
    assert stats["digest"] == digest_of(pcm) and stats["numPlayed"] == len(pcm)
    assert stats["sha256"] == hashlib.sha256(pcm.tobytes()).hexdigest()
    assert stats["numRepeated"] == 0
    assert len(slow.stack.engine.calls_of("prefill")) == 2 * num_prefills


def test_the_end_is_the_end(page: Page, quick: Running) -> None:
    with chaos(quick.port, 10**9, 10**9) as proxy:
        page.open(proxy.url)
        page.speak("Short text.", seed=2)
        page.wait_for_state("done", "failed")
        time.sleep(2.5)  # a browser that means to come back does so after `retry`, 1 s
        assert (proxy.num_stream_gets, proxy.num_cuts) == (1, 0)


def test_a_bare_event_source_that_never_closes_is_told_to_stop(page: Page, quick: Running) -> None:
    page.open(quick.url)
    result = page.driver.execute_async_script(
        """
        const done = arguments[arguments.length - 1];
        fetch('/v1/streams', {
          method: 'POST', headers: {'Content-Type': 'application/json'},
          body: JSON.stringify({gen_text: 'Short text.'}),
        }).then((answer) => answer.json()).then(({stream_url: url}) => {
          const source = new EventSource(url);
          let numChunks = 0, numOpened = 0;
          source.onopen = () => { numOpened += 1; };
          source.onmessage = () => { numChunks += 1; };
          source.onerror = () => {
            if (source.readyState === EventSource.CLOSED) done({numChunks, numOpened});
          };
        });
        """
    )
    assert result["numOpened"] == 1 and result["numChunks"] >= 1


def test_dropping_the_connection_shows_an_exact_resume(page: Page, slow: Running) -> None:
    pcm = batch_pcm(slow, TEXT * 6, seed=4)
    page.open(slow.url)
    page.speak(TEXT * 6, seed=4)
    page.run(_DROP_WHEN_SOUND_IS_HERE)
    page.wait(lambda: "dropped" in page.find("journal").text)
    stats = page.wait_for_state("done", "failed")
    assert (stats["numOpened"], stats["numRepeated"]) == (2, 0)
    assert stats["digest"] == digest_of(pcm) and stats["numPlayed"] == len(pcm)
    journal = page.find("journal").text
    assert "0 samples lost, 0 repeated" in journal and "bit for bit" in journal


# In the page, because a driver on a busy machine may come after the end.
_DROP_WHEN_SOUND_IS_HERE = """
    const timer = setInterval(() => {
      if (!(window.jetvoice.stats().numReceived > 0)) return;
      document.getElementById('drop').click();
      clearInterval(timer);
    }, 5);
"""


def test_stop_ends_the_work_as_well(page: Page, slow: Running) -> None:
    page.open(slow.url)
    page.speak(ENDLESS)
    page.wait(lambda: page.stats["numReceived"] > 0)
    page.press("stop")
    page.wait(lambda: not slow.stack.orchestrator.streams.live_jobs(), timeout_s=10)
    assert page.stats["state"] == "stopped" and page.find("problem").text == ""


def test_errors_are_said_in_words(page: Page, quick: Running) -> None:
    page.open(quick.url)
    page.speak(" ... ")
    page.wait_for_state("failed")
    assert page.find("problem").text == "There is nothing to speak. Write some words first."
    page.run(
        "const radio = document.querySelector('.voice input'); radio.value = 'nobody';"
        "radio.dispatchEvent(new Event('change', {bubbles: true}));"
    )
    page.speak("Hello.")
    page.wait(lambda: "voice" in page.find("problem").text)
    assert page.find("problem").text == "There is no voice of that name."
    page.press("language")
    page.press("play")
    page.wait(lambda: "声音" in page.find("problem").text)


def test_an_engine_that_fails_in_the_middle_is_reported(page: Page) -> None:
    engine = FakeEngine()
    engine.nan_rows = {(9, 1)}
    with serve(Stack(engine=engine)) as running:
        page.open(running.url)
        page.speak(TEXT, seed=9)
        page.wait(lambda: page.stats["problem"])
        text = page.find("problem").text
        assert len(text) > 15 and "Traceback" not in text and "{" not in text


def test_a_server_that_is_gone_is_reported(page: Page, quick: Running) -> None:
    with chaos(quick.port, 10**9, 10**9) as proxy:
        page.open(proxy.url)
    page.speak("Hello.")
    page.wait_for_state("failed")
    assert "cannot be reached" in page.find("problem").text


def test_the_keyboard_is_enough(page: Page, slow: Running) -> None:
    page.open(slow.url)
    box = page.find("text")
    box.clear()
    box.send_keys(ENDLESS[:600], Keys.CONTROL, Keys.ENTER)
    page.wait_for_state("playing")
    box.send_keys(Keys.ESCAPE)
    page.wait_for_state("stopped")
    unnamed = page.run(
        "return [...document.querySelectorAll('button, input, textarea, canvas')].filter((e) =>"
        "!(e.getAttribute('aria-label') || e.getAttribute('aria-labelledby') || e.labels?.length"
        "|| e.textContent.trim())).map((e) => e.id)"
    )
    assert unnamed == []


def test_language_and_theme_switch(page: Page, quick: Running) -> None:
    page.open(quick.url)
    page.press("language")
    assert page.find("play-label").text == "播放"
    assert page.run("return document.documentElement.lang") == "zh-CN"
    background = "return getComputedStyle(document.body).backgroundColor"
    before = page.run(background)
    page.press("theme")
    assert page.run(background) != before
    page.driver.refresh()
    assert page.find("play-label").text == "播放" and page.run(background) != before


def test_the_spectrum_follows_the_theme(page: Page, quick: Running) -> None:
    page.open(quick.url)
    page.speak("Short text.")
    page.wait_for_state("done", "failed")
    for theme, accent in (("light", [201, 67, 12]), ("dark", [255, 138, 80])):
        page.run("document.documentElement.dataset.theme = arguments[0]", theme)
        page.wait(lambda accent=accent: page.run(_LAST_PIXEL) == accent)


# Where the line that marks the position stands after the end.
_LAST_PIXEL = """
    const canvas = document.getElementById('spectrum');
    const { data } = canvas.getContext('2d').getImageData(canvas.width - 1, 0, 1, 1);
    return [...data.slice(0, 3)];
"""


def test_blocked_site_storage_costs_only_the_memory(page: Page, quick: Running) -> None:
    script = """Object.defineProperty(window, 'localStorage', {
        get() { throw new DOMException('access is denied', 'SecurityError'); },
    })"""
    with page.prepared(script):
        page.open(quick.url)
        page.press("language")
        assert page.find("play-label").text == "播放"
        page.press("theme")
        assert page.run("return document.documentElement.dataset.theme") == "dark"
        page.speak("Short text.")
        assert page.wait_for_state("done", "failed")["isComplete"]
    assert [entry["message"] for entry in page.driver.get_log("browser")] == []


def test_a_phone_needs_no_sideways_scrolling(page: Page, quick: Running) -> None:
    page.driver.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": 375, "height": 740, "deviceScaleFactor": 2, "mobile": True},
    )
    try:
        page.open(quick.url)
        page.speak(TEXT)
        page.wait_for_state("done", "failed")
        assert page.run("return document.documentElement.scrollWidth") == 375
        box = page.run("return document.getElementById('play').getBoundingClientRect().toJSON()")
        assert box["height"] >= 44 and 0 <= box["left"] < box["right"] <= 375
    finally:
        page.driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_a_recording_becomes_a_voice(page: Page, quick: Running) -> None:
    page.open(quick.url)
    page.press("own-open")
    page.press("own-record")
    page.wait(lambda: page.find("own-record").get_attribute("aria-pressed") == "true", timeout_s=10)
    time.sleep(1.6)
    page.press("own-record")
    page.wait(lambda: "recorded" in page.find("own-state").text)
    page.set_value("own-name", "Mine")
    assert not page.find("own-save").is_enabled(), "without consent nothing is sent"
    page.press("own-consent")
    page.press("own-save")
    page.wait(lambda: "mine" in page.find("voices").text.lower())
    stored = quick.stack.store.find("mine")
    pcm = read_wav(stored.audio.removeprefix(b"fLaC"))
    assert len(pcm) > 24_000 and "agreed" in stored.info.consent
    page.press("own-once")
    page.wait(lambda: "your recording" in page.find("voices").text.lower())
    page.speak("Hello there.", seed=5)
    check_heard(page.wait_for_state("done", "failed"), batch_pcm(quick, "Hello there.", seed=5))


def test_the_download_is_what_was_heard_and_seeking_replays_it(page: Page, quick: Running) -> None:
    page.open(quick.url)
    page.speak(TEXT, seed=6)
    page.wait_for_state("done", "failed")
    page.run(
        "window.saved = []; URL.createObjectURL = (blob) => { window.saved.push(blob);"
        "return 'data:,'; }"
    )
    page.press("save-wav")
    page.press("save-srt")
    page.press("save-vtt")
    wav, srt, vtt = page.driver.execute_async_script(
        "const done = arguments[0]; Promise.all(window.saved.map((blob) => new Promise((take) => {"
        "const reader = new FileReader(); reader.onload = () => take(reader.result.split(',')[1]);"
        "reader.readAsDataURL(blob); }))).then(done);"
    )
    pcm = batch_pcm(quick, TEXT, seed=6)
    assert np.array_equal(read_wav(base64.b64decode(wav)), pcm)
    for form, made in (("srt", srt), ("vtt", vtt)):
        url = f"{quick.url}/v1/streams/{page.stats['streamId']}/audio.{form}"
        assert base64.b64decode(made) == httpx.get(url).raise_for_status().content
    page.set_value("seek", len(pcm) - 6000)
    page.wait(lambda: page.stats["numPlayed"] == len(pcm) + 6000)


def test_without_an_audio_worklet_the_page_still_plays(page: Page, quick: Running) -> None:
    script = "Object.defineProperty(BaseAudioContext.prototype, 'audioWorklet', {value: undefined})"
    with page.prepared(script):
        page.open(quick.url)
        page.speak(TEXT, seed=8)
        stats = page.wait_for_state("done", "failed")
    pcm = batch_pcm(quick, TEXT, seed=8)
    assert stats["digest"] is None and stats["numPlayed"] == len(pcm)
    assert stats["sha256"] == hashlib.sha256(pcm.tobytes()).hexdigest()


@pytest.mark.browser_soak
def test_many_cuts_in_one_long_text(page: Page) -> None:
    engine = FakeEngine()
    engine.delays = {"step": 0.1}
    with serve(Stack(engine=engine)) as running:
        text = TEXT * 20
        with chaos(running.port, 500, 60_000, seed=1) as proxy:
            page.open(proxy.url)
            page.speak(text, seed=3)
            stats = page.wait_for_state("done", "failed", timeout_s=300)
            assert proxy.num_cuts >= 30
        pcm = batch_pcm(running, text, seed=3)
    assert stats["digest"] == digest_of(pcm) and stats["numPlayed"] == len(pcm)
    assert stats["numRepeated"] == 0
