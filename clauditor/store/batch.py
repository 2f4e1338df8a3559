"""What the event loop hands to the writer's thread: frozen values, no session that still changes."""

from __future__ import annotations

from dataclasses import dataclass

from clauditor.model.events import GapFound, LimitWindow, SignalCleared, SignalRaised
from clauditor.model.facts import CallFact, ToolFact


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionRow:
    """A session as it is kept: what lists filter and sort by, and the packed `Session` itself.

    `label` is None unless the user asked to store labels.
    """

    session_id: str
    project: str | None
    branch: str | None
    model: str | None
    started_at: float
    last_activity_at: float
    ended_at: float | None
    label: str | None
    billing: str | None
    cost_usd: float | None
    context_ratio: float | None
    packed: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitSample:
    """One reading of one rate-limit window."""

    at: float
    account: str
    billing: str
    window: LimitWindow


StoredFact = CallFact | ToolFact | LimitSample | GapFound | SignalRaised | SignalCleared
