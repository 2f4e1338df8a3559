"""api_errors: several attempts failed within minutes for reasons outside the client (429, 5xx, broken answers)."""

from __future__ import annotations

from collections.abc import Iterable

from clauditor.model.session import Session
from clauditor.signals import words
from clauditor.signals.finding import Finding, Signal, World
from clauditor.signals.thresholds import Thresholds


def check(session: Session, world: World) -> Finding | None:
    limits = world.thresholds
    failures = session.failures.since(world.now - limits.api_errors_seconds)
    if len(failures) < limits.api_errors:
        return None
    statuses = [failure.status for failure in failures]
    most = max(dict.fromkeys(statuses), key=statuses.count)
    if world.incident is not None:
        step = "Not your set-up: several sessions fail. Wait for the service."
    elif most == 429:
        step = "The service limits the rate; fewer sessions at once help."
    else:
        step = "If it stays, look at the service's status page and your network."
    return Finding(
        severity="watch",
        evidence="measured",
        summary=f"{len(failures)} attempts failed in the last {words.minutes(limits.api_errors_seconds)}, mostly: "
        f"{words.failure(most)}.",
        short=f"{len(failures)} attempts failed",
        next_step=step,
    )


def due(session: Session, thresholds: Thresholds) -> Iterable[float]:
    return (failure.at + thresholds.api_errors_seconds for failure in session.failures.newest)


SIGNAL = Signal(name="api_errors", check=check, due=due)
