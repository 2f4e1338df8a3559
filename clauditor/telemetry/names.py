"""Label values from outside: a fixed number of places for names, taken by the first that come.

The number of series must not hang on what passes through (Prometheus, "Metric and label naming": no unbounded sets
in labels). A place is kept until the process ends, so that a series never changes its meaning.
"""

from __future__ import annotations

import re
from typing import Final

from clauditor import text
from clauditor.model.models import MODELS, canonical

OTHER: Final = "other"
UNKNOWN: Final = "unknown"
MAX_CHARACTERS: Final = 64

_UNUSUAL: Final = re.compile(r"[^A-Za-z0-9_.+-]+")


class Names:
    """Gives each name its label value: itself, in plain characters, while there are places; then `other`."""

    def __init__(self, places: int) -> None:
        self._places = places
        self._labels: dict[str, str] = {}
        self._taken: set[str] = set()

    def __call__(self, name: str | None) -> str:
        """The label value; `unknown` for None. What is too long or looks like a secret is `other`."""
        if name is None:
            return UNKNOWN
        if (known := self._labels.get(name)) is not None:
            return known
        if len(name) > MAX_CHARACTERS:
            return OTHER
        value = _UNUSUAL.sub("_", name)
        if value in self._taken:
            return value
        if len(self._taken) >= self._places or not value.strip("_") or text.redact(name) != name:
            return OTHER
        self._taken.add(value)
        self._labels[name] = value
        return value


class ModelNames:
    """Models of the catalogue by their canonical id; a name that is none of them takes no place."""

    def __init__(self, places: int) -> None:
        self._names = Names(places)

    def __call__(self, name: str | None) -> str:
        if name is None:
            return UNKNOWN
        known = canonical(name)
        return self._names(known) if known in MODELS else OTHER


class Pairs:
    """Two label values that stand together: what finds no place keeps the first, and the second is `other`."""

    def __init__(self, places: int) -> None:
        self._places = places
        self._taken: set[tuple[str, str]] = set()

    def __call__(self, first: str, second: str) -> tuple[str, str]:
        pair = first, second
        if pair in self._taken or second == OTHER:
            return pair
        if len(self._taken) >= self._places:
            return first, OTHER
        self._taken.add(pair)
        return pair
