"""Reads foreign JSON: what has another type than expected is unknown, and everything is bounded.

Texts are cleaned of what could harm a terminal, numbers are finite and never negative. Nothing here raises.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

from clauditor.text import clean

TEXT_CELLS: Final = 160  # longer than any name or summary of ours
_LARGEST: Final = 1e15


def text_of(value: Any, cells: int = TEXT_CELLS) -> str | None:
    """A cleaned, bounded text; None for anything else and for what cleans to nothing."""
    return (clean(value, cells) or None) if isinstance(value, str) else None


def amount_of(value: Any) -> float | None:
    """A finite number of at least 0."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if 0 <= value < _LARGEST and math.isfinite(value) else None


def count_of(value: Any) -> int | None:
    """A whole number of at least 0."""
    number = amount_of(value)
    return None if number is None else int(number)


def map_of(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def maps_of(value: Any, limit: int) -> list[Mapping[str, Any]]:
    """The objects of a JSON array: of its newest (last) `limit` items."""
    return (
        [item for item in value[-limit:] if isinstance(item, Mapping)]
        if isinstance(value, list | tuple)
        else []
    )
