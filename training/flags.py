"""A command-line flag for every field of a settings dataclass."""

from __future__ import annotations

from argparse import ArgumentParser
from dataclasses import asdict
from typing import Any


def add_flags(parser: ArgumentParser, defaults: Any) -> None:
    """`--num-rows 9` for the field num_rows, in its default's type.

    Tuples and nested settings have no flag.
    """
    for name, value in asdict(defaults).items():
        if not isinstance(value, tuple | dict):
            flag = "--" + name.replace("_", "-")
            parser.add_argument(flag, type=type(value), default=value, help=f"default {value}")
