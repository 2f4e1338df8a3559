"""Makes recorded things be gone for good: rows, the words only they used, free pages, the log, files set aside.

Runs on the writer's thread, at once and not in steps: who asks for this waits for it.
"""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from clauditor.store.aside import set_aside
from clauditor.store.batch import LimitSample, SessionRow, StoredFact
from clauditor.store.copying import discard
from clauditor.store.database import empty_log
from clauditor.store.retention import facts_before
from clauditor.store.sqlite import Connection
from clauditor.store.transaction import transaction
from clauditor.store.words import drop_unused
from clauditor.store.writer import Writer

READERS_SECONDS: Final = (
    10.0  # a reader that holds the log: a listing takes milliseconds, an export some seconds
)

_OF_A_SESSION: Final = (
    *("calls", "tool_calls", "signals", "session_signals", "session_state", "spending", "gaps"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Purge:
    """What is to be gone: sessions by id, and those of a project (in whatever case), or of before a moment
    (Unix seconds; by their last activity), or all there is.
    """

    session_ids: frozenset[str] = frozenset()
    project: str | None = None
    before: float | None = None
    everything: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Purged:
    """How many sessions went; whether no reader kept the log from being emptied."""

    sessions: int
    is_whole: bool


def matching(db: Connection, what: Purge) -> list[tuple[int, str]]:
    """Key and id of the sessions that are meant. Raises apsw.Error."""
    if what.everything:
        return db.execute("SELECT key, session_id FROM sessions").fetchall()
    found = {
        (row[0], row[1])
        for session_id in what.session_ids
        for row in db.execute("SELECT key, session_id FROM sessions WHERE session_id = ?", (session_id,))
    }
    for condition, value in (
        ("project = ? COLLATE NOCASE", what.project),
        ("last_activity_at < ?", what.before),
    ):
        if value is not None:
            rows = db.execute(f"SELECT key, session_id FROM sessions WHERE {condition}", (value,))  # noqa: S608 - constants
            found.update((row[0], row[1]) for row in rows)
    return sorted(found)


def purge(writer: Writer, what: Purge) -> Purged:
    """Remove it. Raises HistoryError, apsw.Error or OSError; what was not committed then is still there."""
    tables = writer.tables
    sessions = matching(tables.db, what)
    ids = what.session_ids | {session_id for _, session_id in sessions}
    writer.buffer.forget(lambda row: what.everything or _session_id(row) in ids)
    if what.everything:
        writer.reopen(lambda: _remove(writer.path, ("", "-wal", "-shm")))
        is_whole = True
    else:
        with transaction(tables.db):
            for key, _ in sessions:
                _remove_session(tables.db, key)
            if what.project is not None:
                tables.db.execute("DELETE FROM day_totals WHERE project = ? COLLATE NOCASE", (what.project,))
        if what.before is not None:
            _remove_before(tables.db, what.before)
        tables.forget()
        for _ in drop_unused(tables.db, tables.names, beyond=0):
            pass
        tables.forget()
        tables.db.execute("VACUUM")  # pages that rows left keep traces of them until they are written anew
        is_whole = _empty_log(writer)
    for aside in set_aside(writer.path, with_journals=True):
        aside.unlink()
    discard(writer.path)
    return Purged(sessions=len(sessions), is_whole=is_whole)


def _remove_session(db: Connection, key: int) -> None:
    for table in _OF_A_SESSION:
        db.execute(f"DELETE FROM {table} WHERE session = ?", (key,))  # noqa: S608 - constants
    db.execute("DELETE FROM sessions WHERE key = ?", (key,))


def _remove_before(db: Connection, before: float) -> None:
    for _ in facts_before(db, before):
        pass
    with transaction(db):
        for table in ("spending", "day_totals"):
            db.execute(f"DELETE FROM {table} WHERE day < date(?, 'unixepoch', 'localtime')", (int(before),))  # noqa: S608 - constants


def _empty_log(writer: Writer) -> bool:
    until = time.monotonic() + READERS_SECONDS
    while not empty_log(writer.tables.db):
        if time.monotonic() > until:
            return False
        time.sleep(0.05)
    return True


def _remove(path: Path, parts: tuple[str, ...]) -> None:
    for part in parts:
        with suppress(FileNotFoundError):
            path.with_name(path.name + part).unlink()


def _session_id(row: SessionRow | StoredFact) -> Any:
    return None if isinstance(row, LimitSample) else row.session_id
