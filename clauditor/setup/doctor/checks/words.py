"""Words that several checks share: paths, addresses, sizes, numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from clauditor.text import clean, redact

ADDRESS_CELLS: Final = 80
_UNITS: Final = ("bytes", "KiB", "MiB", "GiB", "TiB")


def short(path: Path, home: Path) -> str:
    """A path as people write it, and harmless."""
    return clean(f"~/{path.relative_to(home)}" if path.is_relative_to(home) else str(path))


def address(url: str) -> str:
    """An address without the secrets that people put into one."""
    return clean(redact(clean(url)), ADDRESS_CELLS)


def size(count: int) -> str:
    """`512 MiB`"""
    amount, unit = float(count), 0
    while amount >= 1024 and unit < len(_UNITS) - 1:
        amount, unit = amount / 1024, unit + 1
    return f"{amount:.0f} {_UNITS[unit]}" if amount >= 10 or unit == 0 else f"{amount:.1f} {_UNITS[unit]}"


def count(number: int, one: str, many: str | None = None) -> str:
    """`1 gap`, `2 gaps`"""
    return f"{number:,} {one if number == 1 else many or one + 's'}"
