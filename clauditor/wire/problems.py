"""Nonsense met while reading one exchange: noted, bounded, handed out as `Malformed` events."""

from __future__ import annotations

from clauditor.model.events import Event, InputLimit, Malformed
from clauditor.wire.bounds import COUNTED_ONLY
from clauditor.wire.content_encoding import Stop
from clauditor.wire.identity import Origin


class Problems:
    """Collects what made no sense; everything is counted, only the first `most` become events.

    `partial` gets a constant word for what was not seen or not understood, each once.
    """

    def __init__(self, most: int, partial: list[str]) -> None:
        self.count = 0
        self._most = most
        self._partial = partial
        self._waiting: list[tuple[str, str]] = []
        self._limits: set[InputLimit] = set()

    @property
    def are_waiting(self) -> bool:
        """Whether `take` has something to give."""
        return bool(self._waiting)

    @property
    def has_limit(self) -> bool:
        """Whether something went beyond a limit that made the exchange partial."""
        return not self._limits <= COUNTED_ONLY

    def add(self, where: str, reason: str) -> None:
        """Notes a problem by two constant words."""
        self.count += 1
        if self.count <= self._most:
            self._waiting.append((where, reason))

    def reach(self, limit: InputLimit) -> None:
        """Notes that something went beyond a limit: told once an exchange, and marked unless only a detail is lost."""
        if limit in self._limits:
            return
        self._limits.add(limit)
        self._waiting.append(("limit", limit))
        if limit not in COUNTED_ONLY:
            self.lose(f"limit_{limit}")

    def stopped(self, where: str, why: Stop) -> None:
        """Notes that a body could not be decoded to its end."""
        if why == "limit":
            self.reach("expansion")
        else:
            self.add(where, why)
            self.lose(f"{where}_{why}")

    def lose(self, word: str) -> None:
        """Marks the exchange as not seen, or not understood, in whole."""
        if word not in self._partial:
            self._partial.append(word)

    def take(self, origin: Origin, at: float) -> list[Event]:
        """The events of the problems noted since the last call."""
        if not self._waiting:
            return []
        waiting, self._waiting = self._waiting, []
        return [Malformed(at=at, where=where, reason=reason, **origin) for where, reason in waiting]
