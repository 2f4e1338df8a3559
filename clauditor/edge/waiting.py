"""Things by exchange that wait, in bounded numbers. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, Generic, TypeVar

MAX_WAITING: Final = 20_000  # of each kind; the oldest of too many is treated as if its time were over

T = TypeVar("T")


class Queue(Generic[T]):
    """Things by exchange that wait for some seconds each, in the order in which they came."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._waiting: dict[str, tuple[float, T]] = {}

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, exchange_id: str, thing: T, now: float) -> None:
        self._waiting[exchange_id] = (now + self._seconds, thing)

    def pop(self, exchange_id: str) -> T | None:
        """Take one out; None if it does not wait (any more)."""
        found = self._waiting.pop(exchange_id, None)
        return None if found is None else found[1]

    def things(self) -> Iterator[T]:
        return (thing for _, thing in self._waiting.values())

    def over(self, now: float) -> Iterator[T]:
        """Take out what has waited long enough, and the oldest of too many."""
        while self._waiting:
            exchange_id, (due, thing) = next(iter(self._waiting.items()))
            if now < due and len(self._waiting) <= MAX_WAITING:
                return
            del self._waiting[exchange_id]
            yield thing


class Recent(Generic[T]):
    """The last things put in, by exchange."""

    def __init__(self) -> None:
        self._things: dict[str, T] = {}

    def __contains__(self, exchange_id: str) -> bool:
        return exchange_id in self._things

    def put(self, exchange_id: str, thing: T) -> None:
        self._things.pop(exchange_id, None)
        self._things[exchange_id] = thing
        if len(self._things) > MAX_WAITING:
            del self._things[next(iter(self._things))]

    def pop(self, exchange_id: str) -> T:
        """Take one out that is there."""
        return self._things.pop(exchange_id)
