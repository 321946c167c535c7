"""JetVoice: `python main.py` serves speech, `python main.py generate` speaks a file.

The composition root: settings -> model -> engine -> orchestrator -> app -> server. The only
place that reads the environment; nothing imports it.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from inference_types import BucketSpec, Engine, TTSError
from server.settings import Invocation, ServerSettings, SettingsError, parse_command_line

if TYPE_CHECKING:
    from audio.reference_decoder import ReferenceDecoder
    from frontend.prompts import VoicePrompts
    from orchestrator import Orchestrator

USAGE_ERROR = 2
# Rows of a bucket cost memory, not time: enough for every batch to find a full one waiting.
NUM_SLOTS = 8
_log = logging.getLogger("jetvoice")


@dataclass(frozen=True, kw_only=True)
class Product:
    """Everything below the HTTP floor, put together."""

    engine: Engine
    orchestrator: Orchestrator
    prompts: VoicePrompts
    decoder: ReferenceDecoder


def build(settings: ServerSettings, on_fatal: Callable[[str], None]) -> Product:
    """Load the model and wire it up; nothing runs yet. Raises ModelLoadError."""
    # Not at the top: `--help` and bad settings answer without loading jax.
    from audio.join import JoinSettings, SegmentJoiner
    from audio.reference_decoder import ReferenceDecoder
    from frontend.assembly import make_frontend
    from frontend.bundle import find_bundle
    from frontend.voices import VoiceStore
    from models.runtime import choose_compute_dtype, prepare_runtime
    from orchestrator import Orchestrator, OrchestratorSettings
    from tts_engine import EngineSettings, TTSEngine

    bundle = find_bundle(settings.model, settings.vocoder)
    cache = settings.compile_cache
    prepare_runtime(Path(cache).expanduser() if cache else None)
    shapes = EngineSettings(
        buckets=tuple(
            BucketSpec(max_frames=frames, num_slots=NUM_SLOTS)
            for frames in bundle.serving.bucket_frames
        ),
        num_data_shards=settings.num_data,
    )
    engine = TTSEngine(bundle.load_acoustic(choose_compute_dtype()), bundle.load_vocoder(), shapes)
    decoder = ReferenceDecoder()
    store = VoiceStore(bundle.voices, settings.voice_path)
    max_frames = max(bundle.serving.bucket_frames)
    frontend = make_frontend(bundle, store, decoder.decode, max_frames=max_frames)
    sample_rate = engine.spec.sample_rate
    join = JoinSettings.f5() if bundle.kind == "packed" else JoinSettings()
    orchestrator = Orchestrator(
        engine,
        frontend,
        lambda: SegmentJoiner(sample_rate, join),
        OrchestratorSettings(
            max_concurrent_requests=settings.max_concurrent_requests,
            chunk_samples=settings.chunk_ms * sample_rate // 1000,
            abandon_after_s=float(settings.resume_s),
            log_retention_s=float(settings.resume_s),
        ),
        on_fatal=on_fatal,
    )
    return Product(
        engine=engine, orchestrator=orchestrator, prompts=frontend.prompts, decoder=decoder
    )


def serve(settings: ServerSettings) -> int:
    """Run the server until a signal; returns the exit code."""
    from server import create_app
    from server.serving import (
        ENGINE_LOST,
        SpeechServer,
        address_of,
        open_socket,
        run_in_background,
    )

    listener = open_socket(settings.host, settings.port)
    address = address_of(listener)
    servers: list[SpeechServer] = []
    product = build(settings, lambda reason: servers[0].fail(ENGINE_LOST))
    orchestrator, prompts = product.orchestrator, product.prompts
    app = create_app(
        orchestrator,
        prompts.store,
        engine_spec=product.engine.spec,
        default_voice=prompts.default_voice,
        encode_voice=prompts.encode_for_storage,
        settings=settings,
        lifespan=run_in_background(orchestrator),
    )
    servers.append(
        SpeechServer(
            app,
            settings,
            orchestrator,
            on_ready=lambda: print(f"JetVoice is ready: open {address}", flush=True),
        )
    )
    with product.decoder:
        _log.info("warming up; %s answers probes already", address)
        return servers[0].run_on(listener)


def generate(invocation: Invocation) -> int:
    """Speak a file into a folder; run it again to go on where it stopped."""
    from server.offline import OfflineJob, run_offline

    job = OfflineJob.from_invocation(invocation)
    product = build(invocation.settings, lambda reason: None)
    with product.decoder:
        report = run_offline(product.orchestrator, job)
    print(f"{report['audio_s']} s of audio in {job.out_dir / 'audio.wav'}")
    return 0


def main() -> int:
    try:
        invocation = parse_command_line(sys.argv[1:], os.environ)
        logging.basicConfig(
            level=invocation.settings.log_level.upper(),
            format="%(asctime)s %(levelname)s %(name)s: %(message)s",
        )
        if invocation.command == "generate":
            return generate(invocation)
        return serve(invocation.settings)
    except TTSError as error:
        print(f"jetvoice: {error.message}", file=sys.stderr)
        return USAGE_ERROR if isinstance(error, SettingsError) else 1


if __name__ == "__main__":
    sys.exit(main())
