"""When time alone will next change something: one point in time for each key, the earliest first."""

from __future__ import annotations

import heapq
from collections.abc import Iterator


class Deadlines:
    """A heap with one live entry a key. An entry that comes too early costs one look, so later ones may be left."""

    def __init__(self) -> None:
        self._due: dict[str, float] = {}
        self._heap: list[tuple[float, str]] = []

    def note(self, key: str, at: float) -> None:
        """Something happens to `key` at `at` at the latest to be looked at then."""
        known = self._due.get(key)
        if known is None or at < known:
            self._due[key] = at
            heapq.heappush(self._heap, (at, key))

    def pop(self, now: float) -> Iterator[str]:
        """Keys that are due; each is to be noted anew by who looks at it."""
        while self._heap and self._heap[0][0] <= now:
            at, key = heapq.heappop(self._heap)
            if self._due.get(key) == at:
                del self._due[key]
                yield key

    def drop(self, key: str) -> None:
        self._due.pop(key, None)

    def clear(self) -> None:
        self._due.clear()
        self._heap.clear()
