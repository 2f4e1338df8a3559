"""Rate-limit windows of one account over time: how fast they fill, and who filled them.

A window's reading comes with every answer. Its rise between two readings is shared among the calls that
finished in between, by list price: an estimate, and what no call explains was used elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from clauditor.model.events import LimitWindow

MAX_WINDOWS: Final = 64
_KEPT_SAMPLES: Final = 64
_SAMPLE_SECONDS: Final = 60.0
PACE_SECONDS: Final = 3600.0  # the pace is that of the last hour
MIN_PACE_SECONDS: Final = 900.0  # from less than a quarter of an hour nothing is projected
_MIN_RISEN_RATIO: Final = 0.03  # readings are whole hundredths: from less no rate is worked out
_MAX_UNEXPLAINED: Final = 4096  # sessions whose calls wait for the next reading


@dataclass(slots=True, kw_only=True)
class WindowRecord:
    """One window: its newest reading, when it was read, and samples (Unix seconds, ratio) of this period. `spent`
    are the sessions' costs since the last rise, `risen_usd` those that all rises so far (`risen_ratio`) stand for.
    """

    window: LimitWindow
    at: float
    samples: list[tuple[float, float]] = field(default_factory=list)
    spent: dict[str, float] = field(default_factory=dict)
    risen_ratio: float = 0.0
    risen_usd: float = 0.0

    @property
    def _first(self) -> tuple[float, float]:
        """The oldest sample of the last hour."""
        newest = (self.at, self.window.used_ratio or 0.0)
        return next((one for one in self.samples if self.at - one[0] <= PACE_SECONDS), newest)

    @property
    def pace_seconds(self) -> float:
        """Over how much of the last hour the pace is measured."""
        return self.at - self._first[0]

    @property
    def pace(self) -> float | None:
        """Ratio a second over the last hour; None from under 15 minutes, or when nothing rose."""
        if self.window.used_ratio is None or self.pace_seconds < MIN_PACE_SECONDS:
            return None
        return max(0.0, self.window.used_ratio - self._first[1]) / self.pace_seconds

    @property
    def projected_ratio(self) -> float | None:
        """The ratio at the reset, if the pace stays."""
        pace, used, resets_at = self.pace, self.window.used_ratio, self.window.resets_at
        if pace is None or used is None or resets_at is None:
            return None
        return used + pace * max(0.0, resets_at - self.at)

    @property
    def full_at(self) -> float | None:
        """When it will be full at this pace, if that is before the reset."""
        pace, used, resets_at = self.pace, self.window.used_ratio, self.window.resets_at
        if not pace or used is None or resets_at is None or used >= 1:
            return None
        at = self.at + (1 - used) / pace
        return at if at < resets_at else None


@dataclass(slots=True, kw_only=True)
class Share:
    """A session's part of one period of a window (the one that ends at `resets_at`), as a ratio of the window."""

    resets_at: float | None
    ratio: float


@dataclass(slots=True, kw_only=True)
class Account:
    """`plan` windows count what a subscription uses; others are token buckets of an API key."""

    account: str
    billing: str
    windows: dict[str, WindowRecord] = field(default_factory=dict)
    rise_per_usd: dict[str, float] = field(default_factory=dict)

    def spend(self, session_id: str, usd: float) -> None:
        """A call of this account finished; it will explain a part of the next rise."""
        for record in self.windows.values():
            if session_id in record.spent or len(record.spent) < _MAX_UNEXPLAINED:
                record.spent[session_id] = record.spent.get(session_id, 0.0) + usd

    def see(self, window: LimitWindow, at: float) -> dict[str, float]:
        """A new reading. Returns each session's part of the rise, as a ratio of the window."""
        record = self.windows.get(window.name)
        if record is None or record.window.resets_at != window.resets_at:
            if record is None and len(self.windows) >= MAX_WINDOWS:
                return {}
            record = self.windows[window.name] = WindowRecord(window=window, at=at)
            self._sample(record, at)
            return {}
        before = record.window.used_ratio
        record.window, record.at = window, at
        self._sample(record, at)
        rise = (window.used_ratio or 0.0) - (before or 0.0)
        if rise <= 0 or before is None:
            return {}
        total = sum(record.spent.values())
        if total <= 0:
            return {}
        shares = {session_id: rise * usd / total for session_id, usd in record.spent.items()}
        record.risen_ratio += rise
        record.risen_usd += total
        if record.risen_ratio >= _MIN_RISEN_RATIO:
            self.rise_per_usd[window.name] = record.risen_ratio / record.risen_usd
        record.spent.clear()
        return shares

    @staticmethod
    def _sample(record: WindowRecord, at: float) -> None:
        used = record.window.used_ratio
        if used is not None and (not record.samples or at - record.samples[-1][0] >= _SAMPLE_SECONDS):
            record.samples.append((at, used))
            del record.samples[:-_KEPT_SAMPLES]

    def shift(self, seconds: float) -> None:
        for record in self.windows.values():
            record.at += seconds
            record.samples = [(at + seconds, used) for at, used in record.samples]
