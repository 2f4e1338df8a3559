"""What goes when: by age, and oldest first when the file grows too large. docs/history.md tells it to users.

The work comes in steps, each one small transaction, so that what happens now is written in between. Sums by day
stay for ever: what a session spent moves into `day_totals` before the session goes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from clauditor.store.believing import DAY_SECONDS, Belief
from clauditor.store.history import OPEN_SECONDS
from clauditor.store.rows import Names
from clauditor.store.spending import roll_up
from clauditor.store.sqlite import Connection
from clauditor.store.transaction import transaction
from clauditor.store.words import drop_unused

STEP_ROWS: Final = 500  # 2 to 5 ms
STEP_PAGES: Final = (
    64  # given back at once: about 1 ms; what takes longer now and then is a full log that is emptied
)
CAP_SLICES: Final = 64  # the time that is kept, cut into so many: each holds about 2 % of the file
CAP_GOAL_RATIO: Final = 0.9  # not to be back in an hour

_CALL_KEY: Final = "session, exchange_us, exchange_connection"
_TOOL_KEY: Final = "session, tool_use_id"
_SIGNAL_KEY: Final = "session, name, raised_ms, severity"


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """How long things are kept.

    `calls_days`: calls, tool calls, signals, limit readings and gaps; `sessions_days`: sessions since their last
    activity, never shorter than their calls; `max_bytes`: of the database file. Sums by day are kept for ever.
    """

    calls_days: int = 90
    sessions_days: int = 400
    max_bytes: int = 512 << 20


def steps(db: Connection, names: Names, retention: Retention, now: float) -> Iterator[int]:
    """Remove what is past its time at `now` (Unix seconds), as far as that is believed (`believing`).

    Yields the rows removed after each transaction. Raises apsw.Error.
    """
    believed_at = _look_at_the_clock(db, now)
    yield 0
    sessions_days = max(retention.sessions_days, retention.calls_days)
    yield from facts_before(db, believed_at - retention.calls_days * DAY_SECONDS)
    yield from _sessions_before(db, believed_at - sessions_days * DAY_SECONDS)
    if _used_bytes(db) > retention.max_bytes:
        yield from _shrink(db, CAP_GOAL_RATIO * retention.max_bytes, now)
    yield from drop_unused(db, names)
    yield from _give_back(db)


def _look_at_the_clock(db: Connection, now: float) -> float:
    """Until when the clock is believed; a file that never looked at one begins with its newest session."""
    with transaction(db):
        kept = db.execute("SELECT believed_at, leapt_at, seen_at FROM clock").fetchone()
        if kept is None:
            newest = db.execute("SELECT max(last_activity_at) FROM sessions").fetchone()[0]
            kept = (now if newest is None else min(now, newest), None, None)
        belief = Belief(believed_at=kept[0], leapt_at=kept[1], seen_at=kept[2]).looked(now)
        db.execute(
            "REPLACE INTO clock (key, believed_at, leapt_at, seen_at) VALUES (1, ?, ?, ?)",
            (belief.believed_at, belief.leapt_at, belief.seen_at),
        )
    return min(belief.believed_at, now)  # what is recorded while the clock is not set is not old


def _shrink(db: Connection, goal_bytes: float, now: float) -> Iterator[int]:
    """Remove the oldest until what is left fits: first facts, then whole sessions that are over."""
    for before in _slices(_oldest_fact(db), now):
        if _used_bytes(db) <= goal_bytes:
            return
        yield from facts_before(db, before)
    for before in _slices(_oldest_session(db), now - OPEN_SECONDS):
        if _used_bytes(db) <= goal_bytes:
            return
        yield from _sessions_before(db, before)


def facts_before(db: Connection, at: float) -> Iterator[int]:
    at_ms = int(at * 1000)
    yield from _calls_before(db, at)
    yield from _delete(db, "signals", _SIGNAL_KEY, "raised_ms < ?", at_ms)
    yield from _delete(db, "limits", "account, window, at_ms", "at_ms < ?", at_ms)
    yield from _delete(db, "gaps", "key", "at < ?", at)


def _calls_before(db: Connection, at: float) -> Iterator[int]:
    """Calls have no index by time, which would cost more than it serves: sessions that began before have them."""
    started_at, key = float("-inf"), 0
    while True:
        session = db.execute(
            "SELECT started_at, key FROM sessions WHERE has_calls AND started_at < ?"
            " AND (started_at, key) > (?, ?) ORDER BY started_at, key LIMIT 1",
            (at, started_at, key),
        ).fetchone()
        if session is None:
            return
        started_at, key = session
        older = "session = ? AND exchange_us < ? AND started_ms < ?"
        yield from _delete(db, "calls", _CALL_KEY, older, key, int(at * 1e6), int(at * 1000))
        yield from _delete(db, "tool_calls", _TOOL_KEY, "session = ? AND called_ms < ?", key, int(at * 1000))
        with transaction(db):
            db.execute(
                "UPDATE sessions SET has_calls = 0 WHERE key = ?"
                " AND NOT EXISTS (SELECT 1 FROM calls WHERE session = sessions.key)"
                " AND NOT EXISTS (SELECT 1 FROM tool_calls WHERE session = sessions.key)",
                (key,),
            )


def _sessions_before(db: Connection, at: float) -> Iterator[int]:
    oldest = "SELECT key FROM sessions WHERE last_activity_at < ? ORDER BY last_activity_at LIMIT 1"
    while (row := db.execute(oldest, (at,)).fetchone()) is not None:
        key = row[0]
        yield from _delete(db, "calls", _CALL_KEY, "session = ?", key)
        yield from _delete(db, "tool_calls", _TOOL_KEY, "session = ?", key)
        yield from _delete(db, "signals", _SIGNAL_KEY, "session = ?", key)
        with transaction(db):
            roll_up(db, key)
            db.execute("DELETE FROM session_signals WHERE session = ?", (key,))
            db.execute("DELETE FROM session_state WHERE session = ?", (key,))
            db.execute("DELETE FROM sessions WHERE key = ?", (key,))
        yield 1


def _delete(db: Connection, table: str, key: str, condition: str, *values: Any) -> Iterator[int]:
    statement = (
        f"DELETE FROM {table} WHERE ({key}) IN"  # noqa: S608 - constants of this module
        f" (SELECT {key} FROM {table} WHERE {condition} LIMIT {STEP_ROWS})"
    )
    removed = STEP_ROWS
    while removed == STEP_ROWS:
        with transaction(db):
            db.execute(statement, values)
            removed = db.changes()
        yield removed


def _give_back(db: Connection) -> Iterator[int]:
    """Free pages go to the file's end; the next checkpoint returns them to the file system."""
    for _ in range(_pragma(db, "freelist_count") // STEP_PAGES + 1):
        for _ in db.execute(f"PRAGMA incremental_vacuum({STEP_PAGES})"):  # a row a page
            pass
        yield 0


def _slices(oldest: float | None, end: float) -> Iterator[float]:
    if oldest is not None:
        span = max(0.0, end - oldest)
        yield from (oldest + span * number / CAP_SLICES for number in range(1, CAP_SLICES + 1))


def _oldest_fact(db: Connection) -> float | None:
    oldest: float | None = db.execute(
        "SELECT min(at) FROM (SELECT min(started_at) AS at FROM sessions WHERE has_calls"
        " UNION ALL SELECT min(raised_ms) / 1000.0 FROM signals UNION ALL SELECT min(at) FROM gaps"
        " UNION ALL SELECT min(at_ms) / 1000.0 FROM limits)"
    ).fetchone()[0]
    return oldest


def _oldest_session(db: Connection) -> float | None:
    oldest: float | None = db.execute("SELECT min(last_activity_at) FROM sessions").fetchone()[0]
    return oldest


def _used_bytes(db: Connection) -> int:
    return (_pragma(db, "page_count") - _pragma(db, "freelist_count")) * _pragma(db, "page_size")


def _pragma(db: Connection, name: str) -> int:
    return int(db.execute(f"PRAGMA {name}").fetchone()[0])
