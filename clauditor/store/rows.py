"""Facts to rows and back. Columns are those of the migrations (`000N_*.sql`); ids and words are made small here.

Nothing in a fact is trusted to fit a column: numbers are cut to 63 bits, text loses lone surrogates.
"""

from __future__ import annotations

import math
import uuid
from collections.abc import Mapping
from functools import cache
from typing import Any, Final

import msgspec

from clauditor.model.events import Evidence, GapFound, LimitedBy, Severity
from clauditor.model.facts import CallFact, ToolFact
from clauditor.model.usage import Usage
from clauditor.model.verdict import Level
from clauditor.store.batch import LimitSample
from clauditor.store.sqlite import Connection
from clauditor.store.sqlite import Row as StoredRow

# Stored by position: only ever appended to.
CALL_KINDS: Final = ("turn", "side", "compaction")
OUTCOMES: Final = ("ok", "http", "stream", "aborted", "proxy")
TOOL_OUTCOMES: Final = ("ok", "error", "rejected", "timeout", "denied")
LIMITED_BY: Final[tuple[LimitedBy, ...]] = ("plan", "service")
BILLINGS: Final = ("plan", "api")
EVIDENCES: Final[tuple[Evidence, ...]] = ("measured", "derived", "heuristic")
SEVERITIES: Final[tuple[Severity, ...]] = ("notice", "watch", "act")
LEVELS: Final[tuple[Level, ...]] = ("ok", "watch", "act")  # by the severity that leads to it

COUNTED: Final = ("input", "output", "cache_read", "cache_write_5m", "cache_write_1h", "thinking")
_USAGE_COLUMNS: Final = (
    *COUNTED,
    *("web_searches", "speed", "geography", "service_tier", "context_tokens", "extra"),
)

_MAX_INTEGER: Final = (1 << 63) - 1
_MAX_TEXT: Final = 512  # ids and names are far shorter; what is longer is somebody's mischief
_MAX_NAMES: Final = 20_000

Row = Mapping[str, Any]


def whole(value: float) -> int:
    """A number as SQLite can hold it."""
    return max(-_MAX_INTEGER, min(int(value), _MAX_INTEGER))


def finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def text(value: str) -> str:
    """A string as SQLite can hold it."""
    return value[:_MAX_TEXT].encode("utf-8", "replace").decode()


def text_or_none(value: str | None) -> str | None:
    return None if value is None else text(value)


def milliseconds(seconds: float | None) -> int | None:
    return None if seconds is None else whole(round(seconds * 1000))


def split_exchange(exchange_id: str) -> tuple[int, int | str]:
    """`"<connection>-<microseconds>"` as (microseconds, connection); any other id as (0, id).

    >>> split_exchange("17-1790000000000000")
    (1790000000000000, 17)
    """
    connection, _, micros = exchange_id.partition("-")
    if connection.isdecimal() and micros.isdecimal() and len(connection) < 19 and len(micros) < 19:
        pair = (int(micros), int(connection))
        if join_exchange(*pair) == exchange_id:
            return pair
    return 0, text(exchange_id)


def join_exchange(micros: int, connection: int | str) -> str:
    return connection if isinstance(connection, str) else f"{connection}-{micros}"


def pack_id(value: str | None) -> bytes | str | None:
    """A UUID in its usual spelling as 16 bytes, any other id as it is."""
    if value is None:
        return None
    try:
        packed = uuid.UUID(value)
    except ValueError:
        return text(value)
    return packed.bytes if str(packed) == value else text(value)


def unpack_id(value: bytes | str | None) -> str | None:
    return str(uuid.UUID(bytes=value)) if isinstance(value, bytes) else value


class Names:
    """Words that repeat (models, tools, agents, reasons) as keys of the table `names`."""

    def __init__(self, db: Connection) -> None:
        self.times_forgotten = 0
        self._db = db
        self._keys: dict[str, int] = {}

    @property
    def in_use(self) -> set[int]:
        """Keys handed out since words were forgotten last."""
        return set(self._keys.values())

    def key(self, name: str) -> int:
        name = text(name)
        known = self._keys.get(name)
        if known is not None:
            return known
        row = self._db.execute("SELECT key FROM names WHERE name = ?", (name,)).fetchone()
        if row is None:
            row = self._db.execute("INSERT INTO names (name) VALUES (?) RETURNING key", (name,)).fetchone()
        if len(self._keys) >= _MAX_NAMES:
            self.forget()
        key = self._keys[name] = int(row[0])
        return key

    def key_or_none(self, name: str | None) -> int | None:
        return None if name is None else self.key(name)

    def forget(self) -> None:
        """A transaction was undone: keys given out in it are not in the table."""
        self.times_forgotten += 1
        self._keys.clear()


def write_call(db: Connection, names: Names, session: int, fact: CallFact) -> None:
    """Insert or rewrite one call, and keep the spending of its day in step."""
    micros, connection = split_exchange(fact.exchange_id)
    turn: tuple[int | None, int | str | None] = (None, None)
    if fact.turn_id is not None and fact.turn_id != fact.exchange_id:
        turn = split_exchange(fact.turn_id)
    first_token = None if fact.first_token_at is None else fact.first_token_at - fact.started_at
    row = {
        "session": session,
        "exchange_us": micros,
        "exchange_connection": connection,
        "agent": names.key(fact.agent_id),
        "kind": CALL_KINDS.index(fact.kind),
        "name": names.key_or_none(fact.name),
        "turn_us": turn[0],
        "turn_connection": turn[1],
        "attempt": whole(fact.attempt),
        "prompt": pack_id(fact.prompt_id),
        "started_ms": milliseconds(fact.started_at),
        "first_token_ms": milliseconds(first_token),
        "ended_ms": milliseconds(fact.ended_at - fact.started_at),
        "outcome": OUTCOMES.index(fact.outcome),
        "status": None if fact.status is None else whole(fact.status),
        "error_type": names.key_or_none(fact.error_type),
        "stop_reason": names.key_or_none(fact.stop_reason),
        "model_requested": names.key_or_none(fact.model_requested),
        "model_served": names.key_or_none(fact.model_served),
        **_usage_columns(names, fact.usage),
        "complete": int(fact.complete),
        "cost_usd": finite(fact.cost_usd),
        "request_bytes": whole(fact.request_bytes),
        "message_id": text_or_none(fact.message_id),
        "request_id": text_or_none(fact.request_id),
        "limited_by": None if fact.limited_by is None else LIMITED_BY.index(fact.limited_by),
    }
    key = ("session", "exchange_us", "exchange_connection")
    before = db.execute(
        f"SELECT * FROM calls WHERE {' AND '.join(f'{name} = ?' for name in key)}",  # noqa: S608 - constants
        (session, micros, connection),
    ).fetchone()
    if before is not None:
        _count_spending(db, names, before, -1)
    _upsert(db, "calls", key, row)
    _count_spending(db, names, row, +1)


def write_tool(db: Connection, names: Names, session: int, fact: ToolFact) -> None:
    """Insert or rewrite one tool call."""
    micros, connection = split_exchange(fact.exchange_id)
    returned = None if fact.returned_at is None else fact.returned_at - fact.called_at
    _upsert(
        db,
        "tool_calls",
        ("session", "tool_use_id"),
        {
            "session": session,
            "tool_use_id": text(fact.tool_use_id),
            "agent": names.key(fact.agent_id),
            "exchange_us": micros,
            "exchange_connection": connection,
            "name": names.key(fact.name),
            "target": text_or_none(fact.target),
            "called_ms": milliseconds(fact.called_at),
            "returned_ms": milliseconds(returned),
            "outcome": None if fact.outcome is None else TOOL_OUTCOMES.index(fact.outcome),
            "duration_ms": milliseconds(fact.duration_seconds),
            "waited_ms": milliseconds(fact.waited_seconds),
            "input_bytes": whole(fact.input_bytes),
            "result_bytes": whole(fact.result_bytes),
        },
    )


def write_limit(db: Connection, names: Names, sample: LimitSample) -> None:
    window = sample.window
    _upsert(
        db,
        "limits",
        ("account", "window", "at_ms"),
        {
            "account": names.key(sample.account),
            "window": names.key(window.name),
            "at_ms": milliseconds(sample.at),
            "billing": BILLINGS.index(sample.billing),
            "used_ratio": finite(window.used_ratio),
            "resets_at": finite(window.resets_at),
            "status": names.key_or_none(window.status),
        },
    )


def write_gap(db: Connection, names: Names, session: int | None, gap: GapFound) -> None:
    """A gap is told once: the same exchange and reason again changes nothing. Its day is incomplete for good."""
    db.execute(
        "INSERT INTO gaps (at, session, exchange_id, reason, unseen_bytes) VALUES (?, ?, ?, ?, ?)"
        " ON CONFLICT DO NOTHING",
        (gap.at, session, text(gap.exchange_id) or None, names.key(gap.reason), whole(gap.unseen_bytes)),
    )
    if db.changes():
        incomplete = (int(name == "incomplete") for name in FIGURES)
        db.execute(_SPEND, (whole(gap.at), session or 0, 0, *incomplete))


def extra_usage(packed: bytes | None) -> tuple[tuple[str, Usage], ...]:
    """What other models billed on top of a call (the column `extra`)."""
    return msgspec.msgpack.decode(packed, type=tuple[tuple[str, Usage], ...]) if packed else ()


def _usage_columns(names: Names, usage: Usage | None) -> Row:
    if usage is None:
        return dict.fromkeys(_USAGE_COLUMNS)
    context = usage.context_tokens
    return {
        **{name: whole(getattr(usage, name)) for name in COUNTED},
        "web_searches": whole(usage.web_searches),
        "speed": names.key_or_none(usage.speed),
        "geography": names.key_or_none(usage.geography),
        "service_tier": names.key_or_none(usage.service_tier),
        "context_tokens": None if context is None else whole(context),
        "extra": msgspec.msgpack.encode(usage.extra) if usage.extra else None,
    }


FIGURES: Final = ("calls", "turns", "priced", "incomplete", *COUNTED, "cost_usd")
_SPEND: Final = (
    f"INSERT INTO spending (day, session, model, {', '.join(FIGURES)})"  # noqa: S608 - constants
    f" VALUES (date(?, 'unixepoch', 'localtime'), ?, ?, {', '.join('?' * len(FIGURES))})"
    f" ON CONFLICT DO UPDATE SET {', '.join(f'{name} = {name} + excluded.{name}' for name in FIGURES)}"
)


def _count_spending(db: Connection, names: Names, row: Row | StoredRow, sign: int) -> None:
    """Add a row of `calls` to its local day (`sign` 1) or take it out again (-1)."""
    ended_at = (row["started_ms"] + row["ended_ms"]) // 1000
    is_turn = row["kind"] == CALL_KINDS.index("turn") and row["attempt"] == 1
    flags = (1, is_turn, row["cost_usd"] is not None, not row["complete"])
    own = (*flags, *(row[name] or 0 for name in COUNTED), row["cost_usd"] or 0.0)
    shares = [(row["model_served"] or row["model_requested"] or 0, own)]
    for model, usage in extra_usage(row["extra"]):
        shares.append(
            (names.key(model), (0, 0, 0, 0, *(whole(getattr(usage, name)) for name in COUNTED), 0.0))
        )
    for model_key, figures in shares:
        db.execute(_SPEND, (ended_at, row["session"], model_key, *(sign * figure for figure in figures)))


def _upsert(db: Connection, table: str, key: tuple[str, ...], row: Row) -> None:
    db.execute(_upsert_sql(table, key, tuple(row)), tuple(row.values()))


@cache
def _upsert_sql(table: str, key: tuple[str, ...], columns: tuple[str, ...]) -> str:
    """Insert a row, or change every other column of the row with this key."""
    marks = ", ".join("?" * len(columns))
    changes = ", ".join(f"{name} = excluded.{name}" for name in columns if name not in key)
    return (
        f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})"  # noqa: S608 - names of this module only
        f" ON CONFLICT ({', '.join(key)}) DO UPDATE SET {changes}"
    )
