"""What health routes report; read passively, never by sending a probe through the engine."""

from __future__ import annotations

import enum
from dataclasses import dataclass


class Status(enum.StrEnum):
    """Life of an orchestrator; only READY takes requests, HUNG, FAILED and STOPPED are dead."""

    NEW = "new"
    STARTING = "starting"
    READY = "ready"
    RESTARTING = "restarting"
    DRAINING = "draining"
    HUNG = "hung"
    FAILED = "failed"
    STOPPED = "stopped"


@dataclass(frozen=True, kw_only=True)
class Health:
    """`is_live` False asks for a restart of the process, `is_ready` False for other replicas."""

    is_live: bool
    is_ready: bool
    status: Status
    reason: str
    heartbeat_age_s: float
    num_restarts: int
    num_live_requests: int
    queued_work_s: float
