"""What a session does as a whole, for what it waits, since when, and how sure that is."""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

from clauditor.model.agent import IDLE_SECONDS, Agent, State, WaitingFor
from clauditor.model.events import Evidence
from clauditor.model.session import Session

STALLED: Final = "stalled"
"""The signal that lays its name over the state of what it holds for."""
WORKING: Final[frozenset[State]] = frozenset({"thinking", "streaming", "tool", "retrying"})

# Tools that end within milliseconds once they may: where one takes longer, and no hook tells, a person is asked.
_PROMPT_TOOLS: Final = frozenset({"Edit", "MultiEdit", "Write", "NotebookEdit"})
DERIVED_APPROVAL_SECONDS: Final = 10.0

Source = Literal["traffic", "hook"]


class SessionState(NamedTuple):
    """`source` says what told it: exchanges as they passed, or the client's hooks; None where either may have."""

    state: State
    waiting_for: WaitingFor | None
    since: float
    evidence: Evidence = "measured"
    source: Source | None = "traffic"


def session_state(session: Session, now: float) -> SessionState:
    """What a session does, for what it waits, and since when.

    The main thread speaks for the session. Where it only waits for a prompt, agents at work make that a
    wait for the background; a session without a main thread is as the agent that came last to work.
    """
    found = _state(session, now)
    stalled = session.signals.get(STALLED)
    if stalled is not None and found.state in WORKING:
        return SessionState("stalled", None, stalled.since, stalled.evidence)
    return found


def _state(session: Session, now: float) -> SessionState:
    if session.ended_at is not None:
        return SessionState("ended", None, session.ended_at, source=None)
    if (asking := session.told.asking) is not None:
        return SessionState("waiting", asking.waiting_for, asking.since, source="hook")
    others = [agent.state_of(now) for agent in session.agents.values() if not agent.is_main]
    at_work = [state for state in others if state[0] in WORKING]
    main = session.main
    if main is None:
        if at_work:
            return SessionState(*max(at_work, key=lambda state: state[2]))
        if now - session.last_activity_at >= IDLE_SECONDS:
            return SessionState("idle", None, session.last_activity_at + IDLE_SECONDS)
        return SessionState("waiting", None, session.last_activity_at)
    if (since := derived_approval_at(session, main)) is not None and since <= now:
        return SessionState("waiting", "approval", since, "derived")
    state, waiting_for, since = main.state_of(now)
    if at_work and (state == "idle" or waiting_for == "prompt"):
        return SessionState("waiting", "background", min(start for _, _, start in at_work), "derived")
    return SessionState(state, waiting_for, since)


def derived_approval_at(session: Session, main: Agent) -> float | None:
    """From when on (Unix seconds) a tool that is never slow by itself must be waiting for a person's ok."""
    if session.told.has_hooks or session.is_scripted or main.open or not main.running:
        return None
    tools = main.running.values()
    if any(tool.name not in _PROMPT_TOOLS for tool in tools):
        return None
    return max(tool.called_at for tool in tools) + DERIVED_APPROVAL_SECONDS


def turning_points(session: Session, now: float) -> list[float]:
    """Points in time after `now` at which time alone changes what this session shows."""
    points = [point for agent in session.agents.values() for point in agent.turning_points()]
    main = session.main
    derived = derived_approval_at(session, main) if main is not None else None
    points += [at for at in (session.cache.expires_at, session.muted_until, derived) if at is not None]
    return [point for point in points if point > now]
