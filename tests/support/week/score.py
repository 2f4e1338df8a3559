"""What the cases of a seed, or of several, come to: found and missed, false alarms, precision and recall."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from support.week.judge import Case


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """Counts are sessions: a session with several false alarms is one."""

    cases: tuple[Case, ...]

    @property
    def sick(self) -> list[Case]:
        return [case for case in self.cases if case.is_sick]

    @property
    def healthy(self) -> list[Case]:
        return [case for case in self.cases if not case.is_sick]

    @property
    def found(self) -> list[Case]:
        return [case for case in self.sick if case.found_after is not None]

    @property
    def missed(self) -> list[Case]:
        return [case for case in self.sick if case.found_after is None]

    @property
    def false(self) -> list[Case]:
        """Healthy sessions with a false alarm."""
        return [case for case in self.healthy if case.untrue]

    @property
    def precision(self) -> float:
        alarmed = len(self.found) + len(self.false)
        return len(self.found) / alarmed if alarmed else 1.0

    @property
    def recall(self) -> float:
        return len(self.found) / len(self.sick) if self.sick else 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class BySignal:
    """One signal: sessions in which it was planted, in which it was then found, in which it led the verdict then,
    and, beside that, sessions in which it was raised falsely or truly. Seconds are from planting to finding.
    """

    signal: str
    planted: int
    found: int
    led: int
    median_seconds: float | None
    longest_seconds: float | None
    false_in_healthy: int
    true_in_healthy: int
    false_in_sick: int


def by_signal(cases: Sequence[Case], signals: Sequence[str]) -> list[BySignal]:
    """In the order of `signals`; those that never appeared are left out."""
    found = [_of(cases, signal) for signal in signals]
    return [
        one
        for one in found
        if one.planted or one.false_in_healthy or one.true_in_healthy or one.false_in_sick
    ]


def _of(cases: Sequence[Case], signal: str) -> BySignal:
    planted = [case for case in cases if case.planted == signal]
    after = [case.found_after for case in planted if case.found_after is not None]
    untrue = [case for case in cases if any(alarm.signal == signal for alarm in case.untrue)]
    return BySignal(
        signal=signal,
        planted=len(planted),
        found=len(after),
        led=sum(case.is_led for case in planted),
        median_seconds=statistics.median(after) if after else None,
        longest_seconds=max(after, default=None),
        false_in_healthy=sum(not case.is_sick for case in untrue),
        true_in_healthy=sum(not case.is_sick and signal in case.true for case in cases),
        false_in_sick=sum(case.is_sick for case in untrue),
    )
