"""unobserved: a part of this session's traffic passed unseen, so its totals are lower bounds."""

from __future__ import annotations

from collections.abc import Iterable

from clauditor.model.session import Session
from clauditor.signals import words
from clauditor.signals.finding import Finding, Signal, World
from clauditor.signals.thresholds import Thresholds


def check(session: Session, world: World) -> Finding | None:
    at = session.last_gap_at
    if at is None or world.now - at >= world.thresholds.gap_shown_seconds or session.ended_at is not None:
        return None
    calls = words.count(session.unobserved_exchanges, "call")
    return Finding(
        severity="notice",
        evidence="measured",
        summary=f"{calls} of this session passed unseen, in whole or in part; its totals are at least.",
        short=f"{calls} not seen",
        next_step="Nothing was lost for Claude; clauditor status says whether all is seen now.",
    )


def due(session: Session, thresholds: Thresholds) -> Iterable[float]:
    if session.last_gap_at is not None:
        yield session.last_gap_at + thresholds.gap_shown_seconds


SIGNAL = Signal(name="unobserved", check=check, due=due)
