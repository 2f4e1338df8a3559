"""The words that several signals share: money, counts, agents, failures."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from clauditor.model.agent import Agent
from clauditor.model.events import LimitedBy
from clauditor.model.session import Session
from clauditor.model.state import STALLED, WORKING, session_state
from clauditor.text import clean

_STATUSES: Final = {429: "rate limited", 500: "server error", 529: "overloaded"}


def usd(session: Session, amount: float) -> str:
    """`$0.42`; with `~` where it is a list price rather than a bill."""
    text = f"${amount:.2f}" if amount < 1000 else f"${amount:,.0f}"
    return text if session.billing == "api" else f"~{text}"


def tokens(number: int) -> str:
    """`950`, `88k`, `1.2M`."""
    if number < 1000:
        return str(number)
    return f"{number / 1000:.0f}k" if number < 999_500 else f"{number / 1_000_000:.1f}M"


def count(number: float, thing: str) -> str:
    """`1 call`, `4 calls`."""
    return f"{number:.0f} {thing}" if round(number) == 1 else f"{number:.0f} {thing}s"


def minutes(seconds: float) -> str:
    """`40 s`, `2 min`."""
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.0f} min"


def failure(status: int | None, limited_by: LimitedBy | None = None) -> str:
    """How an attempt ended: `529 overloaded`, `429 plan limit`."""
    if limited_by == "plan":
        return f"{status} plan limit"
    if status is None:
        return "connection broke"
    if status < 400:
        return "answer broke off"
    return f"{status} {_STATUSES.get(status, 'server error' if status >= 500 else 'refused')}"


def of_agent(agent: Agent) -> str:
    """` (in agent Explore)`, nothing for the main thread."""
    return "" if agent.is_main else f" (in agent {clean(agent.type, 24)})"


def at_work(session: Session, now: float) -> Iterator[Agent]:
    """Agents that are doing something now, the main thread first."""
    return (agent for agent in awake(session, now) if agent.state_of(now)[0] in WORKING)


def awake(session: Session, now: float) -> Iterator[Agent]:
    """Agents that are neither at rest nor done, the main thread first."""
    for agent in sorted(session.agents.values(), key=lambda one: not one.is_main):
        if agent.state_of(now)[0] not in {"idle", "ended"}:
            yield agent


def is_busy(session: Session, now: float) -> bool:
    """Whether the session or an agent of it does something now, or has stalled in doing it."""
    found = session_state(session, now)
    return found.state in WORKING or found.state == STALLED or found.waiting_for == "background"
