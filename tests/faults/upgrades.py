"""Histories of every schema there was, and what becomes of one whose upgrade is killed at any of its statements."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import apsw

from clauditor.store import database, sqlite
from clauditor.store.database import APPLICATION_ID, SCHEMA_VERSION
from clauditor.store.sqlite import _name_columns
from support.sql import ask

FILLED: Final = [(1000, 4000, 1, 1000)]
ASK_FILLED: Final = "SELECT count(*), sum(length(name)), min(key), max(key) FROM names"
PARTS: Final = ("", "-wal", "-shm", "-journal")


def of_schema(path: Path, version: int) -> Any:
    """A database as the program of that schema left it, open: the first four knew no checksums."""
    if version >= database.FIRST_WITH_CHECKSUMS:
        return database.open_for_writing(path)
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("PRAGMA auto_vacuum = INCREMENTAL")
    db.execute("PRAGMA journal_mode = WAL")
    for number in range(version):
        db.executescript(f"BEGIN; {database._script(number)} COMMIT;")
    db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    db.execute(f"PRAGMA user_version = {version}")
    return db


def fill(db: Any) -> None:
    """Some pages of words, as FILLED tells them."""
    db.execute("BEGIN")
    db.executemany("INSERT INTO names (name) VALUES (?)", [(f"{number:04}",) for number in range(1000)])
    db.execute("COMMIT")


def kill_at_each_statement(version: int) -> tuple[int, list[str]]:
    """A process opens a file of that schema (0: none) and dies of SIGKILL before its first statement, its second, and
    so on to the last. How many died, and what was not as it should be.
    """
    memory = Path("/dev/shm")  # a SIGKILL takes nothing from a disk either
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as given:
        path, fresh = Path(given) / "clauditor.db", Path(given) / "fresh.db"
        if version:
            with closing(of_schema(fresh, version)) as db:
                fill(db)
        left: set[int] = set()
        complaints: list[str] = []
        for number in range(1000):
            for part in PARTS:
                path.with_name(path.name + part).unlink(missing_ok=True)
            if version:
                shutil.copy(fresh, path)
            has_died = _dies_at(number, path)
            left.add(_how_it_was_left(path, complaints))
            if not has_died:
                break
            with closing(database.open_for_writing(path)) as db:
                if (db.pragma("integrity_check"), db.pragma("user_version")) != ("ok", SCHEMA_VERSION):
                    complaints.append(f"schema {version}, killed at statement {number}: not taken up")
            if version and ask(path, ASK_FILLED) != FILLED:
                complaints.append(f"schema {version}, killed at statement {number}: rows are missing")
        if left != set(range(version, SCHEMA_VERSION + 1)):
            complaints.append(f"schema {version}: left as {sorted(left)}")
        return number, complaints


def _dies_at(number: int, path: Path) -> bool:
    """In a process of its own: whether it died before the statement of this number, or came to open the file."""
    pid = os.fork()
    if not pid:
        with contextlib.suppress(BaseException):
            _die_at(number)
            database.open_for_writing(path)
            os._exit(0)
        os._exit(1)
    _, status = os.waitpid(pid, 0)
    assert status in {0, signal.SIGKILL}
    return status != 0


def _die_at(number: int) -> None:
    left = iter(range(number))

    def traced(cursor: apsw.Cursor, _statement: str, _bindings: apsw.Bindings | None) -> bool:
        if next(left, None) is None:
            os.kill(os.getpid(), signal.SIGKILL)
        return _name_columns(cursor, _statement, _bindings)

    sqlite._name_columns = traced


def _how_it_was_left(path: Path, complaints: list[str]) -> int:
    """The schema that a copy of it shows; it must be whole."""
    with tempfile.TemporaryDirectory() as place:
        copy = Path(place) / path.name
        for part in ("", "-wal", "-journal"):
            with contextlib.suppress(FileNotFoundError):
                shutil.copy(path.with_name(path.name + part), copy.with_name(copy.name + part))
        if not copy.exists():
            return 0
        with closing(sqlite.connect(copy)) as db, closing(sqlite.in_memory()) as model:
            found = int(db.pragma("user_version"))
            for number in range(found):
                model.execute(database._script(number))
            if database._structure(db) != database._structure(model):
                complaints.append(f"half of a schema, which says that it is {found}")
    return found
