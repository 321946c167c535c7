"""One server of the shipped voice for each file of tests."""

from collections.abc import Iterator

import pytest

from tests.served.harness import Served, serve_shipped_voice


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serve_shipped_voice(tmp_path_factory.mktemp("voices")) as served:
        yield served
