"""Reads single values of foreign JSON: narrowed, bounded and cleaned.

Whatever has another type than expected is unknown (None), numbers are finite, strings carry no control characters.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

from clauditor import names
from clauditor.text import clean

# Bounds on what one snapshot may make a screen hold; far above what real sessions show.
MAX_ITEMS: Final = 200
MAX_CELLS: Final = 200
UNNAMED: Final = "unnamed"

_SHORT: Final = 64
_NUMBERS: Final = frozenset({int, float})
_FLOAT_LIMIT: Final = 1e15


def text_of(value: Any) -> str | None:
    """A cleaned, bounded string; None for anything else and for what cleans to nothing."""
    if not isinstance(value, str):
        return None
    return _short_text(value) if len(value) <= _SHORT else _text(value)


def _text(value: str) -> str | None:
    return clean(value, MAX_CELLS).strip() or None


_short_text = lru_cache(maxsize=4096)(_text)  # names and words come again with every snapshot


def float_of(value: Any) -> float | None:
    """A finite number; None for anything else."""
    if type(value) not in _NUMBERS:  # as JSON has them: a truth value is none
        return None
    return float(value) if -_FLOAT_LIMIT < value < _FLOAT_LIMIT else None


def int_of(value: Any) -> int | None:
    number = float_of(value)
    return None if number is None else int(number)


def map_of(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def list_of(value: Any) -> list[Mapping[str, Any]]:
    """The objects of a JSON array, at most `MAX_ITEMS`."""
    return [map_of(item) for item in value[:MAX_ITEMS]] if isinstance(value, list) else []


def model_name(value: Any) -> str | None:
    """A model id in the words people use."""
    name = text_of(value)
    return None if name is None else names.model_name(name)


def tool_name(value: Any) -> str | None:
    """A tool's name for people."""
    name = text_of(value)
    return None if name is None else names.tool_name(name)
