"""The only place where state changes: events come in, sessions change, sinks are told. Never awaits.

A sink that raises loses that event and nothing else does: the error is logged and counted, the other
sinks and the sessions go on.
"""

from __future__ import annotations

import heapq
import logging
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, Literal, Protocol

from clauditor.model.events import (
    ClockJumped,
    Event,
    GapFound,
    LabelFound,
    LimitsSeen,
    LimitWindow,
    Progress,
    SessionEnded,
)
from clauditor.model.facts import Fact
from clauditor.model.prices import PriceBook
from clauditor.model.session import Session
from clauditor.model.snapshot import Snapshot, session_snapshot, session_state

log = logging.getLogger(__name__)

ENDED_AFTER_SECONDS: Final = 86_400.0  # a session silent for a day is over
FORGET_AFTER_SECONDS: Final = 600.0  # an ended session leaves memory; the store keeps it
MAX_SESSIONS: Final = 10_000
MAX_ACCOUNTS: Final = 256


class Sink(Protocol):
    """Watches what happens. Must neither block nor keep the session it is shown."""

    def observe(self, event: Event, session: Session | None, facts: Sequence[Fact]) -> None:
        """`session` is the one that `event` changed (None for daemon events), `facts` what it completed."""
        ...


class Hub:
    """Live sessions by id.

    `revive` finds the kept state of a session that left memory (None: unknown). `labels`: held in `memory`
    only, in the session, which the store keeps (`store`), or nowhere (`off`).
    """

    def __init__(
        self,
        *,
        book: PriceBook,
        sinks: Sequence[Sink] = (),
        revive: Callable[[str], Session | None] = lambda _: None,
        labels: Literal["memory", "store", "off"] = "memory",
    ) -> None:
        self.sessions: dict[str, Session] = {}
        self.sink_errors: dict[str, int] = {}
        self.sessions_dropped = 0
        self._book = book
        self._sinks = tuple(sinks)
        self._revive = revive
        self._labels: dict[str, str] = {}
        self._label_policy = labels
        self._limits: dict[str, dict[str, LimitWindow]] = {}
        self._due: dict[str, float] = {}
        self._deadlines: list[tuple[float, str]] = []

    def restore(self, sessions: Iterable[Session], at: float) -> None:
        """Take up sessions as they were before a restart; calls then under way were not seen to end."""
        for session in sessions:
            self.sessions[session.session_id] = session
            for fact in session.lose_open_calls(at, self._book):
                gap = GapFound(
                    at=at,
                    session_id=session.session_id,
                    agent_id=fact.agent_id,
                    exchange_id=fact.exchange_id,
                    reason="restart",
                )
                session.apply(gap, self._book)
                self._tell(gap, session, [fact])
            self._schedule(session, at)

    def publish(self, event: Event) -> None:
        """Apply one event and tell every sink. Never raises, never blocks."""
        facts: list[Fact] = []
        session: Session | None = None
        match event:
            case ClockJumped():
                for each in self.sessions.values():
                    each.apply(event, self._book)
                    self._schedule(each, event.at)
            case LimitsSeen():
                self._see_limits(event)
            case _:
                pass
        if event.session_id:
            session = self._session(event)
            if isinstance(event, LabelFound):
                self._see_label(event, session)
            facts = session.apply(event, self._book)
            if not isinstance(event, Progress):
                self._schedule(session, event.at)
        self._tell(event, session, facts)

    def tick(self, now: float) -> list[str]:
        """Let time pass: ids of the sessions that it changed, or made leave memory. Costs what changed."""
        changed = []
        while self._deadlines and self._deadlines[0][0] <= now:
            due, session_id = heapq.heappop(self._deadlines)
            session = self.sessions.get(session_id)
            if session is None or self._due.get(session_id) != due:
                continue
            del self._due[session_id]
            changed.append(session_id)
            if session.ended_at is not None and now - session.ended_at >= FORGET_AFTER_SECONDS:
                self._forget(session_id)
            elif session.ended_at is None and now - session.last_activity_at >= ENDED_AFTER_SECONDS:
                self.publish(SessionEnded(at=now, session_id=session_id, reason="age"))
            else:
                self._schedule(session, now)
        return changed

    def snapshot(self, session_id: str, now: float) -> Snapshot | None:
        session = self.sessions.get(session_id)
        return None if session is None else self._snapshot(session, now)

    def snapshots(self, now: float) -> list[Snapshot]:
        """Every live session, the one that needs a person most first."""
        shots = [self._snapshot(session, now) for session in self.sessions.values()]
        return sorted(shots, key=lambda shot: (-shot["attention"], shot["state_since"], shot["session_id"]))

    def totals(self, now: float) -> dict[str, Any]:
        """What the headline says of all live sessions together."""
        states: dict[str, int] = {}
        for session in self.sessions.values():
            state = session_state(session, now)[0]
            states[state] = states.get(state, 0) + 1
        return {"sessions": len(self.sessions), "states": states, "at": now}

    def limits(self) -> Mapping[str, Mapping[str, LimitWindow]]:
        """The newest rate-limit windows by account."""
        return self._limits

    # ------------------------------------------------------------------------------------------------

    def _session(self, event: Event) -> Session:
        session = self.sessions.get(event.session_id)
        if session is None:
            session = self._revived(event.session_id)
            if session is None:
                session = Session(session_id=event.session_id, started_at=event.at, last_activity_at=event.at)
            if len(self.sessions) >= MAX_SESSIONS:
                quiet = min(self.sessions.values(), key=lambda other: other.last_activity_at)
                self._forget(quiet.session_id)
                self.sessions_dropped += 1
            self.sessions[event.session_id] = session
        return session

    def _revived(self, session_id: str) -> Session | None:
        try:
            return self._revive(session_id)
        except Exception:
            self._count_error("revive")
            log.exception("the kept state of a session could not be read")
            return None

    def _schedule(self, session: Session, now: float) -> None:
        """Note when time alone will next change what this session shows."""
        if session.ended_at is not None:
            due = session.ended_at + FORGET_AFTER_SECONDS
        else:
            due = min([session.last_activity_at + ENDED_AFTER_SECONDS, *session.turning_points(now)])
        # One entry a session: one that comes too early is set anew when it is popped.
        if due < self._due.get(session.session_id, math.inf):
            self._due[session.session_id] = due
            heapq.heappush(self._deadlines, (due, session.session_id))

    def _forget(self, session_id: str) -> None:
        del self.sessions[session_id]
        self._due.pop(session_id, None)
        self._labels.pop(session_id, None)

    def _see_label(self, event: LabelFound, session: Session) -> None:
        """The first label stays: it says what the session was begun for."""
        if self._label_policy == "memory":
            self._labels.setdefault(event.session_id, event.label)
        elif self._label_policy == "store":
            session.label = session.label or event.label

    def _see_limits(self, event: LimitsSeen) -> None:
        if event.account not in self._limits and len(self._limits) >= MAX_ACCOUNTS:
            self._limits.clear()
        windows = self._limits.setdefault(event.account, {})
        windows.update({window.name: window for window in event.windows})

    def _snapshot(self, session: Session, now: float) -> Snapshot:
        limits = self._limits.get(session.account) if session.account else None
        return session_snapshot(
            session, now, label=session.label or self._labels.get(session.session_id), limits=limits
        )

    def _tell(self, event: Event, session: Session | None, facts: Sequence[Fact]) -> None:
        for sink in self._sinks:
            try:
                sink.observe(event, session, facts)
            except Exception:
                self._count_error(type(sink).__name__)
                log.exception("%s failed at %s", type(sink).__name__, type(event).__name__)

    def _count_error(self, part: str) -> None:
        self.sink_errors[part] = self.sink_errors.get(part, 0) + 1
