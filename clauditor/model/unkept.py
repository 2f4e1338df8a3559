"""What lives in memory only: digests of what was said, and what is compared by them."""

from __future__ import annotations

from typing import Any


class Unkept:
    """A value that packing a session drops (`model.packing`): after a restart it holds None."""

    __slots__ = ("value",)

    def __init__(self, value: Any = None) -> None:
        self.value = value
