"""Limits that cannot work are refused by name."""

from typing import Any

import pytest

from orchestrator import OrchestratorSettings


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"max_concurrent_requests": 0}, "max_concurrent_requests"),
        ({"num_preprocess_threads": 1.5}, "num_preprocess_threads"),
        ({"chunk_samples": True}, "chunk_samples"),
        ({"pause_ahead_s": float("nan")}, "pause_ahead_s"),
        ({"max_queued_work_s": -1.0}, "max_queued_work_s"),
        ({"log_retention_s": "60"}, "log_retention_s"),
        ({"batch_efficiency": 0.0}, "batch_efficiency"),
        ({"batch_efficiency": 1.1}, "batch_efficiency"),
        ({"hang_after_s": 0.1}, "hang_after_s"),
        ({"queue_deadline_s": -1.0}, "queue_deadline_s"),
        ({"max_restarts": -1}, "max_restarts"),
    ],
)
def test_a_wrong_value_names_its_field(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        OrchestratorSettings(**fields)


def test_no_deadline_and_no_restarts_are_allowed() -> None:
    settings = OrchestratorSettings(queue_deadline_s=None, max_restarts=0)
    assert settings.max_open_segments == 64 * 4
