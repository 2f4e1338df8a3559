"""Reads sessions, gaps and limits that were kept: read-only connections, one a question, meant for a thread.

Sessions come back as snapshots of the API's shape. Every question raises HistoryError for a database that
is broken, locked, missing or not to be opened.
"""

from __future__ import annotations

import logging
import zlib
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Final, Literal, Protocol

import apsw
import msgspec

from clauditor.errors import HistoryError
from clauditor.model import packing
from clauditor.model.events import LimitWindow
from clauditor.model.session import Session
from clauditor.model.snapshot import Snapshot, session_snapshot
from clauditor.model.verdict import Level
from clauditor.store.database import Corrupt, is_corrupt, open_for_reading
from clauditor.store.older import in_new_words
from clauditor.store.rows import BILLINGS, LEVELS, milliseconds
from clauditor.store.sqlite import Connection, Row, in_words
from clauditor.store.state import inflate

log = logging.getLogger(__name__)

OPEN_SECONDS: Final = 86_400.0  # a session silent for longer is over, whether or not anybody said so

# What a session row alone cannot tell; null, never 0, when its packed state is unreadable.
_UNKNOWN_WITHOUT_STATE: Final = (
    *("prompts", "turns", "attempts", "failed_attempts", "side_calls", "tokens", "rate", "context", "cache"),
    *("tools", "limits", "agents", "signals", "unobserved", "cost_usd", "cost_complete", "model", "identity"),
    "verdict",
)
SortName = Literal["activity", "cost", "context", "started"]
_ORDER: Final[dict[SortName, str]] = {
    "activity": "last_activity_at",
    "cost": "cost_usd",
    "context": "context_ratio",
    "started": "started_at",
}
_ESCAPE: Final = "ESCAPE '\\'"
_SESSION: Final = "SELECT s.*, t.state FROM sessions s LEFT JOIN session_state t ON t.session = s.key"


class Source(Protocol):
    """The database as its writer knows it: nothing is read from one that was not opened and checked."""

    @property
    def path(self) -> Path: ...
    @property
    def is_sound(self) -> bool: ...
    @property
    def problem(self) -> str | None: ...
    def doubt(self, error: Exception) -> None: ...


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
        project: str | None = None,
        model: str | None = None,
        verdict: Level | None = None,
        signal: str | None = None,
        sort: SortName = "activity",
        without: frozenset[str] = frozenset(),
    ) -> list[Snapshot]:
        """Snapshots of kept sessions, those with most of `sort` first; `without` leaves out those that are live.

        `search` is looked for in label, project, branch and model and at the start of the id, `model` in the
        model's id; `project` is a whole name; of none of them the letters' case counts. `verdict` is the worst
        that ever was, `signal` one that ever held.
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
            places = ("label", "project", "branch", "model", "session_id")
            conditions.append(f"({' OR '.join(f's.{place} LIKE ? {_ESCAPE}' for place in places)})")
            values += [f"%{_literal(search)}%"] * (len(places) - 1) + [f"{_literal(search)}%"]
        if project is not None:
            conditions.append("s.project = ? COLLATE NOCASE")
            values.append(project)
        if model is not None:
            conditions.append(f"s.model LIKE ? {_ESCAPE}")
            values.append(f"%{_literal(model)}%")
        if verdict is not None:
            conditions.append("s.verdict = ?")
            values.append(LEVELS.index(verdict))
        if signal is not None:
            conditions.append(
                "s.key IN (SELECT session FROM session_signals WHERE name IN"
                " (SELECT key FROM names WHERE name = ?))"
            )
            values.append(signal)
        where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
        order = f"s.{_ORDER[sort]} DESC, s.key DESC"
        found: list[Snapshot] = []
        with reading(self._source) as db:
            # States are large: they are read one by one, for what is shown.
            keys = db.execute(f"SELECT s.key, s.session_id FROM sessions s{where} ORDER BY {order}", values)  # noqa: S608 - constants
            for key, session_id in keys:
                if session_id in without:
                    continue
                snapshot = _snapshot(db.execute(f"{_SESSION} WHERE s.key = ?", (key,)).fetchone(), now)
                if state is None or snapshot["state"] == state:
                    found.append(snapshot)
                if len(found) >= limit:
                    break
        return found

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

    def limit_samples(self, since: float) -> list[tuple[str, str, float, LimitWindow]]:
        """Readings of rate-limit windows from `since` on, oldest first: (account, billing, at, window)."""
        with reading(self._source) as db:
            rows = db.execute(
                "SELECT a.name AS account, w.name AS window, l.billing, l.used_ratio, l.resets_at,"
                " st.name AS status, l.at_ms FROM limits l JOIN names a ON a.key = l.account"
                " JOIN names w ON w.key = l.window LEFT JOIN names st ON st.key = l.status"
                " WHERE l.at_ms >= ? ORDER BY l.at_ms, a.name, w.name",
                (milliseconds(since),),
            )
            return [
                (
                    row["account"],
                    BILLINGS[row["billing"]],
                    row["at_ms"] / 1000,
                    LimitWindow(
                        name=row["window"],
                        used_ratio=row["used_ratio"],
                        resets_at=row["resets_at"],
                        status=row["status"],
                    ),
                )
                for row in rows
            ]


@contextmanager
def reading(source: Source) -> Iterator[Connection]:
    """A read-only connection, closed at the end. Raises HistoryError, also for a row that makes no sense."""
    if not source.is_sound:
        raise HistoryError(source.problem or "the history is not open")
    try:
        with closing(open_for_reading(source.path)) as db:
            yield db
    except (apsw.Error, Corrupt) as error:
        if is_corrupt(error):
            source.doubt(error)
        raise HistoryError(in_words(error)) from error
    except (ValueError, LookupError, TypeError, msgspec.MsgspecError) as error:
        log.exception("a row of the history makes no sense")
        source.doubt(error)
        raise HistoryError("the history holds a row that makes no sense") from error


def _literal(words: str) -> str:
    """Words as they stand in a pattern of LIKE."""
    return "".join("\\" + letter if letter in "\\%_" else letter for letter in words)


def unpack(packed: bytes) -> Session | None:
    """A session from its packed form; None for one that this version cannot read."""
    try:
        return packing.unpack(in_new_words(packed))
    except (msgspec.DecodeError, LookupError, TypeError, AttributeError):
        return None


def _unpack(state: bytes | None) -> Session | None:
    if state is None:
        return None
    try:
        return unpack(inflate(state))
    except zlib.error:
        return None


def _snapshot(row: Row, now: float) -> Snapshot:
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
            label=row["label"],
        )
    if session.ended_at is None and now - session.last_activity_at >= OPEN_SECONDS:
        session.ended_at = session.last_activity_at + OPEN_SECONDS
        session.signals.clear()  # nobody was there to clear them
    snapshot = session_snapshot(session, now, label=session.label)
    if not is_whole:
        snapshot.update(dict.fromkeys(_UNKNOWN_WITHOUT_STATE))
    return snapshot
