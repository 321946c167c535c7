"""The page's files: addresses, types, policy, and nothing else from the disk."""

import asyncio
import re

import httpx
import pytest

from server.routes_page import PAGE_DIR
from tests.server.harness import Stack


def get(stack: Stack, path: str, method: str = "GET") -> httpx.Response:
    async def run() -> httpx.Response:
        transport = httpx.ASGITransport(app=stack.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            return await client.request(method, path)

    return asyncio.run(run())


def test_every_file_the_page_names_is_served(stack: Stack) -> None:
    html = get(stack, "/").text
    names = set(re.findall(r'(?:src|href)="(/page/[^"]+)"', html))
    for path in PAGE_DIR.glob("*.js"):
        names |= {f"/page/{name}" for name in re.findall(r"from '\./([^']+)'", path.read_text())}
    assert len(names) > 12
    for name in names:
        answer = get(stack, name)
        assert answer.status_code == 200
        assert not name.endswith(".js") or answer.headers["content-type"].startswith(
            "text/javascript"
        )


def test_nothing_comes_from_outside(stack: Stack) -> None:
    answer = get(stack, "/")
    assert answer.headers["content-security-policy"].startswith("default-src 'self'")
    assert answer.headers["x-content-type-options"] == "nosniff"
    text = "".join(path.read_text() for path in PAGE_DIR.iterdir())
    addresses = set(re.findall(r"https?://[^\s\"'<)]+", text))
    assert addresses == {"http://www.w3.org/2000/svg"}
    assert "style=" not in answer.text and "onclick" not in answer.text


@pytest.mark.parametrize("path", ["/page/", "/page/../app.py", "/page/%2e%2e%2fapp.py", "/page/x"])
def test_other_files_have_no_address(stack: Stack, path: str) -> None:
    answer = get(stack, path)
    assert answer.status_code == 404 and "error" in answer.json()


def test_head_and_wrong_methods(stack: Stack) -> None:
    assert get(stack, "/", "HEAD").status_code == 200
    assert get(stack, "/", "POST").status_code == 405
