"""The HTTP application: routes, error shape, middleware. Pure ASGI all the way to a stream.

Life of a request: Stamp (id, clock) -> CORS (only for configured origins) -> CrashGate (500s)
-> RequestGate (headers, origin, body size) -> StrictRoute (JSON) -> schema -> intake ->
`orchestrator.submit` -> events. No BaseHTTPMiddleware and no gzip: both hold back what a
stream must send at once (specs: reliability 5.4).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from fastapi import FastAPI
from fastapi_offline import FastAPIOffline
from sse_starlette.sse import AppStatus
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware

from frontend.schedules import RecommendedSchedule
from frontend.voices import VoiceStore
from inference_types import EngineSpec, NotFoundError
from orchestrator import Orchestrator
from server import routes_generate, routes_health, routes_page, routes_streams, routes_voices
from server.api_page import state_model_facts
from server.body import BodyLimits, RequestGate
from server.crashes import CrashGate
from server.errors import install_error_handlers
from server.event_ids import Tickets
from server.intake import IntakeRules
from server.origins import OriginRules
from server.resumable import ResumableStreams
from server.services import Services
from server.settings import ServerSettings
from server.stamp import Stamp

_DESCRIPTION = "Speech from text, streamed while it is made. Try the examples: they work as shown."
Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]


def create_app(
    orchestrator: Orchestrator,
    voices: VoiceStore,
    *,
    engine_spec: EngineSpec,
    schedule: RecommendedSchedule,
    default_voice: str,
    encode_voice: Callable[[bytes], bytes],
    settings: ServerSettings | None = None,
    lifespan: Lifespan | None = None,
) -> FastAPI:
    """The application over a running, or soon running, orchestrator.

    `schedule` is the model's recommendation, which the API page states as the defaults.
    Without `lifespan` the app starts the orchestrator before it serves and stops it after;
    `main` passes its own, which warms up while the server already answers probes.
    """
    settings = settings or ServerSettings()
    # Streams end by the orchestrator's drain, with a terminal event each; the library would
    # cut them the moment a signal arrives (specs: reliability M5).
    AppStatus.disable_automatic_graceful_drain()
    app = FastAPIOffline(
        title="JetVoice",
        version="1",
        description=_DESCRIPTION,
        lifespan=lifespan or _run(orchestrator),
        middleware=_middleware(settings),
    )
    app.state.services = Services(
        orchestrator=orchestrator,
        engine_spec=engine_spec,
        voices=voices,
        encode_voice=encode_voice,
        default_voice=default_voice,
        rules=IntakeRules(
            max_text_chars=settings.max_text_chars,
            chunk_policy=settings.chunk_policy,
            max_guidance=engine_spec.max_guidance,
        ),
        tickets=Tickets(lifetime_s=float(settings.resume_s)),
        resumable=ResumableStreams(_is_held(orchestrator)),
    )
    install_error_handlers(app)
    for module in (routes_health, routes_generate, routes_streams, routes_voices, routes_page):
        app.include_router(module.router)
    state_model_facts(app, schedule, engine_spec.max_guidance)
    return app


def _run(orchestrator: Orchestrator) -> Lifespan:
    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await orchestrator.start()
        try:
            await orchestrator.wait_until_ready()
            yield
        finally:
            await orchestrator.stop()

    return lifespan


def _middleware(settings: ServerSettings) -> list[Middleware]:
    limits = BodyLimits(max_body_bytes=settings.max_body_mb * 2**20)
    cors = Middleware(
        CORSMiddleware,
        allow_origins=list(settings.cors_origins),
        allow_methods=["GET", "POST", "DELETE"],
        allow_headers=["Content-Type", "Last-Event-ID"],
        expose_headers=["X-Request-Id", "X-Stream-Id", "X-Estimated-Duration", "Server-Timing"],
    )
    origins = OriginRules(trusted=settings.cors_origins, bound_host=settings.host)
    return [
        Middleware(Stamp),
        *([cors] if settings.cors_origins else []),
        Middleware(CrashGate),
        Middleware(RequestGate, limits=limits, origins=origins),
    ]


def _is_held(orchestrator: Orchestrator) -> Callable[[str], bool]:
    def is_held(stream_id: str) -> bool:
        try:
            orchestrator.streams.get(stream_id)
        except NotFoundError:
            return False
        return True

    return is_held
