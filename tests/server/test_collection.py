"""How a stream ended, told to those who get one answer."""

import pytest

from inference_types import (
    EngineError,
    InvalidReferenceError,
    RequestCancelledError,
    StreamFailure,
    TTSError,
)
from server.collection import error_of
from server.errors import status_of


@pytest.mark.parametrize(
    ("code", "is_retriable", "kind", "status"),
    [
        ("engine_restarting", True, EngineError, 503),
        ("reference_invalid", False, InvalidReferenceError, 422),
        ("abandoned", False, RequestCancelledError, 409),
        ("new_and_passing", True, EngineError, 503),
        ("new_and_lasting", False, TTSError, 500),
        ("internal", False, TTSError, 500),
    ],
)
def test_a_failure_keeps_its_code_and_whether_to_come_back(
    code: str, is_retriable: bool, kind: type[TTSError], status: int
) -> None:
    failure = StreamFailure(
        code=code, message="It ended.", is_retriable=is_retriable, chunks_sent=0, samples_sent=0
    )
    error = error_of(failure)
    assert type(error) is kind and error.code == code and error.message == "It ended."
    assert error.is_retriable == is_retriable and status_of(error) == status
