"""The one thread that writes. Batches wait in a bounded buffer; each becomes one transaction.

What is past its time is removed on the same thread, in small steps between batches, and so is what somebody asks to be
gone, or another history to take the place of this one.

An error of SQLite never leaves this thread: what was not written waits and is tried again, a broken file is
moved aside and a new one begun, and what the buffer cannot hold any longer is dropped, oldest first, and
counted. What was committed survives a SIGKILL (WAL).
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any, Final, TypeVar

from clauditor.errors import HistoryError
from clauditor.store.batch import SessionRow, StoredFact
from clauditor.store.buffer import Batch, Buffer
from clauditor.store.database import check_pages, is_corrupt
from clauditor.store.held import HeldFile
from clauditor.store.retention import Retention, steps
from clauditor.store.sqlite import Error, in_words
from clauditor.store.tables import Tables

log = logging.getLogger(__name__)

RETRY_SECONDS: Final = 1.0
MAX_RETRY_SECONDS: Final = 8.0
"""A full disk is found free again within this time."""
DOUBT_SECONDS: Final = 60.0  # a file that a reader could not make sense of is looked at, at most this often

T = TypeVar("T")


class Writer(HeldFile):
    """Owns the database for writing. All but `start` and `close` is for any thread, and neither blocks nor raises."""

    def __init__(self, path: Path, retention: Retention) -> None:
        super().__init__(path)
        self.rows_written = 0
        self.rows_refused = 0
        self.rows_expired = 0
        self._retention = retention
        self._changed = threading.Condition()
        self.buffer = Buffer(self._changed)
        self._has_moved = False
        self._closing = False
        self._writing = False
        self._tidy_at: float | None = None
        self._tidying: Iterator[int] | None = None
        self._jobs: list[tuple[Callable[[Writer], Any], Future[Any]]] = []
        self._doubt: Exception | None = None
        self._doubted_at = -DOUBT_SECONDS
        self._thread = threading.Thread(target=self._run, name="store", daemon=True)

    def start(self) -> None:
        """Open the database and begin.

        What stands in the way is told in `problem`; it is tried again, unless only a person can change it
        (a newer schema, a symbolic link): then nothing is kept.
        """
        self._try_open()
        if not self._given_up:
            self._thread.start()

    @property
    def rows_dropped(self) -> int:
        return self.rows_refused + self.buffer.dropped

    def submit(self, sessions: Sequence[SessionRow], facts: Sequence[StoredFact]) -> None:
        """Hand over what changed; a session's newer row replaces one that still waits."""
        with self._changed:
            if self._given_up or self._closing:
                return
            self.buffer.put(sessions, facts)
            self._changed.notify()

    def tidy(self, now: float) -> None:
        """Remove what is past its time at `now` (Unix seconds), soon and little by little."""
        with self._changed:
            if self._given_up or self._closing:
                return
            self._tidy_at = now
            self._changed.notify()

    def perform(self, job: Callable[[Writer], T]) -> Future[T]:
        """Do something else on this thread, between two batches; the future holds what came of it, or the error."""
        future: Future[T] = Future()
        with self._changed:
            if self._given_up or self._closing:
                future.set_exception(HistoryError(self.problem or "the history is closed"))
            else:
                self._jobs.append((job, future))
                self._changed.notify()
        return future

    def doubt(self, error: Exception) -> None:
        """A reader could not make sense of what it read: the file is looked at, and moved aside if it is broken."""
        with self._changed:
            if self._doubt is None and time.monotonic() - self._doubted_at > DOUBT_SECONDS:
                log.warning("the history could not be read and is looked at: %s", error)
                self._doubt = error
                self._changed.notify()

    def look_at_its_place(self) -> None:
        """Whether the file was removed or replaced while nothing was written; one look, some microseconds."""
        if self._is_checked and not self._is_in_place():
            with self._changed:
                self._has_moved = True
                self._changed.notify()

    def waiting(self, session_id: str) -> bytes | None:
        """The packed session that waits to be written."""
        return self.buffer.packed(session_id)

    @property
    def is_idle(self) -> bool:
        """Whether everything handed over so far was written, or dropped and counted, and nothing is to be tidied."""
        with self._changed:
            return not (self._has_work or self._writing)

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
                while not (self._closing or self._has_work):
                    self._changed.wait()
                closing = self._closing
                batch = self.buffer.take()
                jobs, self._jobs = self._jobs, []
                self._writing, self._has_moved = True, False
            succeeded = self._write(batch)
            for job, future in jobs:
                self._perform(job, future)
            if self._doubt is not None:
                self._look_again(self._doubt)
            if succeeded:
                pause = RETRY_SECONDS
                if not closing:
                    self._tidy_a_little()
            self._writing = False
            if closing:
                break
            if not succeeded:
                with self._changed:
                    self._changed.wait_for(lambda: self._closing or self._jobs, pause)
                pause = min(2 * pause, MAX_RETRY_SECONDS)
        self._let_go()

    @property
    def _has_work(self) -> bool:
        return bool(self.buffer or self._jobs or self._doubt or self._has_moved) or self._has_to_tidy

    @property
    def _has_to_tidy(self) -> bool:
        return self._tidy_at is not None or self._tidying is not None

    def _write(self, batch: Batch) -> bool:
        """One transaction; False if it is to be tried again."""
        rows = [*batch[0].values(), *batch[1]]
        if not self._is_open():
            self.buffer.put_back(batch)
            return False
        if not rows:
            return True
        try:
            refused = self.tables.write(rows)
        except Exception as error:  # noqa: BLE001 - the border of the thread; _undo tells it
            self._undo(error)
            self.buffer.put_back(batch)
            return False
        self.rows_written += len(rows) - refused
        self.rows_refused += refused
        self.problem = None
        return True

    def _perform(self, job: Callable[[Writer], Any], future: Future[Any]) -> None:
        if not future.set_running_or_notify_cancel():
            return  # whoever asked is gone
        try:
            future.set_result(job(self))
        except Exception as error:  # noqa: BLE001 - whoever asked is told
            is_of_sqlite = isinstance(error, Error) or is_corrupt(error)
            if self._tables is not None and is_of_sqlite:
                self._undo(error)
            future.set_exception(HistoryError(in_words(error)) if is_of_sqlite else error)

    def _look_again(self, doubt: Exception) -> None:
        self._doubt, self._doubted_at = None, time.monotonic()
        if self._tables is None:
            return
        try:
            is_whole = check_pages(self.path)
        except Exception as error:  # noqa: BLE001 - the border of the thread; _undo tells it
            self._undo(error)
        else:
            if not is_whole and is_corrupt(doubt):  # in a part that there was no time to look at
                self._undo(doubt)

    def _tidy_a_little(self) -> None:
        """One step of what is to be removed. An error ends it until the next time."""
        tables = self._tables
        if tables is None or not self._has_to_tidy:
            return
        try:
            if self._tidying is None and self._tidy_at is not None:
                self._tidying = self._everything_hourly(tables, self._tidy_at)
                self._tidy_at = None
            removed = next(self._tidying, None) if self._tidying is not None else None
        except Exception as error:  # noqa: BLE001 - the border of the thread; _undo tells it
            self._tidying = self._tidy_at = None
            self._undo(error)
            return
        self.problem = None
        if removed is None:
            self._tidying = None
            return
        self.rows_expired += removed
        tables.forget_sessions()

    def _everything_hourly(self, tables: Tables, now: float) -> Iterator[int]:
        yield from steps(tables.db, tables.names, self._retention, now)

    def _close_database(self) -> None:
        self._tidying = None
        super()._close_database()
