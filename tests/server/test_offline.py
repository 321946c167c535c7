"""Speaking a file: equal to the server, resumable, one job a folder."""

import asyncio
import json
import wave
from pathlib import Path

import numpy as np
import pytest

from inference_types import InvalidRequestError, InvalidTextError, SynthesisRequest
from orchestrator import Orchestrator, OrchestratorSettings
from server import offline
from server.offline import OfflineJob, run_offline, speak_file, split_parts
from server.settings import parse_command_line
from tests.fakes import EndToEndJoiner, FakeEngine, FakeFrontend, expected_pcm


def make_orchestrator(
    settings: OrchestratorSettings | None = None,
) -> tuple[Orchestrator, FakeEngine, FakeFrontend]:
    engine, frontend = FakeEngine(), FakeFrontend()
    return Orchestrator(engine, frontend, EndToEndJoiner, settings), engine, frontend


def pcm_of(path: Path) -> np.ndarray:
    with wave.open(str(path)) as file:
        return np.frombuffer(file.readframes(file.getnframes()), "<i2")


def test_a_short_text_equals_the_servers_answer(tmp_path: Path) -> None:
    orchestrator, engine, frontend = make_orchestrator()
    text = "Hello there. This is a file.\n\nWith two paragraphs."
    report = run_offline(orchestrator, OfflineJob(text=text, out_dir=tmp_path, seed=4))
    request = SynthesisRequest(request_id="x", text=text, seed=4)
    np.testing.assert_array_equal(
        pcm_of(tmp_path / "audio.wav"), expected_pcm(frontend, engine, request)
    )
    assert "-->" in (tmp_path / "audio.srt").read_text()
    assert report["num_parts"] == report["num_parts_made"] == 1
    assert json.loads((tmp_path / "report.json").read_text()) == report


def test_an_interrupted_run_goes_on_where_it_stopped(tmp_path: Path) -> None:
    paragraphs = [f"Paragraph {'abcdefgh'[i]} has words." for i in range(4)]
    text = "\n\n".join(part + " pad" * 1200 for part in paragraphs)
    job = OfflineJob(text=text, out_dir=tmp_path)
    orchestrator, engine, _ = make_orchestrator()
    engine.delays = {"vocode": 0.005}

    async def interrupt() -> None:
        enough = asyncio.Event()

        def on_part(num_done: int, num_parts: int) -> None:
            assert num_parts == 4
            if num_done == 1:
                enough.set()

        await orchestrator.start()
        await orchestrator.wait_until_ready()
        task = asyncio.ensure_future(speak_file(orchestrator, job, on_part))
        await enough.wait()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await orchestrator.stop()

    asyncio.run(interrupt())
    num_made = len(list(tmp_path.glob("part-*.json")))
    assert 1 <= num_made < 4 and not (tmp_path / "audio.wav").exists()
    report = run_offline(make_orchestrator()[0], job)
    assert report["num_parts_made"] == 4 - num_made
    sizes = [len(pcm_of(path)) for path in sorted(tmp_path.glob("part-*.wav"))]
    assert len(pcm_of(tmp_path / "audio.wav")) == sum(sizes)
    idle, engine, _ = make_orchestrator()
    again = run_offline(idle, job)
    assert again["num_parts_made"] == 0 and again["rtf"] is None
    assert not engine.calls, "nothing was warmed up for nothing"


def test_a_folder_of_another_job_is_refused(tmp_path: Path) -> None:
    run_offline(make_orchestrator()[0], OfflineJob(text="One.", out_dir=tmp_path))
    for difference in ({"seed": 1}, {"model": "another"}, {"chunk_policy": "equal"}):
        orchestrator, engine, _ = make_orchestrator()
        with pytest.raises(InvalidRequestError, match="--out"):
            run_offline(orchestrator, OfflineJob(text="One.", out_dir=tmp_path, **difference))
        assert not engine.calls, "refused before the warm-up"


def test_a_folder_that_cannot_be_made_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InvalidRequestError, match="--out cannot be written"):
        run_offline(make_orchestrator()[0], OfflineJob(text="One.", out_dir=tmp_path / "file"))


def test_parts_wait_for_room_on_a_device_that_admits_few(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(offline, "MAX_RETRY_WAIT_S", 0.01)
    text = "\n\n".join(f"Part {name}. " + "pad " * 1200 for name in "abcd")
    orchestrator, _, _ = make_orchestrator(OrchestratorSettings(max_concurrent_requests=1))
    report = run_offline(orchestrator, OfflineJob(text=text, out_dir=tmp_path))
    assert report["num_parts_made"] == 4
    assert orchestrator.metrics_snapshot().counters["requests_rejected_total"]["overloaded"] > 0


def test_settings_of_the_server_reach_the_request(tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text("One.")
    argv = ["generate", "--text-file", str(tmp_path / "text.txt"), "--out", str(tmp_path / "out")]
    argv += ["--chunk-policy", "equal", "--model", "mine"]
    job = OfflineJob.from_invocation(parse_command_line(argv, {}))
    assert (job.chunk_policy, job.model) == ("equal", "mine")
    orchestrator, _, frontend = make_orchestrator()
    seen: list[str] = []
    frontend.on_call = lambda verb, request: seen.append(request.chunk_policy)
    run_offline(orchestrator, job)
    assert set(seen) == {"equal"}


def test_bad_files_and_values_name_the_flag(tmp_path: Path) -> None:
    with pytest.raises(InvalidTextError):
        run_offline(make_orchestrator()[0], OfflineJob(text="...\n\n!", out_dir=tmp_path))
    latin = tmp_path / "latin.txt"
    latin.write_bytes(b"caf\xe9")
    for path in (latin, tmp_path / "missing.txt", tmp_path):
        argv = ["generate", "--text-file", str(path), "--out", str(tmp_path / "out")]
        with pytest.raises(InvalidRequestError, match="--text-file"):
            OfflineJob.from_invocation(parse_command_line(argv, {}))
    with pytest.raises(InvalidRequestError, match="--seed"):
        OfflineJob(text="One.", out_dir=tmp_path, seed=-1)
    with pytest.raises(InvalidRequestError, match="--speed"):
        OfflineJob(text="One.", out_dir=tmp_path, speed=float("nan"))


def test_parts_are_whole_paragraphs_and_lose_nothing() -> None:
    text = "\r\n\r\n".join(["a" * 30, "b" * 30, "c" * 50, "Word. " * 40, "d" * 130, "..."])
    parts = split_parts(text, max_chars=70)
    assert all(0 < len(part) <= 70 for part in parts)
    assert parts[0] == "a" * 30 + "\n\n" + "b" * 30
    assert "".join("".join(parts).split()) == "".join(text.split())
    assert split_parts("...\n\n" + "a" * 68, max_chars=70) == ["a" * 68]
    assert split_parts("") == []
