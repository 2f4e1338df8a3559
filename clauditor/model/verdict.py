"""Raised signals, the one verdict they make of a session, and the attention it gets on every screen."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal

from clauditor.model.agent import State, WaitingFor
from clauditor.model.events import Evidence, Severity, SignalRaised

Level = Literal["ok", "watch", "act"]

SEVERITIES: Final[tuple[Severity, ...]] = ("notice", "watch", "act")
_BASE: Final[dict[Level, int]] = {"act": 900, "watch": 600, "ok": 0}
_MOST_RANK: Final = 99
_MUTED: Final = 100  # below everything that works, above what rests
_BY_STATE: Final[dict[State, int]] = {
    "stalled": 350,
    "retrying": 340,
    "tool": 300,
    "streaming": 300,
    "thinking": 300,
    "waiting": 200,
    "idle": 50,
    "ended": 0,
}
_DIALOG: Final = 400  # asks a person, and the signal for it is not due yet


@dataclass(slots=True, kw_only=True)
class Raised:
    """A signal that holds since `since` (Unix seconds); see `SignalRaised` for the rest."""

    name: str
    severity: Severity
    evidence: Evidence
    summary: str
    short: str
    next_step: str
    rank: int
    since: float
    agent_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """`level` with the signal that leads; everything but the level is None where nothing is wrong."""

    level: Level
    signal: str | None = None
    reason: str | None = None
    short: str | None = None
    next_step: str | None = None
    since: float | None = None


def raised(event: SignalRaised, since: float | None = None) -> Raised:
    return Raised(
        name=event.name,
        severity=event.severity,
        evidence=event.evidence,
        summary=event.summary,
        short=event.short,
        next_step=event.next_step,
        rank=event.rank,
        since=event.at if since is None else since,
        agent_id=event.agent_id,
    )


def in_order(signals: Iterable[Raised]) -> list[Raised]:
    """The most severe first, then by rank, then the one that has held longest."""
    return sorted(signals, key=lambda one: (-SEVERITIES.index(one.severity), one.rank, one.since))


def verdict(signals: Iterable[Raised]) -> Verdict:
    leading = next(iter(in_order(signals)), None)
    if leading is None or leading.severity == "notice":
        return Verdict(level="ok")
    return Verdict(
        level=leading.severity,
        signal=leading.name,
        reason=leading.summary,
        short=leading.short,
        next_step=leading.next_step,
        since=leading.since,
    )


def attention(
    signals: Iterable[Raised], state: State, waiting_for: WaitingFor | None, *, is_muted: bool
) -> int:
    """Where a session stands among the others, 0 to 900: the larger, the earlier."""
    leading = next(iter(in_order(signals)), None)
    by_state = _DIALOG if waiting_for in {"approval", "question"} else _BY_STATE[state]
    if leading is None or leading.severity == "notice":
        return by_state
    if is_muted:
        return min(_MUTED, by_state)
    return _BASE[leading.severity] - min(leading.rank, _MOST_RANK)
