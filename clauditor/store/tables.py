"""An open database and what goes into which of its tables. Used on the writer's thread only."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Final, assert_never

import apsw

from clauditor.model.events import GapFound, SignalCleared, SignalRaised
from clauditor.model.facts import CallFact, ToolFact
from clauditor.store.batch import LimitSample, SessionRow, StoredFact
from clauditor.store.rows import (
    Names,
    finite,
    text,
    text_or_none,
    write_call,
    write_gap,
    write_limit,
    write_tool,
)
from clauditor.store.signals import write_cleared, write_raised
from clauditor.store.sqlite import Connection
from clauditor.store.state import deflate
from clauditor.store.transaction import transaction

log = logging.getLogger(__name__)

_MAX_KEYS: Final = 10_000

# What a single row can be refused for; everything else concerns the database as a whole.
_BAD_ROW: Final = (
    *(ValueError, OverflowError, TypeError),
    *(apsw.ConstraintError, apsw.TooBigError, apsw.MismatchError, apsw.BindingsError),
)

_SESSION_COLUMNS: Final = (
    *("session_id", "project", "branch", "model", "started_at", "last_activity_at", "ended_at"),
    *("label", "billing", "cost_usd", "context_ratio"),
)
_WRITE_SESSION: Final = (
    f"INSERT INTO sessions ({', '.join(_SESSION_COLUMNS)}) VALUES ({', '.join('?' * len(_SESSION_COLUMNS))})"  # noqa: S608 - constants
    f" ON CONFLICT (session_id) DO UPDATE SET has_calls = 1,"
    f" {', '.join(f'{name} = excluded.{name}' for name in _SESSION_COLUMNS[1:])} RETURNING key"
)


class Tables:
    """Writes rows; what it remembers of keys is as of the last transaction. Raises apsw.Error, UnicodeDecodeError."""

    def __init__(self, db: Connection) -> None:
        self.db = db
        self.names = Names(db)
        self._keys: dict[str, int] = {}
        self._known = {hash(row[0]) for row in db.execute("SELECT session_id FROM sessions")}

    def may_hold(self, session_id: str) -> bool:
        """Whether there may be a row of this session; False is certain. For any thread."""
        return hash(text(session_id)) in self._known

    def write(self, rows: Sequence[SessionRow | StoredFact]) -> int:
        """All rows in one transaction; returns how many were refused, each logged."""
        refused = 0
        with transaction(self.db):
            for row in rows:
                try:
                    refused += not self._write(row)
                except _BAD_ROW:  # a row that never can be written must not hold up the others
                    log.exception("a row could not be stored and is dropped")
                    refused += 1
        return refused

    def forget(self) -> None:
        """A transaction was undone."""
        self._keys.clear()
        self.names.forget()

    def forget_sessions(self) -> None:
        """Sessions may be gone."""
        self._keys.clear()

    def _write(self, row: SessionRow | StoredFact) -> bool:
        db, names = self.db, self.names
        match row:
            case SessionRow():
                return self._write_session(row)
            case CallFact():
                write_call(db, names, self._session(row.session_id, row.started_at), row)
            case ToolFact():
                write_tool(db, names, self._session(row.session_id, row.called_at), row)
            case SignalRaised():
                write_raised(db, names, self._session(row.session_id, row.at), row)
            case SignalCleared():
                write_cleared(db, names, self._session(row.session_id, row.at), row)
            case LimitSample():
                write_limit(db, names, row)
            case GapFound():
                write_gap(db, names, self._session(row.session_id, row.at) if row.session_id else None, row)
            case _:
                assert_never(row)
        return True

    def _write_session(self, row: SessionRow) -> bool:
        kept = self.db.execute(
            "SELECT started_at FROM sessions JOIN session_state ON session = key WHERE session_id = ?",
            (text(row.session_id),),
        ).fetchone()
        if kept is not None and kept[0] < row.started_at:
            # This state was begun while the kept one could not be read: what it lacks must not be lost.
            return False
        self._known.add(hash(text(row.session_id)))
        key = self.db.execute(
            _WRITE_SESSION,
            (
                text(row.session_id),
                *(text_or_none(word) for word in (row.project, row.branch, row.model)),
                *(row.started_at, row.last_activity_at, row.ended_at),
                *(text_or_none(word) for word in (row.label, row.billing)),
                *(finite(row.cost_usd), finite(row.context_ratio)),
            ),
        ).fetchone()[0]
        self.db.execute(
            "INSERT INTO session_state (session, state) VALUES (?, ?)"
            " ON CONFLICT DO UPDATE SET state = excluded.state",
            (key, deflate(row.packed)),
        )
        return True

    def _session(self, session_id: str, at: float) -> int:
        """The key of a session; one that was dropped from the buffer still gets a row."""
        key = self._keys.get(session_id)
        if key is None:
            self._known.add(hash(text(session_id)))
            found = self.db.execute(
                "INSERT INTO sessions (session_id, started_at, last_activity_at) VALUES (?, ?, ?)"
                " ON CONFLICT (session_id) DO UPDATE SET session_id = excluded.session_id RETURNING key",
                (text(session_id), at, at),
            ).fetchone()
            if len(self._keys) >= _MAX_KEYS:
                self._keys.clear()
            key = self._keys[session_id] = int(found[0])
        return key
