"""Signals on disk: every time one held, and which ones a session ever had.

A row is found again by session, name, severity and the moment it was raised. Where the clock was set in
between, that moment moved with the session: then the one that still holds is the one that is meant.
"""

from __future__ import annotations

from typing import Any, Final

from clauditor.model.events import Severity, SignalCleared, SignalRaised
from clauditor.store.history import OPEN_SECONDS, Source, reading
from clauditor.store.rows import EVIDENCES, SEVERITIES, Names, milliseconds, text
from clauditor.store.sqlite import Connection, Row

_SELECT: Final = (
    "SELECT f.raised_ms, f.cleared_ms, f.severity, f.evidence, f.summary, n.name, a.name AS agent, s.session_id,"
    " s.ended_at, s.last_activity_at FROM found f JOIN names n ON n.key = f.name"
    " LEFT JOIN names a ON a.key = f.agent JOIN sessions s ON s.key = f.session ORDER BY f.raised_ms DESC"
)


def write_raised(db: Connection, names: Names, session: int, event: SignalRaised) -> None:
    """A signal holds from now on; told again it changes nothing."""
    name, severity = names.key(event.name), SEVERITIES.index(event.severity)
    db.execute(
        "INSERT INTO signals (session, name, raised_ms, severity, agent, evidence, summary)"
        " VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
        (
            *(session, name, milliseconds(event.at), severity),
            *(names.key(event.agent_id), EVIDENCES.index(event.evidence), text(event.summary)),
        ),
    )
    db.execute(
        "INSERT INTO session_signals (session, name, severity) VALUES (?, ?, ?)"
        " ON CONFLICT DO UPDATE SET severity = max(severity, excluded.severity)",
        (session, name, severity),
    )
    db.execute("UPDATE sessions SET verdict = ? WHERE key = ? AND verdict < ?", (severity, session, severity))


def write_cleared(db: Connection, names: Names, session: int, event: SignalCleared) -> None:
    """A signal no longer holds; told again, or of one that was never written, it changes nothing."""
    name, severity = names.key(event.name), SEVERITIES.index(event.severity)
    held = milliseconds(max(0.0, event.at - event.raised_at))
    which = "WHERE session = ? AND name = ? AND severity = ?"
    db.execute(
        f"UPDATE signals SET cleared_ms = coalesce(cleared_ms, ?) {which} AND raised_ms = ?",  # noqa: S608 - a constant
        (held, session, name, severity, milliseconds(event.raised_at)),
    )
    if not db.changes():
        db.execute(
            f"UPDATE signals SET cleared_ms = ? {which} AND cleared_ms IS NULL",  # noqa: S608 - a constant
            (held, session, name, severity),
        )


class Signals:
    """Questions about signals. Raises HistoryError like `History`."""

    def __init__(self, source: Source) -> None:
        self._source = source

    def signals(
        self,
        *,
        now: float,
        limit: int,
        since: float = 0.0,
        session_id: str | None = None,
        name: str | None = None,
        severity: Severity | None = None,
    ) -> list[dict[str, Any]]:
        """Signals raised from `since` on, newest first. `cleared_at` is None while one holds.

        What a session left raised when it was over (nobody watched) ended with the session.
        """
        conditions = ["raised_ms >= ?"]
        values: list[Any] = [milliseconds(since)]
        for condition, value in (
            ("session = (SELECT key FROM sessions WHERE session_id = ?)", session_id),
            ("name = (SELECT key FROM names WHERE name = ?)", name),
            ("severity = ?", None if severity is None else SEVERITIES.index(severity)),
        ):
            if value is not None:
                conditions.append(condition)
                values.append(value)
        with reading(self._source) as db:
            rows = db.execute(f"WITH {_found(conditions)} {_SELECT}", (*values, limit))
            return [_signal(row, now) for row in rows]

    def had_since(self, since: float) -> dict[str, dict[str, int]]:
        """By session active since then: the signals it ever had, each with the worst severity's place."""
        had: dict[str, dict[str, int]] = {}
        with reading(self._source) as db:
            for session_id, name, severity in db.execute(
                "SELECT s.session_id, n.name, h.severity FROM sessions s JOIN session_signals h ON h.session = s.key"
                " JOIN names n ON n.key = h.name WHERE s.last_activity_at >= ?",
                (since,),
            ):
                had.setdefault(session_id, {})[name] = severity
        return had


def _found(conditions: list[str]) -> str:
    """The newest signals for which the conditions hold: chosen by their keys, then looked up."""
    key = "session, name, raised_ms, severity"
    return (
        f"found AS (SELECT * FROM signals WHERE ({key}) IN (SELECT {key} FROM signals"  # noqa: S608 - constants
        f" WHERE {' AND '.join(conditions)} ORDER BY raised_ms DESC LIMIT ?))"
    )


def _signal(row: Row, now: float) -> dict[str, Any]:
    raised_at = row["raised_ms"] / 1000
    return {
        "session_id": row["session_id"],
        "agent_id": row["agent"],
        "name": row["name"],
        "severity": SEVERITIES[row["severity"]],
        "evidence": EVIDENCES[row["evidence"]],
        "summary": row["summary"],
        "raised_at": raised_at,
        "cleared_at": _cleared_at(row, raised_at, now),
    }


def _cleared_at(row: Row, raised_at: float, now: float) -> float | None:
    if row["cleared_ms"] is not None:
        return float(raised_at + row["cleared_ms"] / 1000)
    over_at = row["ended_at"]
    if over_at is None and now - row["last_activity_at"] >= OPEN_SECONDS:
        over_at = row["last_activity_at"] + OPEN_SECONDS
    return None if over_at is None else max(raised_at, float(over_at))
