"""The file that the writer holds: opened and checked, moved aside where it is broken, and let go at the end."""

from __future__ import annotations

import logging
import os
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from clauditor.store.database import Held, Unusable, is_corrupt, lock, open_for_writing, quarantine
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
        self.is_sound = False  # opened and checked, and not found broken since
        self.errors = 0
        self.quarantined = 0
        self._given_up = False
        self._tables: Tables | None = None
        self._lock: int | None = None

    @property
    def tables(self) -> Tables:
        """The open database, for a job. Raises sqlite3.OperationalError where it is not open."""
        if self._tables is None:
            raise sqlite3.OperationalError(self.problem or "the history is not open")
        return self._tables

    def reopen(self, between: Callable[[], T]) -> T:
        """Close the file, do something to it, and open what is there then (for a job). Raises as `tables`."""
        if self._lock is None:  # another program writes it
            raise sqlite3.OperationalError(self.problem or "the history is not open")
        self._close_database()
        try:
            return between()
        finally:
            self._try_open()

    def _is_open(self) -> bool:
        return self._tables is not None or self._try_open()

    def _try_open(self) -> bool:
        try:
            if self._lock is None:
                self._lock = lock(self.path)
            try:
                db = open_for_writing(self.path)
            except Exception as error:
                if not is_corrupt(error):
                    raise
                self._move_aside()
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

    def _move_aside(self) -> None:
        aside = quarantine(self.path)
        self.quarantined += 1
        self.notice = f"The history was broken and a new one was begun; what was is in {aside}, clauditor restore may read it."

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
                self._move_aside()
            except OSError:
                log.exception("a broken history could not be moved aside")
            self._try_open()
        elif isinstance(error, sqlite3.OperationalError) and not self.path.exists():
            self._close_database()  # somebody removed the file under us

    def _say(self, problem: str) -> None:
        if problem != self.problem:
            log.warning("%s", problem)
        self.problem = problem

    def _close_database(self) -> None:
        if self._tables is not None:
            try:
                self._tables.db.close()
            except sqlite3.Error:
                log.exception("the history could not be closed")
        self._tables = None

    def _let_go(self) -> None:
        self._close_database()
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None
