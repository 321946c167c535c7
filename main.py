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
from typing import TYPE_CHECKING, NoReturn

from audio.join import JoinSettings, SegmentJoiner
from audio.reference_decoder import ReferenceDecoder
from frontend.voices import VoiceStore
from inference_types import BucketSpec, TTSError
from kernels.allocator import keep_freed_memory
from orchestrator import Orchestrator, OrchestratorSettings
from server import ServerSettings, create_app
from server.offline import OfflineJob, run_offline
from server.serving import (
    ENGINE_LOST,
    SpeechServer,
    address_of,
    exit_process,
    open_socket,
    run_in_background,
)
from server.settings import Invocation, SettingsError, parse_command_line

if TYPE_CHECKING:
    from fastapi import FastAPI

    from frontend.bundle import ModelBundle
    from frontend.prompts import VoicePrompts
    from frontend.schedules import RecommendedSchedule
    from server.app import Lifespan
    from tts_engine import TTSEngine

USAGE_ERROR = 2
# Slots cost memory, not time: enough for the largest batch to find its rows waiting, and one that
# the scheduler keeps for newcomers.
MIN_SLOTS = 8
_log = logging.getLogger("jetvoice")


@dataclass(frozen=True, kw_only=True)
class Product:
    """Everything below the HTTP floor, put together and not yet running."""

    engine: TTSEngine
    orchestrator: Orchestrator
    prompts: VoicePrompts
    schedule: RecommendedSchedule
    decoder: ReferenceDecoder


def build(settings: ServerSettings, on_fatal: Callable[[str], None]) -> Product:
    """Load the model and wire it up. Raises ModelLoadError."""
    # jax is loaded here and not at the top: `--help` and bad settings answer at once.
    from frontend.assembly import make_frontend
    from frontend.bundle import find_bundle

    bundle = find_bundle(settings.model, settings.vocoder)
    engine = _make_engine(bundle, settings)
    decoder = ReferenceDecoder()
    frontend = make_frontend(
        bundle,
        VoiceStore(bundle.voices, settings.voice_path),
        decoder.decode,
        max_frames=max(bundle.serving.bucket_frames),
    )
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
        engine=engine,
        orchestrator=orchestrator,
        prompts=frontend.prompts,
        schedule=bundle.schedule,
        decoder=decoder,
    )


def _make_engine(bundle: ModelBundle, settings: ServerSettings) -> TTSEngine:
    from models.runtime import choose_compute_dtype, prepare_runtime, recommended_batch_sizes
    from tts_engine import EngineSettings, TTSEngine

    cache = settings.compile_cache
    prepare_runtime(Path(cache).expanduser() if cache else None)
    num_slots = max(MIN_SLOTS, recommended_batch_sizes()[-1] + 1)
    shapes = EngineSettings(
        buckets=tuple(
            BucketSpec(max_frames=n, num_slots=num_slots) for n in bundle.serving.bucket_frames
        ),
        num_data_shards=settings.num_data,
    )
    acoustic = bundle.load_acoustic(choose_compute_dtype())
    return TTSEngine(acoustic, bundle.load_vocoder(), shapes)


def make_app(
    product: Product, settings: ServerSettings, lifespan: Lifespan | None = None
) -> FastAPI:
    """The HTTP application over a product; `lifespan` as in `create_app`."""
    return create_app(
        product.orchestrator,
        product.prompts.store,
        engine_spec=product.engine.spec,
        schedule=product.schedule,
        default_voice=product.prompts.default_voice,
        encode_voice=product.prompts.encode_for_storage,
        settings=settings,
        lifespan=lifespan,
    )


def serve(settings: ServerSettings) -> NoReturn:
    """Run the server until a signal or a fatal fault, then exit."""
    listener = open_socket(settings.host, settings.port)
    address = address_of(listener)
    servers: list[SpeechServer] = []
    product = build(settings, lambda reason: servers[0].fail(ENGINE_LOST))
    app = make_app(product, settings, run_in_background(product.orchestrator))
    ready = f"JetVoice is ready: open {address}"
    server = SpeechServer(app, settings, product.orchestrator, lambda: print(ready, flush=True))
    servers.append(server)
    with product.decoder:
        _log.info("warming up; %s answers probes already", address)
        exit_code = server.run_on(listener)
    exit_process(product.orchestrator, exit_code)


def generate(invocation: Invocation) -> int:
    """Speak a file into a folder; run it again to go on where it stopped."""
    job = OfflineJob.from_invocation(invocation)
    product = build(invocation.settings, lambda reason: _log.critical("%s", reason))
    with product.decoder:
        report = run_offline(product.orchestrator, job)
    print(f"{report['audio_s']} s of audio in {job.out_dir / 'audio.wav'}")
    return 0


def _configure_logging(level: str) -> None:
    logging.basicConfig(level=level, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("jax").setLevel(logging.WARNING)  # it reports every absent backend
    logging.getLogger("asyncio").setLevel(logging.ERROR)  # it warns of every listener who left


def main() -> int:
    keep_freed_memory()
    try:
        invocation = parse_command_line(sys.argv[1:], os.environ)
        _configure_logging(invocation.settings.log_level.upper())
        if invocation.command == "generate":
            return generate(invocation)
        serve(invocation.settings)
    except TTSError as error:
        print(f"jetvoice: {error.message}", file=sys.stderr)
        return USAGE_ERROR if isinstance(error, SettingsError) else 1
    except OSError as error:  # a full disk, a folder that became read-only
        print(f"jetvoice: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
