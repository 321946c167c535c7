"""Threads, bounded queues, batching policy, cancellation and event logs; never imports jax."""

from orchestrator.health import Health, Status
from orchestrator.metrics import COUNTERS, GAUGES, HISTOGRAMS, HistogramValue, MetricsSnapshot
from orchestrator.orchestrator import Orchestrator
from orchestrator.settings import OrchestratorSettings
from orchestrator.stream import RequestStream, event_position

__all__ = [
    "COUNTERS",
    "GAUGES",
    "HISTOGRAMS",
    "Health",
    "HistogramValue",
    "MetricsSnapshot",
    "Orchestrator",
    "OrchestratorSettings",
    "RequestStream",
    "Status",
    "event_position",
]
