"""Uploaded reference audio that cannot be a voice: a 4xx in words, and nothing else disturbed."""

import asyncio
import base64
import io
from dataclasses import dataclass

import httpx
import numpy as np
import pytest
import soundfile

from audio.decode import decode_audio
from inference_types import SynthesisRequest, VoicePrompt
from tests.fakes import FakeFrontend
from tests.server.harness import Stack

RATE = 24_000
VOICE = (0.3 * np.sin(np.arange(3 * RATE) * 0.05)).astype(np.float32)


@dataclass
class DecodingFrontend(FakeFrontend):
    """Decodes uploads as the real one does, without the worker process."""

    def load_voice(self, request: SynthesisRequest) -> VoicePrompt:
        if request.reference is not None:
            decode_audio(request.reference.data)
        return super().load_voice(request)


def file_of(samples: np.ndarray, form: str = "WAV", subtype: str = "PCM_16") -> bytes:
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, RATE, format=form, subtype=subtype)
    return buffer.getvalue()


def with_nan() -> np.ndarray:
    samples = VOICE.copy()
    samples[1000] = np.nan
    return samples


UPLOADS = {
    "html": b"<html><body>not audio</body></html>" * 50,
    "truncated flac": file_of(VOICE, "FLAC")[:20_000],
    "truncated wav": file_of(VOICE)[:30_000],
    "1024 channels": file_of(np.zeros((2000, 1024), np.float32)),
    "3 channels": file_of(np.stack([VOICE] * 3, axis=1)),
    "silence": file_of(np.zeros_like(VOICE)),
    "20 ms": file_of(VOICE[: RATE // 50]),
    "no frames": file_of(VOICE[:0]),
    "nan": file_of(with_nan(), subtype="FLOAT"),
    "100 s": file_of(np.tile(VOICE, 34)),
    "junk": bytes(range(256)) * 20,
}


@pytest.mark.parametrize("name", UPLOADS)
def test_unusable_audio_is_refused_in_words(name: str) -> None:
    stack = Stack(frontend=DecodingFrontend())

    async def run() -> list[httpx.Response]:
        good, bad = (base64.b64encode(data).decode() for data in (file_of(VOICE), UPLOADS[name]))
        async with stack.client() as client:
            return [
                await client.post(
                    "/v1/generate", json={"gen_text": "Hi.", "ref_audio_base64": text}
                )
                for text in (bad, good)
            ]

    refused, accepted = asyncio.run(run())
    assert refused.status_code in (413, 422), refused.text
    error = refused.json()["error"]
    assert error["field"] == "ref_audio_base64" and error["code"].startswith("reference_")
    assert "soundfile" not in error["message"] and "/" not in error["message"]
    assert accepted.status_code == 200
