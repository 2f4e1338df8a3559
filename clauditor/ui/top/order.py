"""Rows that stay calm: they re-sort at most every 2 s, and never within 3 s of a key."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

RESORT_SECONDS: Final = 2.0
QUIET_SECONDS: Final = 3.0


class CalmOrder:
    """The order rows are shown in. `now` may be any clock in seconds."""

    def __init__(self) -> None:
        self._order: tuple[str, ...] = ()
        self._sorted_at: float | None = None
        self._key_at: float | None = None

    def key_pressed(self, now: float) -> None:
        self._key_at = now

    def sort_now(self) -> None:
        """The person changed what is shown: the next arrangement is a fresh one."""
        self._sorted_at = self._key_at = None

    def arrange(self, wanted: Sequence[str], known: set[str], now: float) -> tuple[str, ...]:
        """The ids to show, in order.

        `wanted` is how they should stand; `known` are all that still exist. Between two sorts rows keep
        their place, also those that should no longer be rows; new ones come last.
        """
        if self._may_sort(now):
            self._order, self._sorted_at = tuple(wanted), now
            return self._order
        kept = [session_id for session_id in self._order if session_id in known]
        shown = set(kept)
        self._order = (*kept, *(session_id for session_id in wanted if session_id not in shown))
        return self._order

    def _may_sort(self, now: float) -> bool:
        if self._sorted_at is None:
            return True
        # A clock that was set back must not freeze the order.
        key_rests = self._key_at is None or not 0 <= now - self._key_at < QUIET_SECONDS
        return key_rests and not 0 <= now - self._sorted_at < RESORT_SECONDS
