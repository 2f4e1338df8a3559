"""Which session has which pane: who keeps its place, whose pane is given on, what is opened and closed. Pure.

A session keeps its pane while it lives. One that is over leaves it to the next one that begins, and gives it up after
a minute if none does. Where there are more sessions than panes, those at work come before idle and scripted ones.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final

from clauditor.ui.views.session import SessionView

LINGER_SECONDS: Final = 60.0  # time to read how it ended


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A pane and the session it shows; `over_at`: since when that one is over (Unix seconds)."""

    pane: str
    session_id: str
    over_at: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is to be done: panes that go, panes that show another session, sessions that get a new pane; and how many
    live sessions have none.
    """

    close: tuple[str, ...] = ()
    reuse: tuple[tuple[str, str], ...] = ()
    open: tuple[str, ...] = ()
    left_out: int = 0


def is_live(session: SessionView | None) -> bool:
    return session is not None and session.ended_at is None and session.state != "ended"


def plan(
    places: Collection[Place],
    sessions: Mapping[str, SessionView],
    *,
    room: int,
    dismissed: Collection[str],
    now: float,
) -> Plan:
    """What to change so that at most `room` panes show the sessions that matter most.

    `dismissed`: sessions whose pane the person closed.
    """
    shown = {place.session_id for place in places}
    live = [
        session for session in sessions.values() if is_live(session) and session.session_id not in dismissed
    ]
    live.sort(key=lambda session: _order(session, is_shown=session.session_id in shown))
    chosen = {session.session_id: None for session in live[: max(0, room)]}
    kept = [place for place in places if place.session_id in chosen]
    # Those over for longest are given on first; one that lives but lost its place, before any of them.
    free = sorted(
        (place for place in places if place.session_id not in chosen), key=lambda one: one.over_at or 0.0
    )
    reuse: list[tuple[str, str]] = []
    opened: list[str] = []
    for session_id in chosen:
        if session_id in shown:
            continue
        if free:
            reuse.append((free.pop(0).pane, session_id))
        else:
            opened.append(session_id)
    stay = [place for place in free if place.over_at is not None and now - place.over_at < LINGER_SECONDS]
    excess = max(0, len(kept) + len(reuse) + len(opened) + len(stay) - max(room, 1))
    staying = {place.pane for place in stay[excess:]}
    return Plan(
        close=tuple(place.pane for place in free if place.pane not in staying),
        reuse=tuple(reuse),
        open=tuple(opened),
        left_out=len(live) - len(chosen),
    )


def _order(session: SessionView, *, is_shown: bool) -> tuple[int, bool, float, float, str]:
    rank = 2 if session.scripted else 1 if session.state == "idle" else 0
    return rank, not is_shown, -session.attention, session.started_at or 0.0, session.session_id
