"""What the hub tells, gathered for the writer: facts as they come, changed sessions once a flush."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Final

from clauditor.model.events import (
    Event,
    GapFound,
    LabelFound,
    LimitsSeen,
    LimitWindow,
    Malformed,
    Progress,
    SignalCleared,
    SignalRaised,
)
from clauditor.model.facts import Fact
from clauditor.model.packing import pack
from clauditor.model.session import Session
from clauditor.store.batch import LimitSample, SessionRow, StoredFact
from clauditor.store.writer import Writer

log = logging.getLogger(__name__)

LIMIT_SAMPLE_SECONDS: Final = 60.0  # a window's reading is kept when it changed, at most this often
MAX_WINDOWS: Final = 1024
MAX_GATHERED: Final = 4096  # facts between two flushes; the writer's own limit decides what is dropped

_TRACELESS: Final = (Progress, LabelFound, Malformed)


class StoreSink:
    """Watches the hub. The sessions themselves are packed in `flush`, which the loop calls every 250 ms."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self._changed: dict[str, Session] = {}
        self._facts: list[StoredFact] = []
        self._limits: dict[tuple[str, str], tuple[float, LimitWindow]] = {}

    def observe(self, event: Event, session: Session | None, facts: Sequence[Fact]) -> None:
        if isinstance(event, _TRACELESS):
            return
        if session is not None:
            self._changed[session.session_id] = session
        self._facts.extend(facts)
        if isinstance(event, GapFound | SignalRaised | SignalCleared):
            self._facts.append(event)
        elif isinstance(event, LimitsSeen):
            self._sample(event)
        if len(self._facts) >= MAX_GATHERED:
            self.flush()

    def flush(self) -> None:
        """Hand everything that changed to the writer. Does not block."""
        if not self._changed and not self._facts:
            return
        rows = [self._row(session) for session in self._changed.values()]
        sessions = [row for row in rows if row is not None]
        facts, self._facts = self._facts, []
        self._changed.clear()
        self._writer.submit(sessions, facts)

    def _row(self, session: Session) -> SessionRow | None:
        """None for a session that holds what cannot be packed (a lone surrogate); its facts are kept."""
        try:
            packed = pack(session)
        except (UnicodeEncodeError, OverflowError):
            log.exception("a session could not be packed")
            self._writer.rows_refused += 1
            return None
        main = session.main
        return SessionRow(
            session_id=session.session_id,
            project=session.project,
            branch=session.branch,
            model=(main.served or main.requested) if main is not None else None,
            started_at=session.started_at,
            last_activity_at=session.last_activity_at,
            ended_at=session.ended_at,
            label=session.label,
            billing=session.billing,
            cost_usd=session.bill.usd,
            context_ratio=session.context.used_ratio if session.context.tokens else None,
            packed=packed,
        )

    def _sample(self, event: LimitsSeen) -> None:
        for window in event.windows:
            key = (event.account, window.name)
            at, before = self._limits.get(key, (0.0, None))
            if before == window or (
                before is not None
                and before.resets_at == window.resets_at
                and before.status == window.status
                and 0 <= event.at - at < LIMIT_SAMPLE_SECONDS
            ):
                continue
            if key not in self._limits and len(self._limits) >= MAX_WINDOWS:
                self._limits.clear()
            self._limits[key] = (event.at, window)
            self._facts.append(
                LimitSample(at=event.at, account=event.account, billing=event.billing, window=window)
            )
