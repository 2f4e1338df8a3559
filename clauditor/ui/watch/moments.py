"""Frames of the live stream become moments: events of a session, and its snapshots before and after them. Pure.

Source: the stream of the HTTP API (docs/api.md). Events come first, then the snapshots they led to; so an event
waits for the next snapshot of its session, a quarter of a second as a rule.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from clauditor.ui.views.fields import float_of, map_of
from clauditor.ui.views.incident import Incident, incident_of
from clauditor.ui.views.news import Moment
from clauditor.ui.views.session import SessionView
from clauditor.ui.views.snapshot import session_view

MAX_SESSIONS: Final = 10_000  # as many as the sidecar itself holds
MAX_WAITING: Final = 4096  # events; then they are told without the snapshot they wait for


class Moments:
    """`sessions` are those that are live, by id, as they stand now."""

    def __init__(self) -> None:
        self.sessions: dict[str, SessionView] = {}
        self.incident: Incident | None = None
        self.is_complete = False
        """Whether the whole picture came at least once."""
        self.pictures_missed = 0
        """How often it came again: the sidecar could not tell what had happened in between."""
        self.sessions_dropped = 0
        self._waiting: dict[str, list[Mapping[str, Any]]] = {}
        self._number = 0

    def take(self, name: str, data: Mapping[str, Any]) -> list[Moment]:
        """The moments that a frame completes. Never raises on what it holds."""
        match name:
            case "event":
                return self._event(data)
            case "snapshot":
                return self._snapshot(data)
            case _:
                return self._all_that_waits()

    def _event(self, event: Mapping[str, Any]) -> list[Moment]:
        session_id = event.get("session_id")
        if not isinstance(session_id, str) or not session_id:
            return [Moment(session_id="", events=(event,))]
        self._waiting.setdefault(session_id, []).append(event)
        self._number += 1
        return self._all_that_waits() if self._number >= MAX_WAITING else []

    def _snapshot(self, data: Mapping[str, Any]) -> list[Moment]:
        self.incident = incident_of(data.get("totals"))
        before, is_full = self.sessions, data.get("full") is True
        is_first = not self.is_complete
        if is_full:
            self.sessions = {}
            self.pictures_missed += self.is_complete
            self.is_complete = True
        moments: list[Moment] = []
        snapshots = data.get("sessions")
        for snapshot in snapshots if isinstance(snapshots, list) else ():
            view = session_view(map_of(snapshot))
            if view.session_id not in self.sessions and len(self.sessions) >= MAX_SESSIONS:
                self.sessions_dropped += 1
                continue
            known = before.get(view.session_id)
            self.sessions[view.session_id] = view
            if not (is_first and is_full):
                moments.append(self._moment(view.session_id, known, view))
        removed = data.get("removed")
        for session_id in removed if isinstance(removed, list) else ():
            if isinstance(session_id, str):
                known = self.sessions.pop(session_id, None)
                moments.append(self._moment(session_id, known, None))
        return sorted(moments, key=_began_at)

    def _all_that_waits(self) -> list[Moment]:
        known = self.sessions
        moments = [self._moment(key, known.get(key), known.get(key)) for key in list(self._waiting)]
        return sorted(moments, key=_began_at)

    def _moment(self, session_id: str, before: SessionView | None, after: SessionView | None) -> Moment:
        events = self._waiting.pop(session_id, [])
        self._number -= len(events)
        return Moment(session_id=session_id, events=tuple(events), before=before, after=after)


def _began_at(moment: Moment) -> float:
    return float_of(moment.events[0].get("at")) or 0.0 if moment.events else 0.0
