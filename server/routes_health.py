"""Whether the server lives, whether it is ready, and its numbers. Probes never touch the engine."""

from __future__ import annotations

from fastapi import APIRouter

router = APIRouter(tags=["health"])
