"""The right frontend for a bundle."""

from __future__ import annotations

from frontend.aligned import AlignedFrontend, AlignedSettings
from frontend.bundle import ModelBundle
from frontend.packed import PackedFrontend, PackedSettings, prepare_transcript
from frontend.prompts import VoicePrompts
from frontend.references import Decode, ReferenceCache, ReferenceEncoder, ReferenceRules
from frontend.voices import VoiceStore
from inference_types import SynthesisRequest


def make_frontend(
    bundle: ModelBundle, store: VoiceStore, decode: Decode, *, max_frames: int
) -> AlignedFrontend | PackedFrontend:
    """Both kinds have `prompts`, whose `encode_for_storage` prepares uploads for the store.

    `decode` is `ReferenceDecoder.decode` in a server; `max_frames` the engine's largest bucket.
    Encodes the default voice. Raises ModelLoadError, InvalidReferenceError for a broken voice.
    """
    is_packed = bundle.kind == "packed"
    rules = ReferenceRules(
        max_s=bundle.serving.reference_s, patch_frames=bundle.f5.patch_frames, is_f5=is_packed
    )
    prompts = VoicePrompts(
        store,
        ReferenceEncoder(decode, rules),
        ReferenceCache(),
        default_voice=bundle.default_voice,
        prepare_text=prepare_transcript if is_packed else _no_text,
    )
    if bundle.default_voice:
        # The first listener should not wait for what every listener needs.
        prompts.load(SynthesisRequest(request_id="start", text=""))
    if is_packed:
        settings = PackedSettings(max_frames=max_frames)
        return PackedFrontend(prompts, bundle.load_vocabulary(), bundle.schedule, settings)
    return AlignedFrontend(
        prompts, bundle.load_durations(), bundle.schedule, AlignedSettings(max_frames=max_frames)
    )


def _no_text(text: str) -> str:
    """Aligned models need no transcript: the same clip is the same prompt whatever its words."""
    return ""
