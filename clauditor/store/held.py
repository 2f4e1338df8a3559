"""The file that the writer holds: opened and checked, moved aside where it is broken, and let go at the end."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from clauditor.errors import HistoryError
from clauditor.store.aside import PARTS, quarantine
from clauditor.store.database import Held, Unusable, is_corrupt, lock, open_for_writing
from clauditor.store.sqlite import Error, ReadOnlyError, in_words
from clauditor.store.tables import Tables

log = logging.getLogger(__name__)

T = TypeVar("T")


class HeldFile:
    """One database and what is known of it. Only the writer's thread changes it; what it says is for any."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.problem: str | None = None
        self.notice: str | None = None
        """What happened to the history since the start that a person should know, as a sentence."""
        self.errors = 0
        self.quarantined = 0
        self._given_up = False
        self._is_checked = False
        self._files: dict[Path, tuple[int, int] | None] = {}  # device and inode of what is open
        self._tables: Tables | None = None
        self._lock: int | None = None

    @property
    def is_sound(self) -> bool:
        """Whether the file was opened and checked, was not found broken since, and is still the one in its place."""
        return self._is_checked and self._is_in_place()

    @property
    def tables(self) -> Tables:
        """The open database, for a job. Raises HistoryError where it is not open."""
        if self._tables is None:
            raise HistoryError(self.problem or "the history is not open")
        return self._tables

    def may_hold(self, session_id: str) -> bool:
        """Whether a session may be in the file: a look into memory, where one into the file waits for the disk."""
        tables = self._tables
        return self.is_sound and (tables is None or tables.may_hold(session_id))

    def reopen(self, between: Callable[[], T]) -> T:
        """Close the file, do something to it, and open what is there then (for a job). Raises as `tables`."""
        if self._lock is None:  # another program writes it
            raise HistoryError(self.problem or "the history is not open")
        self._close_database()
        try:
            return between()
        finally:
            self._try_open()

    def _is_open(self) -> bool:
        if self._tables is not None and not self._is_in_place():
            self.notice = f"{self.path} was removed or replaced while it was in use; what lies there now is gone on with."
            log.warning("%s", self.notice)
            self._close_database()
            # SQLite leaves its log, and would take it for the new file's.
            for journal, ours in self._files.items():
                with suppress(OSError):
                    if ours is not None and ours == _identity(journal):
                        journal.unlink()
        return self._tables is not None or self._try_open()

    def _is_in_place(self) -> bool:
        ours = self._files.get(self.path)
        try:
            return ours is not None and ours == _identity(self.path)
        except OSError:
            return True  # as far as anybody can tell

    def _try_open(self) -> bool:
        try:
            if self._lock is None:
                self._lock = lock(self.path)
            try:
                tables = _open(self.path)
            except Exception as error:
                if not is_corrupt(error):
                    raise
                self._move_aside()
                tables = _open(self.path)
            named = (self.path.with_name(self.path.name + part) for part in PARTS)
            self._files = {file: _identity(file) for file in named}
        except Unusable as error:
            self._given_up = True
            self._say(str(error))
            return False
        except Held as error:
            self._say(str(error))
            return False
        except (Error, OSError) as error:
            self.errors += 1
            self._say(f"The history in {self.path} cannot be opened ({in_words(error)}); it is tried again.")
            return False
        self._tables = tables
        self.problem = None
        self._is_checked = True
        return True

    def _move_aside(self) -> None:
        aside = quarantine(self.path)
        self.quarantined += 1
        self.notice = (
            f"The history was broken and a new one was begun; clauditor restore {aside} may take it back."
        )

    def _undo(self, error: Exception) -> None:
        """A batch failed: leave no half of it, and let go of a file that is broken."""
        self.errors += 1
        self._say(f"The history in {self.path} cannot be written ({in_words(error)}); it is tried again.")
        if self._tables is not None:
            self._tables.forget()
        if is_corrupt(error):
            self._is_checked = False
            self._close_database()
            try:
                self._move_aside()
            except OSError:
                log.exception("a broken history could not be moved aside")
            self._try_open()
        elif isinstance(error, ReadOnlyError):
            self._close_database()  # a connection that found the disk read-only stays so

    def _say(self, problem: str) -> None:
        if problem != self.problem:
            log.warning("%s", problem)
        self.problem = problem

    def _close_database(self) -> None:
        if self._tables is not None:
            try:
                self._tables.db.close()
            except Error:
                log.exception("the history could not be closed")
        self._tables = None

    def _let_go(self) -> None:
        self._close_database()
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


def _open(path: Path) -> Tables:
    db = open_for_writing(path)
    try:
        return Tables(db)
    except BaseException:
        db.close()
        raise


def _identity(path: Path) -> tuple[int, int] | None:
    """Device and inode of a file, None where there is none. Raises OSError."""
    try:
        found = path.stat(follow_symlinks=False)
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino
