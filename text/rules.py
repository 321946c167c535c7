"""What a rule of normalisation is, and what its reader may look at.

Readers look at a few characters before and after their match, never further, so that every rule
stays linear in the text.
"""

from __future__ import annotations

import re
from collections.abc import Callable

Reader = Callable[[re.Match[str]], str | None]
Rule = tuple[str, Reader]


def before(match: re.Match[str], num_chars: int = 16) -> str:
    """Up to `num_chars` characters before the match."""
    return match.string[max(0, match.start() - num_chars) : match.start()]


def after(match: re.Match[str], num_chars: int = 24) -> str:
    """Up to `num_chars` characters after the match."""
    return match.string[match.end() : match.end() + num_chars]
