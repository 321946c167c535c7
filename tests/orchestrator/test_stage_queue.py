"""The queue between stages: rank, bounds, discarding, waking, closing."""

import threading

import pytest

from orchestrator.stage_queue import StageQueue


def filled(*items: tuple[str, int]) -> StageQueue[str]:
    queue = StageQueue[str]("to_test", 3)
    for item, rank in items:
        queue.put(item, rank)
    return queue


def test_lower_ranks_leave_first_and_equals_in_order() -> None:
    queue = filled(("b", 1), ("c", 1), ("a", 0))
    assert [queue.get(0) for _ in range(4)] == ["a", "b", "c", None]
    assert filled(("b", 1), ("c", 1), ("a", 0)).take_all() == ["a", "b", "c"]


def test_a_full_queue_is_a_broken_invariant() -> None:
    queue = filled(("a", 0), ("b", 0), ("c", 0))
    with pytest.raises(RuntimeError, match="to_test exceeds its bound of 3"):
        queue.put("d")
    assert (len(queue), queue.peak) == (3, 3)


def test_discard_takes_out_what_ended() -> None:
    queue = filled(("a1", 0), ("b", 1), ("a2", 2))
    assert queue.discard(lambda item: item.startswith("a")) == 2
    assert queue.take_all() == ["b"]
    assert queue.discard(lambda item: True) == 0


@pytest.mark.parametrize("action", ["put", "wake", "close"])
def test_a_waiting_taker_returns_at_once(action: str) -> None:
    queue = filled()
    taken: list[list[str]] = []
    taker = threading.Thread(target=lambda: taken.append(queue.take_all(timeout_s=30)))
    taker.start()
    queue.put("x") if action == "put" else getattr(queue, action)()
    taker.join(10)
    assert taken == [["x"] if action == "put" else []]


def test_a_wake_before_the_wait_is_not_lost() -> None:
    queue = filled()
    queue.wake()
    assert queue.take_all(timeout_s=30) == []


def test_nothing_enters_a_closed_queue() -> None:
    queue = filled(("a", 0))
    queue.close()
    queue.put("b")
    assert queue.is_closed and queue.get(30) is None and queue.take_all(30) == []
