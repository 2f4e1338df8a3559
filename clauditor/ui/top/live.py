"""What the sidecar tells: sessions by its stream, sums by its summary, and whether the stream is there."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from clauditor.errors import ClauditorError
from clauditor.ui.views.header import Spend, spend_of
from clauditor.ui.views.incident import Incident, incident_of
from clauditor.ui.views.session import SessionView
from clauditor.ui.views.snapshot import session_view

MAX_SESSIONS: Final = 10_000  # as many as the sidecar itself holds
RETRY_SECONDS: Final = (0.5, 1.0, 2.0)
SUMMARY_SECONDS: Final = 30.0
# A cost that changed is in the sidecar's sums by then; several that change together are one question.
SPENT_SECONDS: Final = 1.0


class Sidecar(Protocol):
    """What the screen asks of the sidecar's API. Each call raises ClauditorError when it cannot answer."""

    def astream(self) -> AsyncIterator[tuple[str, str | None, Mapping[str, Any]]]: ...
    def session(self, session_id: str) -> Mapping[str, Any]: ...
    def turns(self, session_id: str, *, limit: int | None = None) -> Sequence[Mapping[str, Any]]: ...
    def postmortem(self, session_id: str) -> Mapping[str, Any]: ...
    def summary(self) -> Mapping[str, Any]: ...
    def mute(self, session_id: str, muted: bool) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """All that the screen shows, as it was known at `now` (Unix seconds)."""

    now: float
    sessions: tuple[SessionView, ...]
    spend: Spend
    incident: Incident | None
    silent: tuple[str, ...] = ()


class LiveSessions:
    """Snapshots by session id, kept up to date by `follow`; sums by `follow_sums`. `host`: what to call their sidecar."""

    def __init__(self, host: str = "") -> None:
        self.host = host
        self.by_id: dict[str, SessionView] = {}
        self._as_told: dict[str, Mapping[str, Any]] = {}
        self.spend = Spend()
        self.incident: Incident | None = None
        self.dropped = 0
        self.is_connected = False
        self.refusal: ClauditorError | None = None
        self.is_complete = False
        self.heard_at: float | None = None
        self.spent = asyncio.Event()
        """Set when a cost changed; whoever waits for it clears it."""

    def known(self, now: float) -> Known:
        """What is known now. While nothing is heard that is the last message: nobody knows what came after."""
        return Known(
            now=now if self.is_connected or self.heard_at is None else self.heard_at,
            sessions=tuple(self.by_id.values()),
            spend=self.spend,
            incident=self.incident,
        )

    def apply(self, message: Mapping[str, Any]) -> None:
        """One `snapshot` message: the sessions that changed, and those that left."""
        before, told = self.by_id, self._as_told
        self.incident = incident_of(message.get("totals"))
        if message.get("full"):
            self.by_id, self._as_told = {}, {}
            self.is_complete = True
        sessions = message.get("sessions")
        for snapshot in sessions if isinstance(sessions, list) else ():
            if not isinstance(snapshot, Mapping):
                continue
            session_id = snapshot.get("session_id")
            known = before.get(session_id) if isinstance(session_id, str) else None
            last = None if known is None else (told[known.session_id], known)
            view = session_view(snapshot, self.host, last)
            if view.session_id in self.by_id or len(self.by_id) < MAX_SESSIONS:
                if known is None or known.cost_usd != view.cost_usd:
                    self.spent.set()
                self.by_id[view.session_id], self._as_told[view.session_id] = view, snapshot
            else:
                self.dropped += 1
        removed = message.get("removed")
        for session_id in removed if isinstance(removed, list) else ():
            self.by_id.pop(str(session_id), None)
            self._as_told.pop(str(session_id), None)

    async def follow(self, sidecar: Sidecar, clock: Callable[[], float], changed: Callable[[], None]) -> None:
        """Read the stream until cancelled; when it breaks off or falls silent, open it again."""
        failures = 0
        while True:
            try:
                async for event, _, data in sidecar.astream():
                    failures = 0
                    self.is_connected, self.refusal = True, None
                    self.heard_at = clock()
                    if event == "snapshot":
                        self.apply(data)
                    changed()
            except ClauditorError as error:
                failures += 1
                self.refusal = error
            self.is_connected = False
            changed()
            await asyncio.sleep(RETRY_SECONDS[min(failures, len(RETRY_SECONDS) - 1)])

    async def follow_sums(self, sidecar: Sidecar, changed: Callable[[], None]) -> None:
        """Ask for the sums until cancelled, again a moment after a cost changed."""
        while True:
            self.spent.clear()
            with contextlib.suppress(ClauditorError):  # the headline says when nothing is heard
                summary = await asyncio.to_thread(sidecar.summary)
                self.spend = spend_of(summary)
                # An incident may end without a session that changes, so the stream does not always tell.
                self.incident = incident_of(summary.get("live"))
                changed()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(SUMMARY_SECONDS):
                    await self.spent.wait()
            await asyncio.sleep(SPENT_SECONDS)
