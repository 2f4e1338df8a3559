"""What a post-mortem is made of, typed: turns with attempts and tools, signals, side calls, gaps.

Source: the JSON of the HTTP API (docs/api.md): a session's snapshot, its turns, `side_calls_by_name`, gaps; and
signals as `{"name", "severity", "evidence", "summary", "raised_at", "cleared_at", "agent_id"}`. All of it is
foreign: narrowed and bounded here, once.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from clauditor.model.events import MAIN_AGENT, Evidence, Severity
from clauditor.model.usage import TOKEN_CLASSES, Usage
from clauditor.reports.foreign import amount_of, count_of, map_of, maps_of, text_of

MAX_TURNS: Final = 5000  # as many as the API gives
MAX_SIGNALS: Final = 1000
MAX_PARTS: Final = 200  # attempts or tools of one turn
MAX_GAPS: Final = 1000
MAX_SIDE_CALLS: Final = 50

_SEVERITIES: Final[dict[str | None, Severity]] = {"notice": "notice", "watch": "watch", "act": "act"}
_EVIDENCE: Final[dict[str | None, Evidence]] = {"measured": "measured", "derived": "derived"}
_BUSY: Final = frozenset({"thinking", "streaming", "retrying", "stalled"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One exchange of a turn. `outcome`: ok, http, stream, aborted or proxy."""

    outcome: str
    status: int | None
    usage: Usage | None
    cost_usd: float | None
    started_at: float
    ended_at: float

    @property
    def is_failure(self) -> bool:
        """Whether the upstream, or the way to it, let it fail: neither an abort by the client, nor a gap of ours."""
        return self.outcome in {"http", "stream"} or (self.outcome == "proxy" and (self.status or 0) >= 400)


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolUse:
    name: str
    target: str | None
    called_at: float | None
    outcome: str | None
    duration_seconds: float | None
    waited_seconds: float | None
    input_bytes: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnRecord:
    """A model call that the user would count. `number` counts from 1 over the whole session."""

    number: int
    agent_id: str
    prompt_id: str | None
    started_at: float
    outcome: str
    model: str | None
    cost_usd: float | None
    attempts: tuple[Attempt, ...]
    tools: tuple[ToolUse, ...]

    @property
    def answer(self) -> Usage | None:
        """What the complete answer used, without the attempts before it; None where there was none."""
        return next((each.usage for each in reversed(self.attempts) if each.outcome == "ok"), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalRecord:
    """`cleared_at` None: it still holds."""

    name: str
    severity: Severity
    evidence: Evidence
    summary: str
    raised_at: float
    cleared_at: float | None
    agent_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SideCalls:
    """What the session spent beside its turns under one name, compactions among them."""

    name: str
    calls: int
    tokens: int | None
    cost_usd: float | None


class Material:
    """Everything a report may look at. `earlier_turns` is how many turns before the first of `turns` are not in hand."""

    def __init__(
        self,
        snapshot: Any,
        turns: Any = (),
        side_calls: Any = (),
        signals: Any = (),
        gaps: Any = (),
        *,
        now: float,
    ) -> None:
        self.snapshot: Mapping[str, Any] = map_of(snapshot)
        self.session_id = text_of(self.snapshot.get("session_id")) or ""
        self.now = now
        found = sorted(maps_of(turns, MAX_TURNS), key=lambda turn: amount_of(turn.get("started_at")) or 0.0)
        self.earlier_turns = max(
            0, (count_of(self.snapshot.get("turns")) or 0) - self._under_way() - len(found)
        )
        self.turns: tuple[TurnRecord, ...] = tuple(
            _turn(fields, number) for number, fields in enumerate(found, self.earlier_turns + 1)
        )
        self.signals: tuple[SignalRecord, ...] = tuple(
            sorted(
                filter(None, map(_signal, maps_of(signals, MAX_SIGNALS))), key=lambda signal: signal.raised_at
            )
        )
        self.side_calls: tuple[SideCalls, ...] = tuple(map(_side_calls, maps_of(side_calls, MAX_SIDE_CALLS)))
        self.gaps = sum(_is_of(gap, self.snapshot.get("session_id")) for gap in maps_of(gaps, MAX_GAPS))
        self._starts: dict[str, tuple[list[float], list[int]]] = {}
        for turn in self.turns:
            starts, numbers = self._starts.setdefault(turn.agent_id, ([], []))
            starts.append(turn.started_at)
            numbers.append(turn.number)

    def turn_at(self, at: float, agent_id: str = MAIN_AGENT) -> int | None:
        """The number of the newest turn of the agent that had begun at `at`; of the main thread if it has none."""
        starts, numbers = self._starts.get(agent_id) or self._starts.get(MAIN_AGENT) or ([], [])
        place = bisect_right(starts, at)
        return numbers[place - 1] if place else None

    def section(self, name: str) -> Mapping[str, Any]:
        """An object of the snapshot; empty where it has none of that name."""
        return map_of(self.snapshot.get(name))

    def attempts(self) -> Sequence[tuple[TurnRecord, Attempt]]:
        return [(turn, attempt) for turn in self.turns for attempt in turn.attempts]

    def tools(self) -> Sequence[tuple[TurnRecord, ToolUse]]:
        return [(turn, tool) for turn in self.turns for tool in turn.tools]

    def _under_way(self) -> int:
        """Turns that the snapshot counts already, and that are stored only when they end."""
        return sum(
            text_of(agent.get("state")) in _BUSY for agent in maps_of(self.snapshot.get("agents"), MAX_TURNS)
        )


def all_tokens(usage: Usage) -> int:
    return usage.prompt_tokens + usage.output


def _turn(fields: Mapping[str, Any], number: int) -> TurnRecord:
    model = map_of(fields.get("model"))
    started_at = amount_of(fields.get("started_at")) or 0.0
    attempts = [_attempt(each, started_at) for each in maps_of(fields.get("attempts"), MAX_PARTS)]
    usage = usage_of(fields.get("tokens"))
    if usage is not None and all(attempt.usage is None for attempt in attempts):
        # Told only of the turn as a whole: its last attempt used it.
        attempts = [
            *attempts[:-1],
            replace(attempts[-1] if attempts else _attempt(fields, started_at), usage=usage),
        ]
    return TurnRecord(
        number=number,
        agent_id=text_of(fields.get("agent_id")) or MAIN_AGENT,
        prompt_id=text_of(fields.get("prompt_id")),
        started_at=started_at,
        outcome=text_of(fields.get("outcome")) or "unknown",
        model=text_of(model.get("served")) or text_of(model.get("requested")),
        cost_usd=amount_of(fields.get("cost_usd")),
        attempts=tuple(attempts),
        tools=tuple(map(_tool, maps_of(fields.get("tools"), MAX_PARTS))),
    )


def usage_of(value: Any) -> Usage | None:
    """Token counts by class; None where there are none."""
    tokens = map_of(value)
    counts = [count_of(tokens.get(name)) for name in TOKEN_CLASSES]
    if all(number is None for number in counts):
        return None
    sent, output, read, write_5m, write_1h = (number or 0 for number in counts)
    return Usage(input=sent, output=output, cache_read=read, cache_write_5m=write_5m, cache_write_1h=write_1h)


def _attempt(fields: Mapping[str, Any], turn_started_at: float) -> Attempt:
    started_at = amount_of(fields.get("started_at"))
    started_at = turn_started_at if started_at is None else started_at
    return Attempt(
        outcome=text_of(fields.get("outcome")) or "unknown",
        status=count_of(fields.get("status")),
        usage=usage_of(fields.get("tokens")),
        cost_usd=amount_of(fields.get("cost_usd")),
        started_at=started_at,
        ended_at=max(started_at, amount_of(fields.get("ended_at")) or 0.0),
    )


def _tool(fields: Mapping[str, Any]) -> ToolUse:
    return ToolUse(
        name=text_of(fields.get("name")) or "tool",
        target=text_of(fields.get("target")),
        called_at=amount_of(fields.get("called_at")),
        outcome=text_of(fields.get("outcome")),
        duration_seconds=amount_of(fields.get("duration_seconds")),
        waited_seconds=amount_of(fields.get("waited_seconds")),
        input_bytes=count_of(fields.get("input_bytes")),
    )


def _signal(fields: Mapping[str, Any]) -> SignalRecord | None:
    name, raised_at = text_of(fields.get("name")), amount_of(fields.get("raised_at"))
    if name is None or raised_at is None:
        return None
    return SignalRecord(
        name=name,
        severity=_SEVERITIES.get(text_of(fields.get("severity")), "notice"),
        evidence=_EVIDENCE.get(text_of(fields.get("evidence")), "heuristic"),
        summary=text_of(fields.get("summary")) or name.replace("_", " "),
        raised_at=raised_at,
        cleared_at=amount_of(fields.get("cleared_at")),
        agent_id=text_of(fields.get("agent_id")) or MAIN_AGENT,
    )


def _side_calls(fields: Mapping[str, Any]) -> SideCalls:
    usage = usage_of(fields.get("tokens"))
    return SideCalls(
        name=text_of(fields.get("name")) or "other",
        calls=count_of(fields.get("calls")) or 0,
        tokens=None if usage is None else all_tokens(usage),
        cost_usd=amount_of(fields.get("cost_usd")),
    )


def _is_of(gap: Mapping[str, Any], session_id: Any) -> bool:
    """Whether a gap concerns the session: one that names another, or none (the daemon as a whole), does not."""
    return "session_id" not in gap or (isinstance(session_id, str) and gap["session_id"] == session_id)
