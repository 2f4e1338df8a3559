"""The sessions as the sidecar's stream tells them, and whether the stream is there."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any, Final, Protocol

from clauditor.errors import ClauditorError
from clauditor.ui.views.session import SessionView
from clauditor.ui.views.snapshot import session_view

MAX_SESSIONS: Final = 10_000  # as many as the sidecar itself holds
RETRY_SECONDS: Final = (0.5, 1.0, 2.0)


class Sidecar(Protocol):
    """What the screen asks of the sidecar's API. Each call raises ClauditorError when it cannot answer."""

    def astream(self) -> AsyncIterator[tuple[str, str | None, Mapping[str, Any]]]: ...
    def session(self, session_id: str) -> Mapping[str, Any]: ...
    def turns(self, session_id: str) -> Sequence[Mapping[str, Any]]: ...
    def summary(self) -> Mapping[str, Any]: ...


class LiveSessions:
    """Snapshots by session id, kept up to date by `follow`."""

    def __init__(self) -> None:
        self.by_id: dict[str, SessionView] = {}
        self.dropped = 0
        self.is_connected = False
        self.is_complete = False
        self.heard_at: float | None = None
        self.spent = asyncio.Event()
        """Set when a cost changed; whoever waits for it clears it."""

    def apply(self, message: Mapping[str, Any]) -> None:
        """One `snapshot` message: the sessions that changed, and those that left."""
        before = self.by_id
        if message.get("full"):
            self.by_id = {}
            self.is_complete = True
        sessions = message.get("sessions")
        for snapshot in sessions if isinstance(sessions, list) else ():
            if not isinstance(snapshot, Mapping):
                continue
            view = session_view(snapshot)
            if view.session_id in self.by_id or len(self.by_id) < MAX_SESSIONS:
                known = before.get(view.session_id)
                if known is None or known.cost_usd != view.cost_usd:
                    self.spent.set()
                self.by_id[view.session_id] = view
            else:
                self.dropped += 1
        removed = message.get("removed")
        for session_id in removed if isinstance(removed, list) else ():
            self.by_id.pop(str(session_id), None)

    async def follow(self, sidecar: Sidecar, clock: Callable[[], float], changed: Callable[[], None]) -> None:
        """Read the stream until cancelled; when it breaks off or falls silent, open it again."""
        failures = 0
        while True:
            try:
                async for event, _, data in sidecar.astream():
                    failures = 0
                    self.is_connected = True
                    self.heard_at = clock()
                    if event == "snapshot":
                        self.apply(data)
                    changed()
            except ClauditorError:
                failures += 1
            self.is_connected = False
            changed()
            await asyncio.sleep(RETRY_SECONDS[min(failures, len(RETRY_SECONDS) - 1)])
