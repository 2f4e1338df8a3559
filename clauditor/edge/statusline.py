"""What a status line needs, in one answer: its own session, who else needs the person, and what all of them share."""

from __future__ import annotations

from typing import Any, Final

from clauditor.edge.feed import LiveSessions
from clauditor.model.session import Session
from clauditor.model.verdict import verdict
from clauditor.wire.hooks import read_hook

SCHEMA_VERSION: Final = 1
MAX_NAMES: Final = 8
_SHOWN_ID: Final = 8


def statusline_answer(hub: LiveSessions, session_id: str, now: float) -> dict[str, Any]:
    """`session`: its snapshot, None if it was never seen; `others`: how many other sessions ask the person to act
    (`act`) and their projects (`names`, each once); `incident`: trouble of the upstream that several share.

    Costs one snapshot, and a look at each session that has signals.
    """
    others = [
        session
        for session in hub.sessions.values()
        if session.signals and session.session_id != session_id and _asks(session, now)
    ]
    names = dict.fromkeys(session.project or session.session_id[:_SHOWN_ID] for session in others)
    return {
        "schema_version": SCHEMA_VERSION,
        "at": now,
        "session": hub.snapshot(session_id, now),
        "others": {"act": len(others), "names": list(names)[:MAX_NAMES]},
        "incident": hub.totals(now)["incident"],
    }


def session_of(body: bytes, now: float) -> str | None:
    """The session that a status line's post is about; None if it names none."""
    events = read_hook(body, at=now)
    return events[0].session_id if events else None


def _asks(session: Session, now: float) -> bool:
    is_muted = session.muted_until is not None and now < session.muted_until
    return session.ended_at is None and not is_muted and verdict(session.signals.values()).level == "act"
