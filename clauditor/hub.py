"""The only place where state changes: events come in, sessions change, signals are checked, sinks are told.

Never awaits. A signal or a sink that raises loses that event and nothing else does: the error is logged and
counted, the others and the sessions go on.
"""

from __future__ import annotations

import logging
import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any, Final, Protocol

from clauditor.deadlines import Deadlines
from clauditor.model.account import WindowRecord
from clauditor.model.accounts import Accounts
from clauditor.model.agent import IDLE_SECONDS
from clauditor.model.counts import Counts
from clauditor.model.events import (
    ClockJumped,
    Event,
    GapFound,
    HookSeen,
    LabelFound,
    LimitsSeen,
    ModelsSeen,
    Progress,
    SessionEnded,
    SessionMuted,
)
from clauditor.model.facts import CallFact, Fact
from clauditor.model.incident import Incident, incident
from clauditor.model.labels import LabelPolicy, Labels
from clauditor.model.models import ModelCatalogue
from clauditor.model.prices import PriceBook
from clauditor.model.session import Session
from clauditor.model.snapshot import Snapshot, session_snapshot
from clauditor.model.state import STALLED, session_state, turning_points
from clauditor.model.verdict import verdict
from clauditor.signals import catalogue
from clauditor.signals.edges import edges, findings, reword
from clauditor.signals.finding import World
from clauditor.signals.thresholds import Thresholds

log = logging.getLogger(__name__)

ENDED_AFTER_SECONDS: Final = 86_400.0  # a session silent for a day is over
FORGET_AFTER_SECONDS: Final = 600.0  # an ended session leaves memory; the store keeps it
SWEEP_SECONDS: Final = 5  # signals that hang on other sessions or the account are looked at again
MUTE_SECONDS: Final = 3600.0
MAX_SESSIONS: Final = 10_000


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
        labels: LabelPolicy = "memory",
        thresholds: Thresholds = Thresholds(),  # noqa: B008 - frozen
    ) -> None:
        self.sessions: dict[str, Session] = {}
        self.errors: dict[str, int] = {}
        self.sessions_dropped = 0
        self.accounts = Accounts()
        self.models = ModelCatalogue()
        self.incident: Incident | None = None
        self._book = book
        self._sinks = tuple(sinks)
        self._revive = revive
        self._labels = Labels(labels)
        self._thresholds = thresholds
        self._deadlines = Deadlines()
        self._counts = Counts()
        self._taken: dict[str, float] = {}
        self._ticks = 0

    def restore(self, sessions: Sequence[Session], at: float) -> None:
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
        for session in sessions:
            self._look_at(session, at)

    def publish(self, event: Event) -> None:
        """Take one event, and check the signals of its session at once. Never raises, never blocks."""
        self.take(event)
        self.look()

    def take(self, event: Event) -> None:
        """Apply one event and tell every sink; the signals of its session wait for `look`. Never raises, never blocks."""
        facts: list[Fact] = []
        session: Session | None = None
        if isinstance(event, ClockJumped):
            self._shift(event)
        elif isinstance(event, LimitsSeen):
            self.accounts.see(event, self.sessions)
        elif isinstance(event, ModelsSeen):
            self.models.see(event.models)
        if event.session_id:
            session = self._session(event)
            if session is None:
                return
            if isinstance(event, LabelFound):
                self._labels.see(event, session)
            facts = session.apply(event, self._book, self.models.told)
            for fact in facts:
                if isinstance(fact, CallFact):
                    self.accounts.spend(session, fact.cost_usd)
        self._tell(event, session, facts)
        # Bytes that flow change no signal but the one for bytes that do not.
        if session is not None and (not isinstance(event, Progress) or STALLED in session.signals):
            self._taken[session.session_id] = event.at

    def look(self) -> None:
        """Check the signals of each session whose events were taken, once, as of the last of them."""
        taken, self._taken = self._taken, {}
        for session_id, at in taken.items():
            if (session := self.sessions.get(session_id)) is not None:
                self._look_at(session, at)

    def tick(self, now: float) -> list[str]:
        """Let time pass: ids of the sessions that it changed, or made leave memory. Costs what changed."""
        changed: dict[str, None] = {}
        for session_id in self._deadlines.pop(now):
            session = self.sessions.get(session_id)
            if session is None:
                continue
            if session.ended_at is not None and now - session.ended_at >= FORGET_AFTER_SECONDS:
                self._forget(session_id)
            elif session.ended_at is None and now - session.last_activity_at >= ENDED_AFTER_SECONDS:
                self.publish(SessionEnded(at=now, session_id=session_id, reason="age"))
            elif not self._look_at(session, now):
                continue
            changed[session_id] = None
        changed.update(dict.fromkeys(self._sweep(now)))
        return list(changed)

    def mute(self, session_id: str, now: float, *, is_muted: bool) -> bool:
        """Let a session ask for no attention until its signals clear, for an hour at most. False: no such one."""
        if session_id not in self.sessions:
            return False
        until = now + MUTE_SECONDS if is_muted else None
        self.publish(SessionMuted(at=now, session_id=session_id, until=until))
        return True

    def forget(self, session_ids: Iterable[str]) -> None:
        """Let go of sessions, as if they had never been seen; one that goes on begins anew."""
        for session_id in session_ids:
            if session_id in self.sessions:
                self._forget(session_id)

    def snapshot(self, session_id: str, now: float) -> Snapshot | None:
        session = self.sessions.get(session_id)
        return None if session is None else self._snapshot(session, now)

    def snapshots(self, now: float) -> list[Snapshot]:
        """Every live session, the one that needs a person most first."""
        shots = [self._snapshot(session, now) for session in self.sessions.values()]
        return sorted(shots, key=lambda shot: (-shot["attention"], shot["state_since"], shot["session_id"]))

    def totals(self, now: float) -> dict[str, Any]:
        """What the headline says of all live sessions together."""
        return {
            "sessions": len(self.sessions),
            "states": self._counts.states,
            "verdicts": self._counts.levels,
            "incident": None if self.incident is None else asdict(self.incident),
            "at": now,
        }

    def raised(self) -> Mapping[str, int]:
        """For how many live sessions each signal holds."""
        return Counter(name for session in self.sessions.values() for name in session.signals)

    def limits(self) -> Mapping[str, Mapping[str, WindowRecord]]:
        """The newest rate-limit windows by account."""
        return {name: account.windows for name, account in self.accounts.by_name.items()}

    def _session(self, event: Event) -> Session | None:
        """The session of an event, begun by its traffic; what is only told about an unknown one begins none."""
        session = self.sessions.get(event.session_id)
        if session is None:
            session = self._revived(event.session_id)
            if session is None and isinstance(event, HookSeen | SessionEnded):
                return None
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

    # -- signals -------------------------------------------------------------------------------------

    def _look_at(self, session: Session, now: float) -> bool:
        """Check the signals of a session, and note when time alone will next change it; True if one changed."""
        world = World(
            now=now,
            thresholds=self._thresholds,
            account=self.accounts.of(session),
            incident=self.incident,
        )
        found = findings(session, world, self._signal_failed)
        has_changed = reword(session, found)
        for edge in edges(session, found, now):
            session.apply(edge, self._book)
            self._tell(edge, session, ())
            has_changed = True
        state, level = session_state(session, now).state, verdict(session.signals.values()).level
        if session.muted_until is not None and (level == "ok" or now >= session.muted_until):
            session.muted_until, has_changed = None, True
        is_warm = session.cache.expires_at is not None and now < session.cache.expires_at
        has_changed |= self._counts.put(session.session_id, state, level, is_warm=is_warm)
        self._schedule(session, now)
        return has_changed

    def _signal_failed(self, name: str, error: Exception) -> None:
        self._count_error(name)
        log.error("the signal %s failed", name, exc_info=error)

    def _sweep(self, now: float) -> list[str]:
        """Look again at a part of the sessions that are not at rest, all of them within SWEEP_SECONDS."""
        self._ticks += 1
        if self._ticks % SWEEP_SECONDS == 0:
            self.incident = incident(self.sessions.values(), now, self.incident)
        part = self._ticks % SWEEP_SECONDS
        looked_at = [
            session
            for number, session in enumerate(list(self.sessions.values()))
            if number % SWEEP_SECONDS == part
            and (session.signals or now - session.last_activity_at < IDLE_SECONDS)
        ]
        return [session.session_id for session in looked_at if self._look_at(session, now)]

    def _schedule(self, session: Session, now: float) -> None:
        """Note when time alone will next change what this session shows."""
        if session.ended_at is not None:
            due = session.ended_at + FORGET_AFTER_SECONDS
        else:
            points = (*turning_points(session, now), *catalogue.due(session, self._thresholds))
            due = min((at for at in points if at > now), default=math.inf)
            due = min(due, session.last_activity_at + ENDED_AFTER_SECONDS)
        self._deadlines.note(session.session_id, due)

    # ------------------------------------------------------------------------------------------------

    def _forget(self, session_id: str) -> None:
        del self.sessions[session_id]
        self._deadlines.drop(session_id)
        self._counts.drop(session_id)
        self._labels.drop(session_id)

    def _shift(self, event: ClockJumped) -> None:
        """The wall clock was set: every open point in time moves, and what was due is worked out anew."""
        self.accounts.shift(event.seconds)
        self._deadlines.clear()
        for session in self.sessions.values():
            session.apply(event, self._book)
            self._schedule(session, event.at)

    def _snapshot(self, session: Session, now: float) -> Snapshot:
        account = self.accounts.of(session)
        return session_snapshot(
            session,
            now,
            label=self._labels.of(session),
            limits=None if account is None else account.windows,
        )

    def _tell(self, event: Event, session: Session | None, facts: Sequence[Fact]) -> None:
        for sink in self._sinks:
            try:
                sink.observe(event, session, facts)
            except Exception:
                self._count_error(type(sink).__name__)
                log.exception("%s failed at %s", type(sink).__name__, type(event).__name__)

    def _count_error(self, part: str) -> None:
        self.errors[part] = self.errors.get(part, 0) + 1
