"""The orchestrator's metrics snapshot in Prometheus' text format."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from orchestrator.metrics import COUNTERS, GAUGES, HISTOGRAMS, HistogramValue, MetricsSnapshot

PREFIX = "jetvoice_"


class SnapshotCollector(Collector):
    """Takes one snapshot per scrape, so that its numbers belong together."""

    def __init__(self, take_snapshot: Callable[[], MetricsSnapshot]) -> None:
        self._take_snapshot = take_snapshot

    def collect(self) -> Iterable[Metric]:
        snapshot = self._take_snapshot()
        for name, (words, label) in COUNTERS.items():
            family = CounterMetricFamily(PREFIX + name, words, labels=_labels(label))
            yield _filled(family, snapshot.counters.get(name, {}), label)
        for name, (words, label) in GAUGES.items():
            family = GaugeMetricFamily(PREFIX + name, words, labels=_labels(label))
            yield _filled(family, snapshot.gauges.get(name, {}), label)
        for name, (words, _) in HISTOGRAMS.items():
            yield _histogram(name, words, snapshot.histograms[name])

    def describe(self) -> Iterable[Metric]:
        """Nothing: registering must not take a snapshot of a server that is starting."""
        return ()


def _labels(label: str) -> list[str]:
    return [label] if label else []


def _filled(
    family: CounterMetricFamily | GaugeMetricFamily, values: Mapping[str, float], label: str
) -> Metric:
    for label_value, value in values.items():
        family.add_metric([label_value] if label else [], value)
    return family


def _histogram(name: str, words: str, value: HistogramValue) -> Metric:
    cumulated, buckets = 0, []
    for bound, count in zip((*value.bounds, float("inf")), value.counts, strict=True):
        cumulated += count
        buckets.append(("+Inf" if bound == float("inf") else str(bound), float(cumulated)))
    family = HistogramMetricFamily(PREFIX + name, words)
    family.add_metric([], buckets=buckets, sum_value=value.total)
    return family


def render_metrics(take_snapshot: Callable[[], MetricsSnapshot]) -> bytes:
    """The body of /metrics."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(SnapshotCollector(take_snapshot))
    return generate_latest(registry)
