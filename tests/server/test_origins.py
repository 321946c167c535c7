"""Other sites' pages: kept from whatever changes state or costs device time (CSRF, rebinding)."""

import asyncio
import base64

import httpx
import pytest

from server import ServerSettings
from tests.server.harness import Stack

TRUSTED = "https://a.example"
FOREIGN = "https://evil.example"
OWN = "http://localhost:8000"
FORM = {"name": "my-voice", "consent": "I agree."}
VOICE = FORM | {"audio_base64": base64.b64encode(b"RIFF").decode()}
SPEECH = {"gen_text": "Hi."}


def request_all(stack: Stack, headers: dict[str, str]) -> list[httpx.Response]:
    """Answers of everything that changes state or starts synthesis, asked with these headers."""

    async def run() -> list[httpx.Response]:
        async with stack.client() as client:
            client.base_url = httpx.URL(OWN)
            client.headers.update(headers)
            return [
                await client.post("/v1/voices", data=FORM, files={"audio": b"RIFF"}),
                await client.delete("/v1/voices/my-voice"),
                await client.post("/v1/voices", json=VOICE),
                await client.post("/v1/generate", json=SPEECH),
                await client.post("/v1/generate/stream", json=SPEECH),
                await client.get("/v1/generate/stream", params=SPEECH),
                await client.post("/v1/streams", json=SPEECH),
            ]

    return asyncio.run(run())


REFUSED = {
    "a form of another site": {"Origin": FOREIGN, "Sec-Fetch-Site": "cross-site"},
    "an older browser": {"Origin": FOREIGN},
    "a picture of another site": {"Sec-Fetch-Site": "cross-site"},
    "another port": {"Origin": "http://localhost:3000", "Sec-Fetch-Site": "same-site"},
    "a picture of another port": {"Sec-Fetch-Site": "same-site"},
    "a sandboxed frame": {"Origin": "null"},
    "an address that only begins alike": {"Origin": f"{OWN}.evil.example"},
    "a name rebound to this machine": {"Origin": FOREIGN, "Host": "evil.example"},
    "a rebound name with a port": {
        "Origin": "http://evil.example:8000",
        "Host": "evil.example:8000",
    },
}


@pytest.mark.parametrize("name", REFUSED)
def test_other_sites_pages_change_nothing(stack: Stack, name: str) -> None:
    for answer in request_all(stack, REFUSED[name]):
        assert answer.status_code == 403, answer.request.url
        error = answer.json()["error"]
        assert error["code"] == "foreign_origin" and error["field"] == "Origin"
        assert "--cors-origins" in error["fix"] and "evil" not in answer.text
        assert answer.headers["x-request-id"]
    assert len(stack.store.voices()) == 1
    assert not stack.engine.calls_of("prefill")


WELCOME = {
    "curl": {},
    "curl with another Host": {"Host": "tts.internal"},
    "the page": {"Origin": OWN, "Sec-Fetch-Site": "same-origin"},
    "the page in an older browser": {"Origin": OWN},
    "the page by its other name": {"Origin": "http://127.0.0.1:1", "Host": "127.0.0.1:1"},
    "the page by its third name": {"Origin": "http://[::1]:1", "Host": "[::1]:1"},
    "the page on port 80": {"Origin": "http://LOCALHOST", "Host": "localhost"},
    "the page behind a proxy": {"Origin": FOREIGN, "Sec-Fetch-Site": "same-origin"},
    "an address typed by hand": {"Sec-Fetch-Site": "none"},
    "a trusted page": {"Origin": TRUSTED, "Sec-Fetch-Site": "cross-site"},
}


@pytest.mark.parametrize("name", WELCOME)
def test_own_and_trusted_pages_and_other_clients_are_served(name: str) -> None:
    stack = Stack(settings=ServerSettings(cors_origins=(TRUSTED,)))
    assert all(answer.is_success for answer in request_all(stack, WELCOME[name]))


def test_a_server_of_the_whole_network_is_known_by_any_name() -> None:
    stack = Stack(settings=ServerSettings(host="0.0.0.0"))
    page = {"Origin": "http://studio.lan:8000", "Host": "studio.lan:8000"}
    assert all(answer.is_success for answer in request_all(stack, page))


def test_reading_is_left_to_cors(stack: Stack) -> None:
    async def run() -> list[int]:
        async with stack.client() as client:
            client.headers.update(REFUSED["a form of another site"])
            paths = ("/", "/livez", "/v1/voices", "/v1/voices/ada/preview")
            return [(await client.get(path)).status_code for path in paths]

    assert asyncio.run(run()) == [200] * 4
