"""Trouble of the upstream that several sessions share: not their set-up, and said once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from clauditor.model.failures import Failure
from clauditor.model.session import Session

FRESH_SECONDS: Final = 120.0  # a failure without a success after it counts so long
_ACTIVE_SECONDS: Final = 300.0
_MIN_SESSIONS: Final = 2
_MIN_SHARE: Final = 1 / 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """`failing` of `active` sessions fail since `since` (Unix seconds), most with `status` (None: no answer)."""

    status: int | None
    failing: int
    active: int
    since: float


def incident(sessions: Iterable[Session], now: float, before: Incident | None = None) -> Incident | None:
    """Whether at least two sessions, and a third of those at work, fail right now without having recovered.

    `before`: the incident that was seen last; one that goes on began when that one did.
    """
    active, failing = 0, list[Failure]()
    for session in sessions:
        if session.ended_at is not None or now - session.last_activity_at > _ACTIVE_SECONDS:
            continue
        active += 1
        failure = unresolved(session, now)
        if failure is not None:
            failing.append(failure)
    if len(failing) < _MIN_SESSIONS or len(failing) < _MIN_SHARE * active:
        return None
    since = min(failure.at for failure in failing)
    statuses = [failure.status for failure in failing]
    return Incident(
        status=max(dict.fromkeys(statuses), key=statuses.count),
        failing=len(failing),
        active=active,
        since=since if before is None else min(since, before.since),
    )


def unresolved(session: Session, now: float) -> Failure | None:
    """The first of the newest failures that no success followed."""
    since = max(now - FRESH_SECONDS, session.failures.succeeded_at or 0.0)
    return next(iter(session.failures.since(since)), None)
