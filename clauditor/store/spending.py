"""What was spent, by local day: of sessions that are kept (`spending`) and of those that are gone (`day_totals`)."""

from __future__ import annotations

from typing import Any, Final, Literal

from clauditor.model.models import canonical
from clauditor.store.history import Source, reading
from clauditor.store.rows import COUNTED, FIGURES
from clauditor.store.sqlite import Connection, Row

SpentBy = Literal["day", "project", "branch", "model"]

_OWN: Final = ", ".join(f"p.{name}" for name in FIGURES)

# What the two tables have in common. An account that pays by use gets a bill; all else is list price.
_ALL: Final = (
    f"(SELECT p.day, s.project, s.branch, p.model, p.session, s.billing IS NOT 'api' AS estimated, {_OWN}"  # noqa: S608 - constants
    " FROM spending p LEFT JOIN sessions s ON s.key = p.session WHERE p.day >= :first"
    " UNION ALL SELECT day, nullif(project, ''), nullif(branch, ''), model, NULL, estimated,"
    f" {', '.join(FIGURES)} FROM day_totals WHERE day >= :first)"
)
_SUMS: Final = (
    ", ".join(f"coalesce(sum({name}), 0) AS {name}" for name in FIGURES)
    + ", coalesce(max(estimated AND priced > 0), 0) AS estimated, count(DISTINCT nullif(session, 0)) AS sessions"
)
_MODEL: Final = "(SELECT canonical(name) FROM names WHERE key = model)"
_ENDED_SINCE: Final = (
    "SELECT count(*) AS calls, count(c.cost_usd) AS priced, coalesce(sum(c.cost_usd), 0) AS cost_usd,"
    " coalesce(max(s.billing IS NOT 'api' AND c.cost_usd IS NOT NULL), 0) AS estimated,"
    " coalesce(sum(NOT c.complete), 0) AS incomplete FROM sessions s JOIN calls c ON c.session = s.key"
    " WHERE s.last_activity_at >= :since AND c.exchange_us >= :oldest_us"
    " AND c.started_ms + c.ended_ms >= :since * 1000"
)
_LONGEST_SECONDS: Final = 3600.0  # no call takes longer; calls are kept in the order in which they began
_DEAREST: Final = "cost_usd DESC, turns DESC, 1"
_BY: Final[dict[SpentBy, tuple[str, str]]] = {  # what a row stands for, and the order of the rows
    "day": ("day AS key", "day"),
    "project": ("project AS key", _DEAREST),
    "branch": ("branch AS key, project", _DEAREST),
    "model": (f"{_MODEL} AS key", _DEAREST),
}


class Spending:
    """Questions about money and tokens. Raises HistoryError like `History`.

    `first_day` is a local day (2026-11-22). `cost_usd` is None where nothing could be priced; `cost_complete` is
    False where a call was unpriced or something passed unseen; `estimated` tells list prices from a bill.
    """

    def __init__(self, source: Source) -> None:
        self._source = source

    def since(self, first_day: str) -> dict[str, Any]:
        """The total from `first_day` on, and its parts by model and by project."""
        with reading(self._source) as db:
            total, models, projects = (
                _total(db, first_day),
                _rows(db, "model", first_day),
                _rows(db, "project", first_day),
            )
        return {
            **_of_sessions(total),
            "by_model": [{"model": row["key"], **_of_sessions(row)} for row in models],
            "by_project": [{"project": row["key"], **_of_sessions(row)} for row in projects],
        }

    def ended_since(self, since: float) -> dict[str, Any]:
        """What calls that ended at `since` (Unix seconds) or later cost."""
        asked = {"since": since, "oldest_us": int((since - _LONGEST_SECONDS) * 1e6)}
        with reading(self._source) as db:
            row = db.execute(_ENDED_SINCE, asked).fetchone()
        return {"calls": row["calls"], **_money(row)}

    def table(self, by: SpentBy, first_day: str) -> dict[str, Any]:
        """`{"rows": [...], "total": {}}`: days in their order, all else the dearest first.

        A branch's row names its `project` as well. Keys are None for what is unknown.
        """
        with reading(self._source) as db:
            rows = []
            for row in _rows(db, by, first_day):
                where = {"project": row["project"]} if by == "branch" else {}
                rows.append({"key": row["key"], **where, **_spent(row)})
            return {"rows": rows, "total": _spent(_total(db, first_day))}


def roll_up(db: Connection, session: int) -> None:
    """Move what a session spent into the totals of its days; the caller removes the session."""
    db.execute(
        f"INSERT INTO day_totals (day, project, branch, model, estimated, {', '.join(FIGURES)})"  # noqa: S608 - constants
        " SELECT p.day, coalesce(s.project, ''), coalesce(s.branch, ''), p.model, s.billing IS NOT 'api',"
        f" {_OWN} FROM spending p JOIN sessions s ON s.key = p.session WHERE p.session = ?"
        f" ON CONFLICT DO UPDATE SET {', '.join(f'{name} = {name} + excluded.{name}' for name in FIGURES)}",
        (session,),
    )
    db.execute("DELETE FROM spending WHERE session = ?", (session,))


def _rows(db: Connection, by: SpentBy, first_day: str) -> list[Row]:
    db.create_scalar_function("canonical", canonical, 1, deterministic=True)
    key, order = _BY[by]
    groups = "1, 2" if by == "branch" else "1"
    return db.execute(
        f"SELECT {key}, {_SUMS} FROM {_ALL} GROUP BY {groups} ORDER BY {order}",  # noqa: S608 - constants
        {"first": first_day},
    ).fetchall()


def _total(db: Connection, first_day: str) -> Row:
    row: Row = db.execute(f"SELECT {_SUMS} FROM {_ALL}", {"first": first_day}).fetchone()  # noqa: S608 - constants
    return row


def _of_sessions(row: Row) -> dict[str, Any]:
    """With the number of sessions: known for recent days only, as long as all sessions are kept."""
    return {"sessions": row["sessions"], **_spent(row)}


def _spent(row: Row) -> dict[str, Any]:
    return {
        "calls": row["calls"],
        "turns": row["turns"],
        "tokens": {name: row[name] for name in COUNTED},
        **_money(row),
    }


def _money(row: Row) -> dict[str, Any]:
    return {
        "cost_usd": row["cost_usd"] if row["priced"] else None,
        "cost_complete": row["incomplete"] == 0,
        "estimated": bool(row["estimated"]),
    }
