"""How many live sessions are in which state, and at which level: kept up as they change, never counted anew."""

from __future__ import annotations

from collections import Counter

from clauditor.model.agent import State
from clauditor.model.verdict import Level


class Counts:
    def __init__(self) -> None:
        self._of: dict[str, tuple[State, Level, bool]] = {}
        self._states: Counter[State] = Counter()
        self._levels: Counter[Level] = Counter()

    @property
    def states(self) -> dict[State, int]:
        return dict(+self._states)

    @property
    def levels(self) -> dict[Level, int]:
        return dict(+self._levels)

    def put(self, session_id: str, state: State, level: Level, *, is_warm: bool) -> bool:
        """Note how a session (and its prompt cache) stands now; True if it stood otherwise before."""
        if self._of.get(session_id) == (state, level, is_warm):
            return False
        self.drop(session_id)
        self._of[session_id] = (state, level, is_warm)
        self._states[state] += 1
        self._levels[level] += 1
        return True

    def drop(self, session_id: str) -> None:
        known = self._of.pop(session_id, None)
        if known is not None:
            self._states[known[0]] -= 1
            self._levels[known[1]] -= 1
