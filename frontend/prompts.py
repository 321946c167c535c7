"""From what a request says about its voice to a `VoicePrompt`, cached by content."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

from frontend.references import ReferenceCache, ReferenceEncoder
from frontend.voices import VoiceStore
from inference_types import SynthesisRequest, VoicePrompt


class VoicePrompts:
    """Stored and uploaded voices, encoded once each. Safe for any number of threads.

    `prepare_text` applies a model's own rules to the transcript; equal audio with other words is
    another prompt.
    """

    def __init__(
        self,
        store: VoiceStore,
        encoder: ReferenceEncoder,
        cache: ReferenceCache,
        *,
        default_voice: str,
        prepare_text: Callable[[str], str] = str,
    ) -> None:
        self.store = store
        self.cache = cache
        self._encoder = encoder
        self.default_voice = default_voice
        self._prepare_text = prepare_text

    def load(self, request: SynthesisRequest) -> VoicePrompt:
        """The reference of the request, else its named voice, else the default voice.

        Raises InvalidReferenceError, RequestTooLargeError, NotFoundError.
        """
        if request.reference is not None:
            data, text, pace = request.reference.data, request.reference.text, 1.0
            digest = hashlib.sha256(data).hexdigest()
        else:
            voice = self.store.find(request.voice or self.default_voice)
            data, text, pace = voice.audio, voice.info.text, voice.info.pace
            digest = voice.sha256
        prepared = self._prepare_text(text)
        key = f"{digest}-{hashlib.sha256(prepared.encode()).hexdigest()[:16]}-{pace:g}"
        return self.cache.fetch(
            key, lambda: self._encoder.encode(data, key=key, text=prepared, pace=pace)
        )

    def encode_for_storage(self, data: bytes) -> bytes:
        """What `VoiceStore.add` keeps of an upload. Raises as `load` does."""
        return self._encoder.encode_for_storage(data)
