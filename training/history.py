"""`log.csv` of a run: one row per logged step, appended while it trains."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
from jaxtyping import Float

LOG_NAME = "log.csv"


def append_row(path: Path, row: dict[str, float]) -> None:
    """Add one row; the first writes the header too."""
    is_new = not path.exists()
    with path.open("a", newline="") as file:
        writer = csv.writer(file)
        if is_new:
            writer.writerow(row)
        writer.writerow([f"{value:.6g}" for value in row.values()])


def read_columns(path: Path) -> dict[str, Float[np.ndarray, " s"]]:
    """Columns by name, ordered by step.

    A run that was killed repeats the steps since its last checkpoint (the later row counts) and
    may leave half a row (dropped).
    """
    with path.open(newline="") as file:
        header, *lines = csv.reader(file)
    rows = {float(line[0]): line for line in lines if len(line) == len(header)}
    table = np.array([rows[step] for step in sorted(rows)], np.float64).reshape(-1, len(header))
    return dict(zip(header, table.T, strict=True))
