"""Voices: listed, stored with consent, heard, deleted; every refusal in words."""

import asyncio
import base64
import json
from typing import Any

import httpx
import pytest

from frontend.voices import VoiceLimits
from tests.server.harness import Stack

CONSENT = "I am the speaker and I agree."
AUDIO = b"RIFF-something"
FIELDS = {"name": "my-voice", "consent": CONSENT, "text": "Hello."}
BODY = FIELDS | {"audio_base64": base64.b64encode(AUDIO).decode()}
FILE = {"audio": ("me.wav", AUDIO, "audio/wav")}


def test_the_built_in_voice_is_listed_and_heard(stack: Stack) -> None:
    async def run() -> None:
        async with stack.client() as client:
            (voice,) = (await client.get("/v1/voices")).json()["voices"]
            assert voice["name"] == voice["id"] == "ada"
            assert voice["is_builtin"] and voice["is_default"]
            preview = await client.get(voice["preview_url"])
            assert preview.content == b"fLaC-ada"
            assert preview.headers["content-type"] == "audio/flac"
            assert (await client.get("/v1/voices/nobody/preview")).status_code == 404

    asyncio.run(run())


def test_a_recording_has_ranges_and_is_not_sent_twice(stack: Stack) -> None:
    async def run() -> None:
        async with stack.client() as client:
            path, whole = "/v1/voices/ada/preview", b"fLaC-ada"
            first = await client.get(path)
            assert (first.headers["content-length"], first.headers["cache-control"]) == (
                str(len(whole)),
                "no-cache",
            )
            part = await client.get(path, headers={"Range": "bytes=2-4"})
            assert (part.status_code, part.content) == (206, whole[2:5])
            assert part.headers["content-range"] == f"bytes 2-4/{len(whole)}"
            assert (await client.get(path, headers={"Range": "bytes=99-"})).status_code == 416
            etag = first.headers["etag"]
            for known in (etag, f"W/{etag}", f'"other", {etag}', "*"):
                held = await client.get(path, headers={"If-None-Match": known, "Range": "bytes=0-"})
                assert (held.status_code, held.content) == (304, b"")
                assert held.headers["etag"] == etag
            for known in ('"other"', etag.strip('"'), ""):
                changed = await client.get(path, headers={"If-None-Match": known})
                assert (changed.status_code, changed.content) == (200, whole)

    asyncio.run(run())


@pytest.mark.parametrize("is_form", [True, False])
def test_a_voice_is_stored_used_and_deleted(stack: Stack, is_form: bool) -> None:
    async def run() -> None:
        async with stack.client() as client:
            if is_form:
                added = await client.post("/v1/voices", data=FIELDS, files=FILE)
            else:
                added = await client.post("/v1/voices", json=BODY)
            assert added.status_code == 201, added.text
            assert added.json()["name"] == "my-voice" and not added.json()["is_builtin"]
            assert (await client.get(added.json()["preview_url"])).content == b"fLaC" + AUDIO
            spoken = await client.post(
                "/v1/generate", json={"gen_text": "Hi.", "voice": "my-voice"}
            )
            assert spoken.status_code == 200
            twice = await client.post("/v1/voices", json=BODY)
            assert twice.status_code == 409
            assert (await client.delete("/v1/voices/my-voice")).status_code == 204
            assert (await client.delete("/v1/voices/my-voice")).status_code == 404
            assert (await client.delete("/v1/voices/ada")).status_code == 409

    asyncio.run(run())


REFUSALS = {
    "no consent": ({"consent": ""}, 422, "consent"),
    "blank consent": ({"consent": "  "}, 422, "consent"),
    "no name": ({"name": ""}, 422, "name"),
    "path as name": ({"name": "../../etc/passwd"}, 422, "name"),
    "upper case": ({"name": "Me"}, 422, "name"),
    "long name": ({"name": "a" * 65}, 422, "name"),
    "long consent": ({"consent": "a" * 501}, 422, "consent"),
    "unknown field": ({"secret": "1"}, 422, "secret"),
    "surrogate": ({"text": "\ud800"}, 422, "text"),
    "not base64": ({"audio_base64": "a b"}, 422, "audio_base64"),
    "empty audio": ({"audio_base64": ""}, 422, "audio_base64"),
    "html": ({"audio_base64": base64.b64encode(b"<html>").decode()}, 422, "audio_base64"),
    "number": ({"name": 5}, 422, "name"),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_refusals_name_the_field(stack: Stack, name: str) -> None:
    change, status, field = REFUSALS[name]

    async def run() -> httpx.Response:
        async with stack.client() as client:
            content = json.dumps(BODY | change).encode()  # httpx cannot spell a lone surrogate
            headers = {"Content-Type": "application/json"}
            return await client.post("/v1/voices", content=content, headers=headers)

    response = asyncio.run(run())
    assert response.status_code == status, response.text
    error = response.json()["error"]
    assert error["field"] == field
    assert len(stack.store.voices()) == 1


def test_bad_forms_are_refused(stack: Stack) -> None:
    async def run() -> list[int]:
        async with stack.client() as client:
            answers = [
                await client.post("/v1/voices", data=FIELDS, files={"other": AUDIO}),
                await client.post("/v1/voices", data=FIELDS | {"audio": "text"}, files={"x": b""}),
                await client.post("/v1/voices", data=FIELDS | {"more": "1"}, files=FILE),
                await client.post(
                    "/v1/voices", content=b"junk", headers={"Content-Type": "multipart/form-data"}
                ),
                await client.post("/v1/voices", content=b"{}", headers={"Content-Type": "text/x"}),
                await client.post("/v1/voices", json=[]),
            ]
            return [answer.status_code for answer in answers]

    assert asyncio.run(run()) == [422, 422, 422, 400, 415, 422]
    assert len(stack.store.voices()) == 1


@pytest.mark.parametrize("is_form", [True, False])
def test_a_bad_recording_is_called_by_the_name_it_was_sent_under(
    stack: Stack, is_form: bool
) -> None:

    async def send(client: httpx.AsyncClient, audio: bytes) -> httpx.Response:
        if is_form:
            return await client.post("/v1/voices", data=FIELDS, files={"audio": audio})
        encoded = base64.b64encode(audio).decode()
        return await client.post("/v1/voices", json=BODY | {"audio_base64": encoded})

    async def run() -> None:
        async with stack.client() as client:
            for audio in (b"<html>", AUDIO + bytes(VoiceLimits().max_audio_bytes)):
                error = (await send(client, audio)).json()["error"]
                assert error["field"] == ("audio" if is_form else "audio_base64")

    asyncio.run(run())


def raw_form(content_type: str) -> dict[str, Any]:
    """A good upload in bytes, under any content type."""
    parts = "".join(
        f'--x\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in (FIELDS | {"description": "Zoë"}).items()
    )
    head = '--x\r\nContent-Disposition: form-data; name="audio"; filename="me.wav"\r\n\r\n'
    content = (parts + head).encode() + AUDIO + b"\r\n--x--\r\n"
    return {"content": content, "headers": {"Content-Type": content_type.encode("latin-1")}}


@pytest.mark.parametrize(
    "charset", ["undefined", "punycode", "idna", "utf-16", "utf-7", "latin-1", "a\0b", "\xff", ""]
)
def test_forms_in_other_encodings_are_refused(stack: Stack, charset: str) -> None:
    async def run() -> None:
        async with stack.client() as client:
            for quoted in (charset, f'"{charset}"'):
                content_type = f"multipart/form-data; boundary=x; charset={quoted}"
                answer = await client.post("/v1/voices", **raw_form(content_type))
                assert answer.status_code == 415, answer.text
                error = answer.json()["error"]
                assert error["field"] == "Content-Type" and "UTF-8" in error["fix"]

    asyncio.run(run())
    assert len(stack.store.voices()) == 1


@pytest.mark.parametrize(
    "content_type",
    [
        "multipart/form-data; boundary=x; charset=utf-8",
        'Multipart/Form-Data ; Boundary=x; Charset="UTF8"',
        "MULTIPART/FORM-DATA;boundary=x",
    ],
)
def test_the_type_of_a_form_is_spelt_in_any_case(stack: Stack, content_type: str) -> None:
    async def run() -> None:
        async with stack.client() as client:
            added = await client.post("/v1/voices", **raw_form(content_type))
            assert added.status_code == 201, added.text
            assert added.json()["description"] == "Zoë"

    asyncio.run(run())


def test_the_form_of_the_api_page_works_once_a_file_is_chosen(stack: Stack) -> None:
    async def run() -> None:
        async with stack.client() as client:
            paths = (await client.get("/openapi.json")).json()["paths"]
            content = paths["/v1/voices"]["post"]["requestBody"]["content"]
            form = content["multipart/form-data"]["schema"]
            assert next(iter(content)) == "multipart/form-data"  # what the page shows
            assert form["properties"].pop("audio")["format"] == "binary"
            shown = {
                name: (field.get("examples") or [field["default"]])[0]
                for name, field in form["properties"].items()
            }
            added = await client.post("/v1/voices", data=shown, files=FILE)
            assert added.status_code == 201, added.text

    asyncio.run(run())
