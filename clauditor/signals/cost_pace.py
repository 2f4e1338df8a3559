"""cost_pace: a session costs more than the user's own limits, in all or in the last hour. Off unless they are set."""

from __future__ import annotations

from typing import Final

from clauditor.model.session import Session
from clauditor.model.state import session_state
from clauditor.signals import words
from clauditor.signals.finding import Finding, Signal, World

_MIN_SECONDS: Final = 900.0  # a few dear calls at the start are no pace


def check(session: Session, world: World) -> Finding | None:
    limits, total = world.thresholds, session.bill.usd or 0.0
    if session_state(session, world.now).state in {"idle", "ended"}:
        return None
    if limits.session_usd and total > limits.session_usd:
        return _finding(session, total, "so far", limits.session_usd)
    hour = session.pace.trailing_hour_usd(world.now)
    if limits.hour_usd and hour > limits.hour_usd and world.now - session.started_at >= _MIN_SECONDS:
        return _finding(session, hour, "in the last hour", limits.hour_usd)
    return None


def _finding(session: Session, spent: float, when: str, limit: float) -> Finding:
    return Finding(
        severity="watch",
        evidence="measured" if session.billing == "api" else "derived",
        summary=f"It cost {words.usd(session, spent)} {when}; your limit is {words.usd(session, limit)}.",
        short=f"cost {words.usd(session, spent)}",
        next_step="See what it does; a smaller model or a fresh context costs less.",
    )


SIGNAL = Signal(name="cost_pace", check=check)
