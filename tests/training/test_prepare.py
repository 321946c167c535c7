"""Both input layouts, what a killed run leaves, and access to the result."""

import io
import json
import tarfile
from pathlib import Path

import numpy as np
import pytest
import soundfile

from audio.mel import log_mel
from training.data import SAMPLE_RATE, SpeechData
from training.prepare import JOURNAL_NAME, decode_utterance, prepare, read_utterances

DURATIONS = {"one": [4, 10, 6], "two": [3, 20, 7]}


def _tone(num_samples: int, pitch_hz: float, rate: int = SAMPLE_RATE) -> np.ndarray:
    return 0.2 * np.sin(2 * np.pi * pitch_hz * np.arange(num_samples) / rate)


@pytest.fixture
def own_layout(tmp_path: Path) -> Path:
    folder = tmp_path / "own"
    folder.mkdir()
    rows = []
    with tarfile.open(folder / "part-00.tar", "w") as tar:
        for number, (name, durations) in enumerate(DURATIONS.items()):
            audio = io.BytesIO()
            soundfile.write(
                audio,
                _tone(600 * sum(durations), 200.0 + 50 * number),
                SAMPLE_RATE,
                format="OGG",
                subtype="OPUS",
            )
            member = tarfile.TarInfo(f"{name}.opus")
            member.size = len(audio.getvalue())
            tar.addfile(member, io.BytesIO(audio.getvalue()))
            rows.append(
                {
                    "id": name,
                    "part": "part-00.tar",
                    "split": ("train", "dev")[number],
                    "lang": ("en", "zh")[number],
                    "voice": "v",
                    "text": "a",
                    "phonemes": "a",
                    "durations": durations,
                }
            )
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    (folder / "metadata.jsonl").write_text(lines)
    return folder


def test_own_layout_round_trip(own_layout: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert prepare(own_layout, out, lang="", voice="", num_workers=1) == 2
    data = SpeechData(out)
    (one,) = data.select(split="train", langs=("en",), is_aligned=True)
    assert one.durations == (4, 10, 6) and one.num_samples == 12_000 and one.num_frames == 47
    wave = data.wave(one)
    assert np.abs(wave).max() == pytest.approx(0.2, abs=0.03)
    np.testing.assert_allclose(data.mel(one), log_mel(wave), atol=6e-3)  # float16 of up to 11.5
    (two,) = data.select(split="dev")
    np.testing.assert_array_equal(data.mel(two, 5, 10), data.mel(two)[5:15])


def test_killed_run_continues_to_the_same_result(own_layout: Path, tmp_path: Path) -> None:
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    for out in (whole, cut):
        prepare(own_layout, out, lang="", voice="", num_workers=1)
    journal = (cut / JOURNAL_NAME).read_text().splitlines(keepends=True)
    (cut / JOURNAL_NAME).write_text(journal[0] + journal[1][:20])  # killed inside line two
    (cut / "index.json").unlink()
    with (cut / "mel.f16").open("ab") as mel:
        mel.write(b"half a frame")
    prepare(own_layout, cut, lang="", voice="", num_workers=1)
    for name in ("wave.i16", "mel.f16", "index.json", JOURNAL_NAME):
        assert (whole / name).read_bytes() == (cut / name).read_bytes(), name


def test_ljspeech_layout_is_resampled_to_24_khz(tmp_path: Path) -> None:
    (tmp_path / "wavs").mkdir()
    soundfile.write(tmp_path / "wavs" / "a.wav", _tone(11_025, 220.0, 11_025), 11_025)
    (tmp_path / "metadata.csv").write_text('a|Dr. "Who"|Doctor "Who"\n')
    (utterance,) = read_utterances(tmp_path, "en", "me")
    facts, pcm, mel = decode_utterance(utterance)
    assert facts["text"] == 'Doctor "Who"' and facts["voice"] == "me" and facts["durations"] is None
    assert len(pcm) == SAMPLE_RATE and mel.shape == (94, 100)


def test_durations_that_do_not_sum_are_refused(own_layout: Path) -> None:
    first = next(read_utterances(own_layout, "", ""))
    first.facts["durations"] = [1, 2, 3]
    with pytest.raises(ValueError, match="one: durations do not sum"):
        decode_utterance(first)


def test_utterances_missing_from_a_part_are_reported(own_layout: Path) -> None:
    extra = {"id": "ghost", "part": "part-00.tar"}
    with (own_layout / "metadata.jsonl").open("a") as lines:
        lines.write(json.dumps(extra) + "\n")
    with pytest.raises(ValueError, match="lacks 1 utterances"):
        list(read_utterances(own_layout, "", ""))


def test_unknown_layout_and_unprepared_folder_say_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="metadata.jsonl nor metadata.csv"):
        read_utterances(tmp_path, "en", "me")
    with pytest.raises(FileNotFoundError, match=r"run training\.prepare"):
        SpeechData(tmp_path)


def test_wave_is_zero_outside_and_mel_refuses_outside(own_layout: Path, tmp_path: Path) -> None:
    prepare(own_layout, tmp_path / "out", lang="", voice="", num_workers=1)
    data = SpeechData(tmp_path / "out")
    one = data.utterances[0]
    padded = data.wave(one, -512, one.num_samples + 1024)
    assert not padded[:512].any() and not padded[-512:].any()
    np.testing.assert_array_equal(padded[512:-512], data.wave(one))
    with pytest.raises(ValueError, match="outside one"):
        data.mel(one, 40, 10)
