"""Whether the server lives, whether it is ready, and its numbers. Probes never touch the engine."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from fastapi import APIRouter
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.responses import JSONResponse, PlainTextResponse, Response

from inference_types import EngineSpec
from server.metrics import render_metrics
from server.services import Serving

router = APIRouter(tags=["health"])
_NO_STORE = {"Cache-Control": "no-store"}


def _describe_engine(spec: EngineSpec) -> dict[str, Any]:
    return {
        **spec.description,
        "sample_rate": spec.sample_rate,
        "buckets": [bucket.max_frames for bucket in spec.buckets],
        "batch_sizes": list(spec.batch_sizes),
        "max_guidance": spec.max_guidance,
    }


@router.get("/v1/health")
async def health(services: Serving) -> Response:
    """`is_live` is "True" once speech can be made; clients compare the string."""
    state = services.orchestrator.health()
    answer = {
        "is_live": str(state.is_live and state.is_ready),
        "status": state.status,
        "engine": _describe_engine(services.engine_spec),
        "orchestrator": asdict(state),
    }
    return JSONResponse(answer, 200 if state.is_live else 503, _NO_STORE)


@router.get("/livez", response_class=PlainTextResponse)
async def livez(services: Serving) -> Response:
    """200 while the process is worth keeping, also while it starts or recovers."""
    is_live = services.orchestrator.health().is_live
    return PlainTextResponse("live" if is_live else "dead", 200 if is_live else 503, _NO_STORE)


@router.get("/readyz", response_class=PlainTextResponse)
async def readyz(services: Serving) -> Response:
    """200 when new requests are taken; 503 until warmed up, while recovering and draining."""
    state = services.orchestrator.health()
    is_ready = state.is_live and state.is_ready
    text = "ready" if is_ready else str(state.status)
    return PlainTextResponse(text, 200 if is_ready else 503, _NO_STORE)


@router.get("/metrics", response_class=PlainTextResponse)
async def metrics(services: Serving) -> Response:
    """Prometheus text."""
    body = render_metrics(services.orchestrator.metrics_snapshot)
    return Response(body, headers=_NO_STORE, media_type=CONTENT_TYPE_LATEST)
