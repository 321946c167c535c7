"""Fixtures over the harness."""

from collections.abc import Iterator

import pytest

from tests.server.harness import Running, Stack, serve


@pytest.fixture
def stack() -> Stack:
    return Stack()


@pytest.fixture(scope="module")
def running() -> Iterator[Running]:
    with serve(Stack()) as running:
        yield running
