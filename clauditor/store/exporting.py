"""The history as rows that a person or a program can read: words for keys, seconds for milliseconds. Read only."""
# ruff: noqa: S608 - every part of a statement is a constant of this module

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, get_args

import apsw

from clauditor.errors import HistoryError
from clauditor.store.copying import back_up
from clauditor.store.database import reading_file
from clauditor.store.rows import (
    CALL_KINDS,
    COUNTED,
    EVIDENCES,
    LEVELS,
    LIMITED_BY,
    OUTCOMES,
    SEVERITIES,
    TOOL_OUTCOMES,
    extra_usage,
    join_exchange,
    unpack_id,
)
from clauditor.store.sqlite import in_words
from clauditor.text import clean

Kind = Literal["session", "call", "tool_call", "signal", "gap", "limit", "day"]
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which sessions' rows: active since a moment (Unix seconds), of a project in whatever case, one by its id.

    Limits belong to no session, and sums by day to none that is kept: they come only where neither project nor
    session is asked for.
    """

    since: float | None = None
    project: str | None = None
    session_id: str | None = None


def _word(column: str, name: str | None = None) -> str:
    return f"(SELECT name FROM names WHERE key = {column}) AS {name or column.rpartition('.')[2]}"


_TOKENS: Final = ", ".join(f"c.{name}" for name in COUNTED)
_OF_CALLS: Final = (
    "agent",
    "name",
    "error_type",
    "stop_reason",
    "model_requested",
    "model_served",
    "speed",
    "geography",
    "service_tier",
)
_SELECT: Final[dict[Kind, str]] = {
    "session": "SELECT s.session_id, s.project, s.branch, s.model, s.label, s.billing, s.started_at,"
    " s.last_activity_at, s.ended_at, s.cost_usd, s.context_ratio, s.verdict, s.has_calls FROM sessions s {where}"
    " ORDER BY s.started_at, s.key",
    "call": "SELECT s.session_id, c.exchange_us, c.exchange_connection, c.kind, c.turn_us, c.turn_connection, c.attempt,"
    f" c.prompt, {', '.join(_word('c.' + name) for name in _OF_CALLS)}, c.started_ms, c.first_token_ms, c.ended_ms,"
    f" c.outcome, c.limited_by, c.status, {_TOKENS}, c.context_tokens, c.web_searches, c.extra, c.complete, c.cost_usd,"
    " c.request_bytes, c.message_id, c.request_id FROM sessions s JOIN calls c ON c.session = s.key {where}"
    " ORDER BY s.started_at, s.key, c.exchange_us",
    "tool_call": f"SELECT s.session_id, t.tool_use_id, {_word('t.agent')}, t.exchange_us, t.exchange_connection,"
    f" {_word('t.name')}, t.target, t.called_ms, t.returned_ms, t.outcome, t.duration_ms, t.waited_ms, t.input_bytes,"
    " t.result_bytes FROM sessions s JOIN tool_calls t ON t.session = s.key {where}"
    " ORDER BY s.started_at, s.key, t.called_ms",
    "signal": f"SELECT s.session_id, {_word('g.agent')}, {_word('g.name')}, g.severity, g.evidence, g.raised_ms,"
    " g.cleared_ms, g.summary FROM sessions s JOIN signals g ON g.session = s.key {where}"
    " ORDER BY s.started_at, s.key, g.raised_ms",
    "gap": f"SELECT s.session_id, g.at, g.exchange_id, {_word('g.reason')}, g.unseen_bytes"
    " FROM gaps g LEFT JOIN sessions s ON s.key = g.session {where} ORDER BY g.at",
    "limit": f"SELECT {_word('l.account')}, {_word('l.window')}, l.at_ms, l.billing, l.used_ratio, l.resets_at,"
    f" {_word('l.status')} FROM limits l {{where}} ORDER BY l.at_ms",
    "day": f"SELECT day, project, branch, {_word('model')}, calls, turns, priced, incomplete, {', '.join(COUNTED)},"
    " cost_usd, estimated FROM (SELECT p.day, s.project, s.branch, p.model, p.calls, p.turns, p.priced, p.incomplete,"
    f" {', '.join('p.' + name for name in COUNTED)}, p.cost_usd, s.billing IS NOT 'api' AS estimated FROM spending p LEFT JOIN sessions s ON s.key = p.session"
    " UNION ALL SELECT day, nullif(project, ''), nullif(branch, ''), model, calls, turns, priced, incomplete,"
    f" {', '.join(COUNTED)}, cost_usd, estimated FROM day_totals) {{where}} ORDER BY day",
}
_SINCE: Final[dict[Kind, str]] = {
    **dict.fromkeys(("session", "call", "tool_call", "signal"), "s.last_activity_at >= ?"),
    "gap": "g.at >= ?",
    "limit": "l.at_ms >= ? * 1000",
    "day": "day >= date(?, 'unixepoch', 'localtime')",
}


def rows(path: Path, kinds: tuple[Kind, ...], wanted: Wanted) -> Iterator[tuple[Kind, dict[str, Any]]]:
    """Rows of these kinds, each kind's together. Raises HistoryError."""
    with reading_file(path) as db:
        db.execute("BEGIN")  # all of one moment
        for kind in kinds:
            if kind in {"limit", "day"} and (wanted.project is not None or wanted.session_id is not None):
                continue
            where, values = _where(kind, wanted)
            for row in db.execute(_SELECT[kind].format(where=where), values):
                yield kind, {name: _clean(value) for name, value in _readable(kind, dict(row)).items()}


def copy(path: Path, target: Path) -> None:
    """The whole database as of now, as one file that any SQLite reads, made 0600. Raises HistoryError or OSError."""
    try:
        back_up(path, target)
    except apsw.Error as error:
        raise HistoryError(in_words(error)) from error


def session_ids(path: Path, prefix: str) -> list[str]:
    """Ids that begin so, two at most; one that is exactly so alone. Raises HistoryError."""
    with reading_file(path) as db:
        found = [
            row[0]
            for row in db.execute(
                "SELECT session_id FROM sessions WHERE session_id >= ? AND session_id < ? ORDER BY 1 LIMIT 2",
                (prefix, prefix + chr(0x10FFFF)),
            )
        ]
    return [prefix] if prefix in found else found


def _where(kind: Kind, wanted: Wanted) -> tuple[str, list[Any]]:
    conditions: list[str] = []
    values: list[Any] = []
    for condition, value in (
        (_SINCE[kind], wanted.since),
        ("s.project = ? COLLATE NOCASE", wanted.project),
        ("s.session_id = ?", wanted.session_id),
    ):
        if value is not None:
            conditions.append(condition)
            values.append(value)
    return f"WHERE {' AND '.join(conditions)}" if conditions else "", values


def _readable(kind: Kind, row: dict[str, Any]) -> dict[str, Any]:
    match kind:
        case "session":
            return row | {"verdict": LEVELS[row["verdict"]], "has_calls": bool(row["has_calls"])}
        case "call":
            return _call(row)
        case "tool_call":
            called_at = row.pop("called_ms") / 1000
            exchange = join_exchange(row.pop("exchange_us"), row.pop("exchange_connection"))
            outcome, returned = row.pop("outcome"), row.pop("returned_ms")
            spans = {f"{name}_seconds": _seconds(row.pop(f"{name}_ms")) for name in ("duration", "waited")}
            return (
                row
                | spans
                | {
                    "exchange_id": exchange,
                    "called_at": called_at,
                    "returned_at": None if returned is None else called_at + returned / 1000,
                    "outcome": None if outcome is None else TOOL_OUTCOMES[outcome],
                }
            )
        case "signal":
            raised_at, held = row.pop("raised_ms") / 1000, row.pop("cleared_ms")
            return row | {
                "severity": SEVERITIES[row["severity"]],
                "evidence": EVIDENCES[row["evidence"]],
                "raised_at": raised_at,
                "cleared_at": None if held is None else raised_at + held / 1000,
            }
        case "limit":
            return row | {"at": row.pop("at_ms") / 1000, "billing": ("plan", "api")[row["billing"]]}
        case "day":
            return row | {"estimated": bool(row["estimated"])}
        case _:
            return row


def _call(row: dict[str, Any]) -> dict[str, Any]:
    exchange = join_exchange(row.pop("exchange_us"), row.pop("exchange_connection"))
    micros, connection = row.pop("turn_us"), row.pop("turn_connection")
    kind = CALL_KINDS[row.pop("kind")]
    started_at, first = row.pop("started_ms") / 1000, row.pop("first_token_ms")
    extra = [usage for _, usage in extra_usage(row.pop("extra"))]
    tokens = {
        name: None if row[name] is None else row[name] + sum(getattr(usage, name) for usage in extra)
        for name in COUNTED
    }
    own = exchange if kind == "turn" else None
    return (
        row
        | tokens
        | {
            "exchange_id": exchange,
            "call_kind": kind,  # `kind` says what a row is of
            "turn_id": own if connection is None else join_exchange(micros, connection),
            "prompt": unpack_id(row["prompt"]),
            "started_at": started_at,
            "first_token_at": None if first is None else started_at + first / 1000,
            "ended_at": started_at + row.pop("ended_ms") / 1000,
            "outcome": OUTCOMES[row["outcome"]],
            "limited_by": None if row["limited_by"] is None else LIMITED_BY[row["limited_by"]],
            "complete": bool(row["complete"]),
        }
    )


def _seconds(milliseconds: int | None) -> float | None:
    return None if milliseconds is None else milliseconds / 1000


def _clean(value: Any) -> Any:
    return clean(value) if isinstance(value, str) else value
