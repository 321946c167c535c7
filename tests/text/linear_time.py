"""The one check that work grows with the length of a text and no faster."""

import time
from collections.abc import Callable


def assert_linear(work: Callable[[str], object], unit: str, num_chars: int = 4_000) -> None:
    """`work` on texts of `unit` again and again; CPU time, so that a busy machine is no failure."""

    def cpu_s(length: int) -> float:
        text = unit * (length // len(unit))
        start_s = time.process_time()
        work(text)
        return time.process_time() - start_s

    cpu_s(1000)
    once, fourfold = cpu_s(num_chars), cpu_s(4 * num_chars)
    assert fourfold < 8 * once + 0.2
