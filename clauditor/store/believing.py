"""How far a clock is believed when it says that something is old: a heuristic against one that is set far ahead.

A clock that leaps (a machine that was off for months, or a wrong battery, time server or hand) is not believed at once:
a time that it told is believed when it was seen to go on from there, on two later days and for PROBATION_SECONDS, and
never to go back. One that comes back to where it was has done no harm; one that goes back is believed, for that makes
nothing old. One that nobody has set yet (1970 at each start of a machine without a battery) tells nothing. Pure.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

DAY_SECONDS: Final = 86_400.0
LEAP_SECONDS: Final = (
    7 * DAY_SECONDS
)  # a week away is usual, and costs what is kept for months at most a week
PROBATION_SECONDS: Final = 3 * DAY_SECONDS  # certificates fail and people notice long before
UNSET_BEFORE: Final = 1_767_225_600.0  # 2026-01-01: this program is younger


@dataclass(frozen=True, slots=True, kw_only=True)
class Belief:
    """Until when the clock is believed; since when it was seen far beyond that, and on which day last (None: not)."""

    believed_at: float
    leapt_at: float | None = None
    seen_at: float | None = None

    def looked(self, now: float) -> Belief:
        """After another look at the clock. `believed_at` is the moment by which things are old, never after `now` but
        where that is no time at all.
        """
        if now < UNSET_BEFORE:
            return self
        if now <= self.believed_at + LEAP_SECONDS:
            return Belief(believed_at=now)
        if self.leapt_at is None or self.seen_at is None or now < self.seen_at:
            return replace(self, leapt_at=now, seen_at=now)
        if now - self.seen_at < DAY_SECONDS:
            return self
        if self.seen_at == self.leapt_at or now - self.leapt_at < PROBATION_SECONDS:
            return replace(self, seen_at=now)
        # `now` may be another leap: then the next to be believed is where the clock was seen last.
        return Belief(believed_at=self.leapt_at, leapt_at=self.seen_at, seen_at=self.seen_at).looked(now)
