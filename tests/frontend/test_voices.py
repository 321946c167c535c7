from __future__ import annotations

import errno
import json
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from frontend.voices import Voice, VoiceInfo, VoiceLimits, VoiceStore, make_voice
from inference_types import (
    ConflictError,
    InvalidRequestError,
    ModelLoadError,
    NotFoundError,
    RequestTooLargeError,
)

CONSENT = "I am the speaker and I agree."


def builtin(name: str = "amy") -> Voice:
    info = VoiceInfo(name=name, language="en", licence="CC0")
    return make_voice(info, b"built in", "audio/ogg", is_builtin=True)


def info(name: str = "bob", **values: str) -> VoiceInfo:
    return VoiceInfo(**({"name": name, "consent": CONSENT} | values))


def test_stored_voice_survives_a_restart(tmp_path: Path) -> None:
    added = VoiceStore([builtin()], tmp_path).add(info(language="zh", text="Hi."), b"flac")
    again = VoiceStore([builtin()], tmp_path)
    assert [voice.name for voice in again.voices()] == ["amy", "bob"]
    found = again.find("bob")
    assert found == added
    assert found.info.consent == CONSENT and found.info.created_at.startswith("20")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bob.flac", "bob.json"]


@pytest.mark.parametrize(
    "name", ["", "Bob", "../etc", "a/b", "-a", "a" * 65, "a.b", "a\n", "con\0", "ä"]
)
def test_unsafe_names_are_refused_and_write_nothing(name: str, tmp_path: Path) -> None:
    store = VoiceStore([], tmp_path)
    with pytest.raises(InvalidRequestError) as caught:
        store.add(info(name), b"flac")
    assert caught.value.field == "name"
    with pytest.raises(NotFoundError):
        store.find(name)
    with pytest.raises(NotFoundError):
        store.delete(name)
    assert list(tmp_path.iterdir()) == []


def test_consent_is_required(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        VoiceStore([], tmp_path).add(info(consent="  "), b"flac")
    assert caught.value.field == "consent"


def test_taken_names_are_a_conflict(tmp_path: Path) -> None:
    store = VoiceStore([builtin()], tmp_path)
    store.add(info(), b"one")
    for name in ("amy", "bob"):
        with pytest.raises(ConflictError):
            store.add(info(name), b"two")
    assert store.find("bob").audio == b"one"


def test_deleted_voice_is_gone_and_builtin_stays(tmp_path: Path) -> None:
    store = VoiceStore([builtin()], tmp_path)
    store.add(info(), b"flac")
    store.delete("bob")
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(NotFoundError):
        store.find("bob")
    with pytest.raises(ConflictError):
        store.delete("amy")
    store.add(info(), b"again")


def test_limits_hold(tmp_path: Path) -> None:
    limits = VoiceLimits(max_voices=2, max_audio_bytes=10, max_total_bytes=12)
    store = VoiceStore([builtin()], tmp_path, limits)
    with pytest.raises(RequestTooLargeError):
        store.add(info(), b"x" * 11)
    store.add(info("a"), b"x" * 8)
    with pytest.raises(ConflictError):
        store.add(info("b"), b"x" * 8)  # bytes
    store.add(info("b"), b"x")
    with pytest.raises(ConflictError):
        store.add(info("c"), b"x")  # number
    with pytest.raises(InvalidRequestError):
        store.add(info("d", description="x" * 501), b"x")


def test_damaged_records_are_skipped(tmp_path: Path) -> None:
    VoiceStore([], tmp_path).add(info("good"), b"flac")
    record = json.loads((tmp_path / "good.json").read_text())
    (tmp_path / "cut.json").write_text('{"name": ')
    (tmp_path / "lonely.json").write_text(json.dumps(record))
    (tmp_path / "altered.json").write_text(json.dumps(record))
    (tmp_path / "altered.flac").write_bytes(b"other")
    (tmp_path / "strange.json").write_text(json.dumps(record | {"sha256": "", "more": 1}))
    (tmp_path / "Bad Name.json").write_text(json.dumps(record))
    for number, text in enumerate(["null", "3", '"x"', "[]", "[1]"]):
        (tmp_path / f"odd-{number}.json").write_text(text)
        (tmp_path / f"odd-{number}.flac").write_bytes(b"flac")
    (tmp_path / "amy.json").write_text(json.dumps(record))
    store = VoiceStore([builtin()], tmp_path)
    assert [voice.name for voice in store.voices()] == ["amy", "good"]
    assert store.find("amy").is_builtin


@pytest.mark.parametrize("method", ["mkdir", "iterdir"])
def test_an_unusable_folder_is_one_sentence(
    method: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, method, refuse)
    with pytest.raises(ModelLoadError, match=r"\(Permission denied\); .* --voice-dir$") as caught:
        VoiceStore([], tmp_path)
    assert caught.value.field == "voice_dir"


def test_a_file_in_place_of_the_folder_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    for folder in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(ModelLoadError, match="choose another --voice-dir"):
            VoiceStore([], folder)


@pytest.mark.parametrize("change", ["add", "delete"])
def test_readers_do_not_wait_for_a_writers_disk(
    change: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = VoiceStore([builtin()], tmp_path)
    store.add(info("old"), b"flac")
    is_writing, may_go_on = threading.Event(), threading.Event()

    def hold(*_: object, **__: object) -> None:
        is_writing.set()
        assert may_go_on.wait(30)

    monkeypatch.setattr(os, "fsync", hold)
    monkeypatch.setattr(Path, "unlink", hold)
    work = (lambda: store.add(info(), b"flac")) if change == "add" else lambda: store.delete("old")
    with ThreadPoolExecutor() as pool:
        writer = pool.submit(work)
        assert is_writing.wait(30)
        try:
            assert pool.submit(store.find, "old").result(timeout=30).audio == b"flac"
            assert len(pool.submit(store.voices).result(timeout=30)) == 2
        finally:
            may_go_on.set()
        writer.result(timeout=30)
    assert len(store.voices()) == (3 if change == "add" else 1)


def test_threads_adding_one_name_make_one_voice(tmp_path: Path) -> None:
    store, outcomes = VoiceStore([], tmp_path), []

    def add(number: int) -> None:
        try:
            store.add(info(), b"%d" % number)
            outcomes.append("added")
        except ConflictError:
            outcomes.append("conflict")

    threads = [threading.Thread(target=add, args=(i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["added"] + ["conflict"] * 7
    assert VoiceStore([], tmp_path).find("bob").audio == store.find("bob").audio
