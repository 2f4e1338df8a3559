"""Reads sessions, days and gaps that were kept: read-only connections, one a question, meant for a thread.

Sessions come back as snapshots of the API's shape. Every question raises sqlite3.Error for a database that
is broken, locked, missing or not to be opened.
"""

from __future__ import annotations

import logging
import sqlite3
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, Protocol

import msgspec

from clauditor.model import packing
from clauditor.model.models import canonical
from clauditor.model.session import Session
from clauditor.model.snapshot import Snapshot, session_snapshot
from clauditor.store.database import open_for_reading
from clauditor.store.rows import BILLINGS, COUNTED

log = logging.getLogger(__name__)

OPEN_SECONDS: Final = 86_400.0  # a session silent for longer is over, whether or not anybody said so

# What a session row alone cannot tell; null, never 0, when its packed state is unreadable.
_UNKNOWN_WITHOUT_STATE: Final = (
    *("prompts", "turns", "attempts", "failed_attempts", "side_calls", "tokens", "rate", "context", "cache"),
    *("tools", "limits", "agents", "signals", "unobserved", "cost_usd", "cost_complete", "model", "identity"),
)
_SESSION: Final = "SELECT s.*, t.state FROM sessions s LEFT JOIN session_state t ON t.session = s.key"


class Source(Protocol):
    """The database as its writer knows it: nothing is read from one that was not opened and checked."""

    @property
    def path(self) -> Path: ...
    @property
    def is_sound(self) -> bool: ...
    @property
    def problem(self) -> str | None: ...


class History:
    """Questions about the past. Values are as of the last batch (at most 250 ms ago)."""

    def __init__(self, source: Source) -> None:
        self._source = source

    def open_sessions(self, now: float) -> list[Session]:
        """Sessions that had not ended and were active in the last day, oldest first."""
        with reading(self._source) as db:
            rows = db.execute(
                f"{_SESSION} WHERE s.ended_at IS NULL AND s.last_activity_at > ? ORDER BY s.last_activity_at",
                (now - OPEN_SECONDS,),
            )
            sessions = [_unpack(row["state"]) for row in rows]
        return [session for session in sessions if session is not None]

    def kept_session(self, session_id: str) -> Session | None:
        """One session as it was last written."""
        with reading(self._source) as db:
            row = db.execute(f"{_SESSION} WHERE s.session_id = ?", (session_id,)).fetchone()
        return None if row is None else _unpack(row["state"])

    def session(self, session_id: str, now: float) -> Snapshot | None:
        with reading(self._source) as db:
            row = db.execute(f"{_SESSION} WHERE s.session_id = ?", (session_id,)).fetchone()
            return None if row is None else _snapshot(row, now)

    def ids_starting_with(self, prefix: str, limit: int = 2) -> list[str]:
        """Ids of at most `limit` sessions, to tell a unique prefix from an ambiguous one."""
        with reading(self._source) as db:
            rows = db.execute(
                "SELECT session_id FROM sessions WHERE session_id >= ? AND session_id < ? LIMIT ?",
                (prefix, prefix + chr(0x10FFFF), limit),
            ).fetchall()
        return [row["session_id"] for row in rows]

    def sessions(
        self,
        *,
        now: float,
        limit: int,
        since: float | None = None,
        state: str | None = None,
        search: str | None = None,
        without: frozenset[str] = frozenset(),
    ) -> list[Snapshot]:
        """Snapshots of kept sessions, newest activity first; `without` leaves out those that are live.

        `search` is looked for in project, branch, model and at the start of the id, letters' case ignored.
        """
        conditions: list[str] = []
        values: list[Any] = []
        if since is not None:
            conditions.append("s.last_activity_at >= ?")
            values.append(since)
        if state is not None:
            over = "(s.ended_at IS NOT NULL OR s.last_activity_at <= ?)"
            conditions.append(over if state == "ended" else f"NOT {over}")
            values.append(now - OPEN_SECONDS)
        if search:
            pattern = "".join("\\" + letter if letter in "\\%_" else letter for letter in search)
            conditions.append(
                "(s.project LIKE ? ESCAPE '\\' OR s.branch LIKE ? ESCAPE '\\' OR s.model LIKE ? ESCAPE '\\'"
                " OR s.session_id LIKE ? ESCAPE '\\')"
            )
            values += [f"%{pattern}%"] * 3 + [f"{pattern}%"]
        where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
        found: list[Snapshot] = []
        with reading(self._source) as db:
            for row in db.execute(f"{_SESSION}{where} ORDER BY s.last_activity_at DESC", values):
                if row["session_id"] in without:
                    continue
                snapshot = _snapshot(row, now)
                if state is None or snapshot["state"] == state:
                    found.append(snapshot)
                if len(found) >= limit:
                    break
        return found

    def spending(self, first_day: str) -> dict[str, Any]:
        """What was spent from the local day `first_day` (2026-11-22) on: totals, by model and by project."""
        figures = ("calls", "turns", "priced", "incomplete", *COUNTED, "cost_usd")
        sums = ", ".join(f"coalesce(sum(p.{name}), 0) AS {name}" for name in figures)
        tables = (
            "FROM spending p LEFT JOIN sessions s ON s.key = p.session LEFT JOIN names n ON n.key = p.model"
        )
        with reading(self._source) as db:
            db.create_function("canonical", 1, lambda name: name and canonical(name), deterministic=True)
            total, by_model, by_project = (
                db.execute(
                    f"SELECT {group} AS name, {sums}, count(DISTINCT p.session) AS sessions {tables}"
                    f" WHERE p.day >= ? {'GROUP BY 1 ORDER BY cost_usd DESC' if group != 'NULL' else ''}",
                    (first_day,),
                ).fetchall()
                for group in ("NULL", "canonical(n.name)", "s.project")
            )
            return {
                **_spent(total[0]),
                "by_model": [{"model": row["name"], **_spent(row)} for row in by_model],
                "by_project": [{"project": row["name"], **_spent(row)} for row in by_project],
            }

    def gaps(self, *, since: float, limit: int) -> list[dict[str, Any]]:
        """What passed unseen, newest first."""
        with reading(self._source) as db:
            rows = db.execute(
                "SELECT g.at, s.session_id, g.exchange_id, n.name AS reason, g.unseen_bytes FROM gaps g"
                " LEFT JOIN sessions s ON s.key = g.session LEFT JOIN names n ON n.key = g.reason"
                " WHERE g.at >= ? ORDER BY g.at DESC LIMIT ?",
                (since, limit),
            )
            return [dict(row) for row in rows]

    def unobserved(self, since: float) -> dict[str, int]:
        with reading(self._source) as db:
            row = db.execute(
                "SELECT count(*), coalesce(sum(unseen_bytes), 0) FROM gaps WHERE at >= ?", (since,)
            ).fetchone()
        return {"exchanges": row[0], "bytes": row[1]}

    def limits(self) -> dict[str, dict[str, Any]]:
        """The newest reading of each account's windows: {account: {"billing", "windows": {name: {...}}}}."""
        accounts: dict[str, dict[str, Any]] = {}
        with reading(self._source) as db:
            rows = db.execute(
                "SELECT a.name AS account, w.name AS window, l.billing, l.used_ratio, l.resets_at,"
                " st.name AS status, max(l.at_ms) / 1000.0 AS at FROM limits l JOIN names a ON a.key = l.account"
                " JOIN names w ON w.key = l.window LEFT JOIN names st ON st.key = l.status"
                " GROUP BY l.account, l.window"
            )
            for row in rows:
                account = accounts.setdefault(row["account"], {"billing": None, "windows": {}})
                account["billing"] = BILLINGS[row["billing"]]
                account["windows"][row["window"]] = {
                    name: row[name] for name in ("used_ratio", "resets_at", "status", "at")
                }
        return accounts


@contextmanager
def reading(source: Source) -> Iterator[sqlite3.Connection]:
    """A read-only connection whose rows answer by name, closed at the end.

    What SQLite's check cannot see (a flipped bit inside a row) is an error of the database as well.
    """
    if not source.is_sound:
        raise sqlite3.OperationalError(source.problem or "the history is not open")
    db = open_for_reading(source.path)
    try:
        db.row_factory = sqlite3.Row
        yield db
    except (ValueError, LookupError, TypeError, msgspec.MsgspecError) as error:
        log.exception("a row of the history makes no sense")
        raise sqlite3.DatabaseError("the history holds a row that makes no sense") from error
    finally:
        db.close()


def unpack(packed: bytes) -> Session | None:
    """A session from its packed form; None for one that this version cannot read."""
    try:
        return packing.unpack(packed)
    except msgspec.DecodeError:
        return None


def _unpack(state: bytes | None) -> Session | None:
    if state is None:
        return None
    try:
        return unpack(zlib.decompress(state))
    except zlib.error:
        return None


def _snapshot(row: sqlite3.Row, now: float) -> Snapshot:
    session = _unpack(row["state"])
    is_whole = session is not None
    if session is None:
        session = Session(
            session_id=row["session_id"],
            started_at=row["started_at"],
            last_activity_at=row["last_activity_at"],
            ended_at=row["ended_at"],
            project=row["project"],
            branch=row["branch"],
        )
    if session.ended_at is None and now - session.last_activity_at >= OPEN_SECONDS:
        session.ended_at = session.last_activity_at + OPEN_SECONDS
    snapshot = session_snapshot(session, now)
    if not is_whole:
        snapshot.update(dict.fromkeys(_UNKNOWN_WITHOUT_STATE))
    return snapshot


def _spent(row: sqlite3.Row) -> dict[str, Any]:
    return {
        "sessions": row["sessions"],
        "calls": row["calls"],
        "turns": row["turns"],
        "tokens": {name: row[name] for name in COUNTED},
        "cost_usd": row["cost_usd"] if row["priced"] else None,
        "cost_complete": row["incomplete"] == 0,
    }
