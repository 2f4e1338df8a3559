"""Reads the calls of one session: turns with their attempts and tool calls, and what side calls cost."""

from __future__ import annotations

from typing import Any, Final

from clauditor.store.history import Source, reading
from clauditor.store.rows import (
    CALL_KINDS,
    COUNTED,
    LIMITED_BY,
    OUTCOMES,
    TOOL_OUTCOMES,
    extra_usage,
    join_exchange,
    split_exchange,
    unpack_id,
)
from clauditor.store.sqlite import Row

MAX_CALLS: Final = 10_000


def _words(*columns: str) -> str:
    """Columns that hold keys of `names`, read as words under the name `<column>_word`."""
    return ", ".join(
        f"(SELECT name FROM names WHERE key = c.{name}) AS {name}_word"  # noqa: S608 - columns of this module
        for name in columns
    )


_SELECT_CALLS: Final = (
    f"SELECT c.*, {_words('agent', 'name', 'error_type', 'stop_reason', 'model_requested', 'model_served')},"  # noqa: S608
    f" {_words('speed', 'geography', 'service_tier')} FROM calls c"
)
_SELECT_TOOLS: Final = f"SELECT c.*, {_words('agent', 'name')} FROM tool_calls c"  # noqa: S608
_SIDE_NAME: Final = "CASE c.kind WHEN 1 THEN n.name ELSE 'compaction' END AS name"
_KEY_OF: Final = "(SELECT key FROM sessions WHERE session_id = ?)"


class Calls:
    """Questions about one session's calls. Raises HistoryError like `History`."""

    def __init__(self, source: Source) -> None:
        self._source = source

    def calls(self, session_id: str, *, limit: int = MAX_CALLS) -> list[dict[str, Any]]:
        """The newest `limit` exchanges of any kind, oldest first."""
        with reading(self._source) as db:
            rows = db.execute(
                f"{_SELECT_CALLS} WHERE c.session = {_KEY_OF}"
                " ORDER BY c.exchange_us DESC, c.exchange_connection DESC LIMIT ?",
                (session_id, limit),
            )
            calls = [_call(row) for row in rows]
        return sorted(calls, key=lambda call: (call["started_at"], call["exchange_id"]))

    def turns(self, session_id: str, *, limit: int) -> list[dict[str, Any]]:
        """The newest `limit` turns, oldest first, each with its attempts and the tools it asked for."""
        turns: dict[str, dict[str, Any]] = {}
        turn_of: dict[str, str] = {}
        # A turn has mostly one attempt; side calls and retries stand between turns.
        for call in self.calls(session_id, limit=min(MAX_CALLS, 4 * limit + 100)):
            if call["kind"] != "turn":
                continue
            turn = turns.setdefault(call["turn_id"], _turn(call))
            turn["attempts"].append(call)
            turn_of[call["exchange_id"]] = call["turn_id"]
        kept = dict(list(turns.items())[-limit:])
        for exchange_id, tool in self._tools(session_id, [key for key in turn_of if turn_of[key] in kept]):
            kept[turn_of[exchange_id]]["tools"].append(tool)
        for turn in kept.values():
            _sum_up(turn)
        return list(kept.values())

    def side_calls(self, session_id: str) -> list[dict[str, Any]]:
        """What the session spent beside its turns, by name: side calls, and compactions as `compaction`."""
        sums = ", ".join(f"coalesce(sum(c.{name}), 0) AS {name}" for name in COUNTED)
        beside = (
            f"FROM calls c LEFT JOIN names n ON n.key = c.name WHERE c.session = {_KEY_OF} AND c.kind > 0"
        )
        with reading(self._source) as db:
            rows = db.execute(
                f"SELECT {_SIDE_NAME}, count(*) AS calls, {sums}, sum(c.cost_usd) AS cost_usd,"
                f" min(c.complete) AS complete {beside} GROUP BY 1 ORDER BY calls DESC, 1",
                (session_id,),
            ).fetchall()
            packed = db.execute(
                f"SELECT {_SIDE_NAME}, c.extra {beside} AND c.extra IS NOT NULL",
                (session_id,),
            ).fetchall()
        extra = [(row["name"], usage) for row in packed for _, usage in extra_usage(row["extra"])]
        return [
            {
                "name": row["name"],
                "calls": row["calls"],
                "tokens": {
                    count: row[count]
                    + sum(getattr(usage, count) for name, usage in extra if name == row["name"])
                    for count in COUNTED
                },
                "cost_usd": row["cost_usd"],
                "cost_complete": bool(row["complete"]),
            }
            for row in rows
        ]

    def _tools(self, session_id: str, exchanges: list[str]) -> list[tuple[str, dict[str, Any]]]:
        """Tool calls of these exchanges in the order they were made."""
        if not exchanges:
            return []
        wanted = set(exchanges)
        oldest = min(split_exchange(exchange_id)[0] for exchange_id in exchanges)
        with reading(self._source) as db:
            rows = db.execute(
                f"{_SELECT_TOOLS} WHERE c.session = {_KEY_OF} AND c.exchange_us >= ? ORDER BY c.called_ms",
                (session_id, oldest),
            )
            tools = [
                (join_exchange(row["exchange_us"], row["exchange_connection"]), _tool(row)) for row in rows
            ]
        return [(exchange_id, tool) for exchange_id, tool in tools if exchange_id in wanted]


def _turn(first: dict[str, Any]) -> dict[str, Any]:
    return {name: first[name] for name in ("turn_id", "agent_id", "prompt_id", "started_at")} | {
        "attempts": [],
        "tools": [],
    }


def _sum_up(turn: dict[str, Any]) -> None:
    attempts = turn["attempts"]
    last = attempts[-1]
    counted = [attempt["tokens"] for attempt in attempts if attempt["tokens"] is not None]
    priced = [attempt["cost_usd"] for attempt in attempts if attempt["cost_usd"] is not None]
    turn |= {
        "ended_at": last["ended_at"],
        "outcome": last["outcome"],
        "stop_reason": last["stop_reason"],
        "model": last["model"],
        "tokens": {name: sum(tokens[name] for tokens in counted) for name in COUNTED} if counted else None,
        "cost_usd": sum(priced) if priced else None,
        "cost_complete": all(attempt["complete"] for attempt in attempts),
    }


def _call(row: Row) -> dict[str, Any]:
    exchange_id = join_exchange(row["exchange_us"], row["exchange_connection"])
    kind = CALL_KINDS[row["kind"]]
    has_own_turn = row["turn_connection"] is None
    turn_id = exchange_id if has_own_turn else join_exchange(row["turn_us"], row["turn_connection"])
    started_at = row["started_ms"] / 1000
    first_token = row["first_token_ms"]
    extra = [usage for _, usage in extra_usage(row["extra"])]
    return {
        "exchange_id": exchange_id,
        "agent_id": row["agent_word"],
        "kind": kind,
        "name": row["name_word"],
        "turn_id": turn_id if kind == "turn" else None,
        "attempt": row["attempt"],
        "prompt_id": unpack_id(row["prompt"]),
        "started_at": started_at,
        "first_token_at": None if first_token is None else started_at + first_token / 1000,
        "ended_at": started_at + row["ended_ms"] / 1000,
        "outcome": OUTCOMES[row["outcome"]],
        "status": row["status"],
        "error_type": row["error_type_word"],
        "stop_reason": row["stop_reason_word"],
        "model": {"requested": row["model_requested_word"], "served": row["model_served_word"]},
        "tokens": None
        if row["input"] is None
        else {name: row[name] + sum(getattr(usage, name) for usage in extra) for name in COUNTED},
        "web_searches": row["web_searches"],
        "speed": row["speed_word"],
        "service_tier": row["service_tier_word"],
        "complete": bool(row["complete"]),
        "cost_usd": row["cost_usd"],
        "request_bytes": row["request_bytes"],
        "message_id": row["message_id"],
        "request_id": row["request_id"],
        "limited_by": None if row["limited_by"] is None else LIMITED_BY[row["limited_by"]],
    }


def _tool(row: Row) -> dict[str, Any]:
    called_at = row["called_ms"] / 1000
    returned, duration, waited = row["returned_ms"], row["duration_ms"], row["waited_ms"]
    return {
        "tool_use_id": row["tool_use_id"],
        "name": row["name_word"],
        "target": row["target"],
        "called_at": called_at,
        "returned_at": None if returned is None else called_at + returned / 1000,
        "outcome": None if row["outcome"] is None else TOOL_OUTCOMES[row["outcome"]],
        "duration_seconds": None if duration is None else duration / 1000,
        "waited_seconds": None if waited is None else waited / 1000,
        "input_bytes": row["input_bytes"],
        "result_bytes": row["result_bytes"],
    }
