"""Metrics as data: declared names only, copies that do not move."""

import pytest

from orchestrator.metrics import COUNTERS, GAUGES, HISTOGRAMS, HistogramValue, Metrics


def test_counts_by_label_and_without() -> None:
    metrics = Metrics()
    metrics.count("steps_total", 3)
    metrics.count("requests_failed_total", label="numeric")
    snapshot = metrics.snapshot({"requests_live": {"": 2}})
    metrics.count("steps_total")
    assert snapshot.counters["steps_total"] == {"": 3}
    assert snapshot.counters["requests_failed_total"] == {"numeric": 1}
    assert snapshot.counters["requests_finished_total"] == {"": 0}
    assert snapshot.gauges == {"requests_live": {"": 2}}


def test_undeclared_names_fail() -> None:
    metrics = Metrics()
    with pytest.raises(KeyError):
        metrics.count("stepps_total")
    with pytest.raises(KeyError, match="requests_alive"):
        metrics.snapshot({"requests_alive": {"": 1}})


def test_a_value_on_a_bound_counts_below_it() -> None:
    value = HistogramValue((1.0, 2.0))
    for sample in (0.5, 1.0, 1.5, 2.0, 9.0):
        value.observe(sample)
    assert (value.counts, value.total, value.num_values) == ([2, 2, 1], 14.0, 5)


def test_a_step_counts_rows_places_and_padding() -> None:
    metrics = Metrics()
    metrics.count_step(num_rows=3, num_places=4, num_fused=2, padding=0.25)
    snapshot = metrics.snapshot({})
    assert snapshot.counters["steps_total"][""] == 2
    assert snapshot.counters["step_rows_total"][""] == 6
    assert snapshot.counters["step_places_total"][""] == 8
    assert snapshot.histograms["batch_rows"].total == 3


def test_names_follow_prometheus_habits() -> None:
    assert all(name.endswith("_total") for name in COUNTERS)
    assert not any(name.endswith("_total") for name in [*GAUGES, *HISTOGRAMS])
    assert all(list(bounds) == sorted(bounds) for _, bounds in HISTOGRAMS.values())
