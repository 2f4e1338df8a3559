"""The one thread that writes. Batches wait in a bounded buffer; each becomes one transaction.

What is past its time is removed on the same thread, in small steps between batches.

An error of SQLite never leaves this thread: what was not written waits and is tried again, a broken file is
moved aside and a new one begun, and what the buffer cannot hold any longer is dropped, oldest first, and
counted. What was committed survives a SIGKILL (WAL).
"""

from __future__ import annotations

import logging
import os
import sqlite3
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from clauditor.store.batch import SessionRow, StoredFact
from clauditor.store.database import Held, Unusable, is_corrupt, lock, open_for_writing, quarantine
from clauditor.store.retention import Retention, steps
from clauditor.store.tables import Tables

log = logging.getLogger(__name__)

MAX_WAITING_ROWS: Final = 50_000  # about 40 MB; at ten busy sessions, hours
RETRY_SECONDS: Final = 1.0
MAX_RETRY_SECONDS: Final = 8.0
"""A full disk is found free again within this time."""


class Writer:
    """Owns the database for writing. `submit` is for the event loop: it never blocks and never raises."""

    def __init__(self, path: Path, retention: Retention) -> None:
        self.path = path
        self.problem: str | None = None
        self.is_sound = False  # opened and checked, and not found broken since
        self.rows_written = 0
        self.rows_dropped = 0
        self.rows_expired = 0
        self.errors = 0
        self.quarantined = 0
        self._retention = retention
        self._given_up = False
        self._changed = threading.Condition()
        self._sessions: dict[str, SessionRow] = {}
        self._facts: deque[StoredFact] = deque()
        self._closing = False
        self._writing = False
        self._tidy_at: float | None = None
        self._tidying: Iterator[int] | None = None
        self._tables: Tables | None = None
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

    def tidy(self, now: float) -> None:
        """Remove what is past its time at `now` (Unix seconds), soon and little by little."""
        with self._changed:
            if self._given_up or self._closing:
                return
            self._tidy_at = now
            self._changed.notify()

    def waiting(self, session_id: str) -> bytes | None:
        """The packed session that waits to be written."""
        with self._changed:
            row = self._sessions.get(session_id)
        return None if row is None else row.packed

    @property
    def is_idle(self) -> bool:
        """Whether everything handed over so far was written, or dropped and counted, and nothing is to be tidied."""
        with self._changed:
            return not (self._sessions or self._facts or self._writing or self._has_to_tidy)

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
                while not (self._sessions or self._facts or self._closing or self._has_to_tidy):
                    self._changed.wait()
                closing = self._closing
                sessions, self._sessions = self._sessions, {}
                facts, self._facts = self._facts, deque()
                self._writing = bool(sessions or facts)
            succeeded = self._write(sessions, facts)
            self._writing = False
            if succeeded:
                pause = RETRY_SECONDS
                if not closing:
                    self._tidy_a_little()
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

    @property
    def _has_to_tidy(self) -> bool:
        return self._tidy_at is not None or self._tidying is not None

    def _write(self, sessions: dict[str, SessionRow], facts: deque[StoredFact]) -> bool:
        """One transaction; False if it is to be tried again."""
        if self._tables is None and not self._try_open():
            self._put_back(sessions, facts)
            return False
        if self._tables is None or not (sessions or facts):
            return True
        try:
            refused = self._tables.write([*sessions.values(), *facts])
        except Exception as error:  # noqa: BLE001 - the border of the thread; _undo tells it
            self._undo(error)
            self._put_back(sessions, facts)
            return False
        self.rows_written += len(sessions) + len(facts) - refused
        self.rows_dropped += refused
        self.problem = None
        return True

    def _tidy_a_little(self) -> None:
        """One step of what is to be removed. An error ends it until the next time."""
        tables = self._tables
        if tables is None:
            return
        if self._tidying is None and self._tidy_at is not None:
            self._tidying, self._tidy_at = (
                steps(tables.db, tables.names, self._retention, self._tidy_at),
                None,
            )
        if self._tidying is None:
            return
        try:
            removed = next(self._tidying, None)
        except Exception as error:  # noqa: BLE001 - the border of the thread; _undo tells it
            self._tidying = None
            self._undo(error)
            return
        self.problem = None
        if removed is None:
            self._tidying = None
            return
        self.rows_expired += removed
        tables.forget_sessions()

    def _try_open(self) -> bool:
        try:
            if self._lock is None:
                self._lock = lock(self.path)
            try:
                db = open_for_writing(self.path)
            except Exception as error:
                if not is_corrupt(error):
                    raise
                quarantine(self.path)
                self.quarantined += 1
                db = open_for_writing(self.path)
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
        self._tables = Tables(db)
        self.problem = None
        self.is_sound = True
        return True

    def _undo(self, error: Exception) -> None:
        """A batch failed: leave no half of it, and let go of a file that is broken."""
        self.errors += 1
        self._say(f"The history in {self.path} cannot be written ({error}); it is tried again.")
        if self._tables is not None:
            self._tables.forget()
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
        self._tidying = None
        if self._tables is not None:
            try:
                self._tables.db.close()
            except sqlite3.Error:
                log.exception("the history could not be closed")
        self._tables = None
