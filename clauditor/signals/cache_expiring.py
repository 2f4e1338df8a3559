"""cache_expiring: a large prompt is still cached while the session waits, and will not be for long.

An entry lives five minutes or an hour from the start of the answer that used it last (page "Prompt caching",
2026). The price is that of writing the last prompt again instead of reading it.
"""

from __future__ import annotations

from collections.abc import Iterable

from clauditor.model.cache import ONE_HOUR
from clauditor.model.session import Session
from clauditor.model.state import session_state
from clauditor.signals import words
from clauditor.signals.finding import Finding, Signal, World
from clauditor.signals.thresholds import Thresholds

_WINDOW = "five_hour"


def check(session: Session, world: World) -> Finding | None:
    cache, extra = session.cache, session.cache.rewriting_usd
    if cache.expires_at is None or extra is None:
        return None
    if session_state(session, world.now).state not in {"waiting", "idle"}:
        return None  # at work it is used, and so renewed
    lead = _lead_seconds(session, world.thresholds)
    if not cache.expires_at - lead <= world.now < cache.expires_at or not _is_dear(session, extra, world):
        return None
    later = "; a part of it lives on for an hour" if cache.latest_expires_at is not None else ""
    return Finding(
        severity="watch",
        evidence="derived",
        summary=f"The prompt cache goes cold soon; then the next message writes "
        f"{words.tokens(session.context.tokens)} tokens again, {words.usd(session, extra)} more{later}.",
        short=f"goes cold: +{words.usd(session, extra).removeprefix('~')}",
        next_step="Send the next prompt before that; a new task costs less after /clear.",
    )


def _is_dear(session: Session, extra: float, world: World) -> bool:
    if extra >= world.thresholds.expiring_usd:
        return True
    rise = world.account.rise_per_usd.get(_WINDOW) if world.account is not None else None
    return (
        session.billing == "plan"
        and rise is not None
        and rise * extra >= world.thresholds.expiring_window_ratio
    )


def _lead_seconds(session: Session, thresholds: Thresholds) -> float:
    is_long = session.cache.ttl_seconds == ONE_HOUR
    return thresholds.expiring_1h_seconds if is_long else thresholds.expiring_5m_seconds


def due(session: Session, thresholds: Thresholds) -> Iterable[float]:
    if session.cache.expires_at is not None:
        yield session.cache.expires_at - _lead_seconds(session, thresholds)
        yield session.cache.expires_at


SIGNAL = Signal(name="cache_expiring", check=check, due=due)
