"""When the log goes into the file, and what is looked at then: sums are kept, and held against the file.

SQLite would checkpoint by itself; it does not here, because the sums must follow (`sums`).
"""

from __future__ import annotations

import contextlib
import logging
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from clauditor.store.sums import PageSums, break_seal, pages_in_log
from clauditor.store.transaction import transaction

log = logging.getLogger(__name__)

LOG_PAGES: Final = 1000  # about 4 MB: as many as SQLite would let come together
START_SECONDS: Final = 3.0  # of checking at the start; what was not looked at then is within the hour


class Corrupt(Exception):  # noqa: N818 - a state of the file, not a program's error
    """The file is not, or no longer, a sound Clauditor database."""


class Checkpoints:
    """The checkpoints of one open connection, the only one that writes. Everything raises sqlite3.Error or OSError."""

    def __init__(self, db: sqlite3.Connection, path: Path) -> None:
        self._db = db
        self._path = path
        self._sums = PageSums(path)
        self._page_bytes = int(db.execute("PRAGMA page_size").fetchone()[0])
        self._is_current = False  # the sums are those of the file, and the log holds nothing that it does not
        self._must_break = True
        self._unsettled: set[int] = set()  # pages that a checkpoint wrote after their sums

    def check(self) -> bool:
        """Hold the file against its sums, START_SECONDS at most; False where there are none. Raises Corrupt.

        Comes before anything else is done with the connection.
        """
        known = self._sums.take_up()
        frames, _ = self._copy()
        self._unsettled.update(pages_in_log(self._path, frames, self._page_bytes))
        self._is_current = known and not frames
        until = time.monotonic() + START_SECONDS
        for wrong in self._sums.differing(self._unsettled):
            _refuse(wrong)
            if time.monotonic() > until:
                log.warning(
                    "%s is too large to be checked whole at the start; it is within the hour", self._path
                )
                break
        return known

    def look(self) -> Iterator[int]:
        """The same in steps, while writing goes on between them. Raises Corrupt."""
        self.run()
        for wrong in self._sums.differing(self._unsettled):
            _refuse(wrong)
            yield 0

    def unseal(self) -> None:
        """Comes before whatever writes: the sums are from now on those of the file without its log."""
        if self._must_break:
            with transaction(self._db):
                break_seal(self._db)
            self._must_break = self._is_current = False

    def run_if_due(self) -> None:
        """Checkpoint a log that became long."""
        with contextlib.suppress(FileNotFoundError):
            if self._path.with_name(self._path.name + "-wal").stat().st_size >= LOG_PAGES * self._page_bytes:
                self.run()

    def run(self) -> bool:
        """Copy the log into the file, keep the sums and empty the log; False where a reader put that off."""
        if not self._is_current:
            frames, copied = self._copy()
            self._unsettled.update(pages_in_log(self._path, frames, self._page_bytes))
            if copied != frames:
                return False
            sealed = self._db.execute("SELECT rootpage FROM sqlite_master WHERE name = 'seal'").fetchone()[0]
            self._sums.write(sealed, self._page_bytes, self._unsettled)
            self._unsettled.clear()
            self._is_current = self._must_break = True
        wait = self._db.execute("PRAGMA busy_timeout").fetchone()[0]
        self._db.execute("PRAGMA busy_timeout = 0")
        try:
            return not self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
        finally:
            self._db.execute(f"PRAGMA busy_timeout = {wait}")

    def _copy(self) -> tuple[int, int]:
        _, frames, copied = self._db.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
        return max(0, frames), max(0, copied)


def _refuse(wrong: int | None) -> None:
    if wrong is not None:
        raise Corrupt(f"page {wrong} is not as it was written")
