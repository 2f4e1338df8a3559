"""The one thread that writes. Batches wait in a bounded buffer; each becomes one transaction.

An error of SQLite never leaves this thread: what was not written waits and is tried again, a broken file is
moved aside and a new one begun, and what the buffer cannot hold any longer is dropped, oldest first, and
counted. What was committed survives a SIGKILL (WAL).
"""

from __future__ import annotations

import logging
import os
import sqlite3
import threading
import zlib
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from clauditor.model.events import GapFound
from clauditor.model.facts import CallFact, ToolFact
from clauditor.store.batch import LimitSample, SessionRow, StoredFact
from clauditor.store.database import Held, Unusable, is_corrupt, lock, open_for_writing, quarantine
from clauditor.store.rows import Names, text, write_call, write_gap, write_limit, write_tool

log = logging.getLogger(__name__)

MAX_WAITING_ROWS: Final = 50_000  # about 40 MB; at ten busy sessions, hours
RETRY_SECONDS: Final = 1.0
MAX_RETRY_SECONDS: Final = 8.0
"""A full disk is found free again within this time."""

# What a single row can be refused for; everything else concerns the database as a whole.
_BAD_ROW: Final = (
    *(ValueError, OverflowError),
    *(sqlite3.IntegrityError, sqlite3.DataError, sqlite3.InterfaceError, sqlite3.ProgrammingError),
)


class Writer:
    """Owns the database for writing. `submit` is for the event loop: it never blocks and never raises."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.problem: str | None = None
        self.is_sound = False  # opened and checked, and not found broken since
        self.rows_written = 0
        self.rows_dropped = 0
        self.errors = 0
        self.quarantined = 0
        self._given_up = False
        self._changed = threading.Condition()
        self._sessions: dict[str, SessionRow] = {}
        self._facts: deque[StoredFact] = deque()
        self._closing = False
        self._writing = False
        self._db: sqlite3.Connection | None = None
        self._names: Names | None = None
        self._keys: dict[str, int] = {}
        self._lock: int | None = None
        self._thread = threading.Thread(target=self._run, name="store", daemon=True)

    def start(self) -> None:
        """Open the database and begin.

        What stands in the way is told in `problem`; it is tried again, unless only a person can change it
        (a newer schema, a symbolic link): then nothing is kept.
        """
        self._try_open()
        if not self._given_up:
            self._thread.start()

    def submit(self, sessions: Sequence[SessionRow], facts: Sequence[StoredFact]) -> None:
        """Hand over what changed; a session's newer row replaces one that still waits."""
        with self._changed:
            if self._given_up or self._closing:
                return
            for row in sessions:
                self._sessions.pop(row.session_id, None)
                self._sessions[row.session_id] = row
            self._facts.extend(facts)
            self._trim()
            self._changed.notify()

    def waiting(self, session_id: str) -> bytes | None:
        """The packed session that waits to be written."""
        with self._changed:
            row = self._sessions.get(session_id)
        return None if row is None else row.packed

    @property
    def is_idle(self) -> bool:
        """Whether everything handed over so far was written, or dropped and counted."""
        with self._changed:
            return not (self._sessions or self._facts or self._writing)

    def close(self, timeout_seconds: float) -> None:
        """Write what waits and end; gives up after `timeout_seconds`."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        if self._thread.is_alive():
            self._thread.join(timeout_seconds)

    # -- on the thread -------------------------------------------------------------------------------

    def _run(self) -> None:
        pause = RETRY_SECONDS
        while True:
            with self._changed:
                while not (self._sessions or self._facts or self._closing):
                    self._changed.wait()
                closing = self._closing
                sessions, self._sessions = self._sessions, {}
                facts, self._facts = self._facts, deque()
                self._writing = True
            succeeded = self._write(sessions, facts)
            self._writing = False
            if succeeded:
                pause = RETRY_SECONDS
            elif not closing:
                with self._changed:
                    self._changed.wait_for(lambda: self._closing, pause)
                pause = min(2 * pause, MAX_RETRY_SECONDS)
                continue
            if closing:
                break
        self._close_database()
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _write(self, sessions: dict[str, SessionRow], facts: deque[StoredFact]) -> bool:
        """One transaction; False if it is to be tried again."""
        if self._db is None and not self._try_open():
            self._put_back(sessions, facts)
            return False
        try:
            written = self._write_batch(sessions, facts)
        except Exception as error:  # noqa: BLE001 - the border of the thread; _undo tells it
            self._undo(error)
            self._put_back(sessions, facts)
            return False
        self.rows_written += written
        self.problem = None
        return True

    def _write_batch(self, sessions: dict[str, SessionRow], facts: deque[StoredFact]) -> int:
        db, names = self._db, self._names
        if db is None or names is None:
            raise RuntimeError("not open")
        refused = 0
        db.execute("BEGIN IMMEDIATE")
        for row in (*sessions.values(), *facts):
            try:
                self._write_row(db, names, row)
            except _BAD_ROW:  # a row that never can be written must not hold up the others
                log.exception("a row could not be stored and is dropped")
                refused += 1
        db.execute("COMMIT")
        self.rows_dropped += refused
        return len(sessions) + len(facts) - refused

    def _write_row(self, db: sqlite3.Connection, names: Names, row: SessionRow | StoredFact) -> None:
        match row:
            case SessionRow():
                self._write_session(db, row)
            case CallFact():
                write_call(db, names, self._session_key(db, row.session_id, row.started_at), row)
            case ToolFact():
                write_tool(db, names, self._session_key(db, row.session_id, row.called_at), row)
            case LimitSample():
                write_limit(db, names, row)
            case GapFound():
                session = self._session_key(db, row.session_id, row.at) if row.session_id else None
                write_gap(db, names, session, row)

    def _write_session(self, db: sqlite3.Connection, row: SessionRow) -> None:
        kept = db.execute(
            "SELECT started_at FROM sessions JOIN session_state ON session = key WHERE session_id = ?",
            (text(row.session_id),),
        ).fetchone()
        if kept is not None and kept[0] < row.started_at:
            # This state was begun while the kept one could not be read: what it lacks must not be lost.
            self.rows_dropped += 1
            return
        key = db.execute(
            "INSERT INTO sessions (session_id, project, branch, model, started_at, last_activity_at, ended_at)"
            " VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (session_id) DO UPDATE SET project = excluded.project,"
            " branch = excluded.branch, model = excluded.model, started_at = excluded.started_at,"
            " last_activity_at = excluded.last_activity_at, ended_at = excluded.ended_at RETURNING key",
            (
                text(row.session_id),
                *(None if word is None else text(word) for word in (row.project, row.branch, row.model)),
                row.started_at,
                row.last_activity_at,
                row.ended_at,
            ),
        ).fetchone()[0]
        db.execute(
            "INSERT INTO session_state (session, state) VALUES (?, ?)"
            " ON CONFLICT DO UPDATE SET state = excluded.state",
            (key, zlib.compress(row.packed, 1)),
        )

    def _session_key(self, db: sqlite3.Connection, session_id: str, at: float) -> int:
        """The key of a session; one that was dropped from the buffer still gets a row."""
        key = self._keys.get(session_id)
        if key is None:
            found = db.execute(
                "INSERT INTO sessions (session_id, started_at, last_activity_at) VALUES (?, ?, ?)"
                " ON CONFLICT (session_id) DO UPDATE SET session_id = excluded.session_id RETURNING key",
                (text(session_id), at, at),
            ).fetchone()
            if len(self._keys) >= 10_000:
                self._keys.clear()
            key = self._keys[session_id] = int(found[0])
        return key

    def _try_open(self) -> bool:
        try:
            if self._lock is None:
                self._lock = lock(self.path)
            try:
                self._db = open_for_writing(self.path)
            except Exception as error:
                if not is_corrupt(error):
                    raise
                quarantine(self.path)
                self.quarantined += 1
                self._db = open_for_writing(self.path)
        except Unusable as error:
            self._given_up = True
            self._say(str(error))
            return False
        except Held as error:
            self._say(str(error))
            return False
        except (sqlite3.Error, OSError) as error:
            self.errors += 1
            self._say(f"The history in {self.path} cannot be opened ({error}); it is tried again.")
            return False
        self._db.row_factory = sqlite3.Row
        self._names = Names(self._db)
        self._keys.clear()
        self.problem = None
        self.is_sound = True
        return True

    def _undo(self, error: Exception) -> None:
        """A batch failed: leave no half of it, and let go of a file that is broken."""
        self.errors += 1
        self._say(f"The history in {self.path} cannot be written ({error}); it is tried again.")
        self._keys.clear()
        if self._names is not None:
            self._names.forget()
        try:
            if self._db is not None and self._db.in_transaction:
                self._db.rollback()
        except sqlite3.Error:
            log.exception("a transaction could not be undone")
        if is_corrupt(error):
            self.is_sound = False
            self._close_database()
            try:
                quarantine(self.path)
                self.quarantined += 1
            except OSError:
                log.exception("a broken history could not be moved aside")
        elif isinstance(error, sqlite3.OperationalError) and not self.path.exists():
            self._close_database()  # somebody removed the file under us

    def _put_back(self, sessions: dict[str, SessionRow], facts: deque[StoredFact]) -> None:
        with self._changed:
            self._sessions = sessions | self._sessions
            facts.extend(self._facts)
            self._facts = facts
            self._trim()

    def _trim(self) -> None:
        """Hold the buffer to its limit, oldest out first."""
        while len(self._facts) > MAX_WAITING_ROWS:
            self._facts.popleft()
            self.rows_dropped += 1
        while len(self._sessions) > MAX_WAITING_ROWS:
            del self._sessions[next(iter(self._sessions))]
            self.rows_dropped += 1

    def _say(self, problem: str) -> None:
        if problem != self.problem:
            log.warning("%s", problem)
        self.problem = problem

    def _close_database(self) -> None:
        if self._db is not None:
            try:
                self._db.close()
            except sqlite3.Error:
                log.exception("the history could not be closed")
        self._db = self._names = None
