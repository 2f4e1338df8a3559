"""Reads the sidecar's answer where every millisecond counts: the status line's own narrowing and cleaning.

The same promises as `snapshot` (any other type is unknown, numbers are finite, strings are bounded and safe to show),
without what takes that module and the cleaner 40 ms to load: nearly all text is printable ASCII and needs no cleaning.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

MAX_CELLS: Final = 200
_NUMBER_LIMIT: Final = 1e15


def is_plain(text: str) -> bool:
    """Whether it is printable ASCII, which is safe as it is."""
    return text.isascii() and text.isprintable()


def text_of(value: object) -> str:
    """A string that is safe to show, bounded; empty for anything else."""
    if not isinstance(value, str):
        return ""
    if len(value) <= MAX_CELLS and is_plain(value):
        return value.strip()
    from clauditor.text import clean  # noqa: PLC0415

    return clean(value, MAX_CELLS)


def cells(line: str) -> int:
    """How many cells a line of such strings takes."""
    if is_plain(line.replace("·", "")):
        return len(line)
    from clauditor.text import width  # noqa: PLC0415

    return width(line)


def cut(line: str, room: int) -> str:
    """As much of it as `room` cells hold."""
    if cells(line) <= room:
        return line
    from clauditor import text  # noqa: PLC0415

    return text.cut(line, room)


def number_of(value: object) -> float | None:
    """A finite number; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if -_NUMBER_LIMIT < value < _NUMBER_LIMIT else None


def map_of(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def list_of(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
