"""Nonsense met while reading one exchange: noted, bounded, handed out as `Malformed` events."""

from __future__ import annotations

from clauditor.model.events import Event, Malformed
from clauditor.wire.identity import Origin


class Problems:
    """Collects what made no sense; everything is counted, only the first `most` become events."""

    def __init__(self, most: int) -> None:
        self.count = 0
        self._most = most
        self._waiting: list[tuple[str, str]] = []

    @property
    def are_waiting(self) -> bool:
        """Whether `take` has something to give."""
        return bool(self._waiting)

    def add(self, where: str, reason: str) -> None:
        """Notes a problem by two constant words."""
        self.count += 1
        if self.count <= self._most:
            self._waiting.append((where, reason))

    def take(self, origin: Origin, at: float) -> list[Event]:
        """The events of the problems noted since the last call."""
        if not self._waiting:
            return []
        waiting, self._waiting = self._waiting, []
        return [Malformed(at=at, where=where, reason=reason, **origin) for where, reason in waiting]
