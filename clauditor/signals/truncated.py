"""truncated: the last answer was cut off, by its length or by a full context window."""

from __future__ import annotations

from typing import Final

from clauditor.model.session import Session
from clauditor.model.state import session_state
from clauditor.signals.finding import Finding, Signal, World

_CUT: Final = {
    "max_tokens": (
        "The last answer was cut off at its maximum length.",
        "answer cut: length",
        "Claude Code goes on by itself as a rule; else ask it to continue.",
    ),
    "model_context_window_exceeded": (
        "The last answer was cut off: the context window is full.",
        "answer cut: context",
        "/compact, or start afresh with /clear.",
    ),
}


def check(session: Session, world: World) -> Finding | None:
    found = _CUT.get(session.stop_reason or "")
    if found is None or session_state(session, world.now).state in {"idle", "ended"}:
        return None
    summary, short, step = found
    return Finding(severity="watch", evidence="measured", summary=summary, short=short, next_step=step)


SIGNAL = Signal(name="truncated", check=check)
