"""Every test here must leave no stage thread behind."""

from collections.abc import Iterator

import pytest

from tests.orchestrator.harness import stage_threads


@pytest.fixture(autouse=True)
def no_leaked_threads() -> Iterator[None]:
    yield
    assert stage_threads() == []
