"""The HTTP floor: FastAPI routes, SSE, settings. Knows the orchestrator, never jax."""

from server.app import create_app
from server.settings import ServerSettings

__all__ = ["ServerSettings", "create_app"]
