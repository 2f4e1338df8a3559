"""A session's calls as screens see them: the API's list of turns, narrowed, bounded and cleaned once.

Sources: `/api/v1/sessions/{id}/turns` (schema version 1): turns, oldest first, each with its attempts and
the tools it asked for; `side_calls_by_name` of `/api/v1/sessions/{id}`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from clauditor.ui.views.fields import float_of, int_of, list_of, map_of, model_name, text_of, tool_name

MAX_TURNS: Final = 1000
_FAILED_TOOLS: Final = frozenset({"error", "timeout", "denied", "rejected"})


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptView:
    """One exchange of a turn. `outcome` is `ok` or the kind of failure; `limited_by`: whose limit a 429 is;
    `request_id` is the vendor's own.
    """

    number: int
    started_at: float | None
    first_token_at: float | None
    ended_at: float | None
    outcome: str
    status: int | None
    error_type: str | None
    limited_by: str | None
    request_id: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolView:
    """One tool call; `outcome` is None until its result was seen. `waited_seconds`: for the person's ok."""

    name: str
    target: str
    called_at: float | None
    outcome: str | None
    seconds: float | None
    waited_seconds: float | None

    @property
    def has_failed(self) -> bool:
        return self.outcome in _FAILED_TOOLS


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnView:
    """One model call that the user would count. `prompt_tokens` is the size of what was sent, of which `read_tokens`
    came from the prompt cache and `written_tokens` went into it.
    """

    agent_id: str
    prompt_id: str | None
    started_at: float | None
    ended_at: float | None
    outcome: str
    stop_reason: str | None
    model: str | None
    prompt_tokens: int | None
    read_tokens: int | None
    written_tokens: int | None
    output_tokens: int | None
    cost_usd: float | None
    cost_complete: bool
    attempts: tuple[AttemptView, ...]
    tools: tuple[ToolView, ...]

    @property
    def read_ratio(self) -> float | None:
        """The share of the prompt that was read from the cache."""
        if self.read_tokens is None or not self.prompt_tokens:
            return None
        return self.read_tokens / self.prompt_tokens


@dataclass(frozen=True, slots=True, kw_only=True)
class SideCalls:
    """What a session spent beside its turns under one name; compactions are among them."""

    name: str
    calls: int
    cost_usd: float | None
    cost_complete: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Calls:
    """Everything the store tells of a session's calls."""

    turns: tuple[TurnView, ...] = ()
    side_calls: tuple[SideCalls, ...] = ()


def side_calls(answer: Mapping[str, Any]) -> tuple[SideCalls, ...]:
    """The side calls in the API's answer about one session."""
    return tuple(
        SideCalls(
            name=text_of(fields.get("name")) or "other",
            calls=int_of(fields.get("calls")) or 0,
            cost_usd=float_of(fields.get("cost_usd")),
            cost_complete=fields.get("cost_complete") is not False,
        )
        for fields in list_of(answer.get("side_calls_by_name"))
    )


def turn_views(turns: Sequence[Any]) -> tuple[TurnView, ...]:
    """The newest `MAX_TURNS` of the API's turns. Never raises on what they hold."""
    return tuple(_turn(map_of(turn)) for turn in turns[-MAX_TURNS:])


def _turn(fields: Mapping[str, Any]) -> TurnView:
    model = map_of(fields.get("model"))
    tokens = map_of(fields.get("tokens"))
    read = int_of(tokens.get("cache_read"))
    writes = [int_of(tokens.get(name)) for name in ("cache_write_5m", "cache_write_1h")]
    sent = [read, int_of(tokens.get("input")), *writes]
    return TurnView(
        agent_id=text_of(fields.get("agent_id")) or "main",
        prompt_id=text_of(fields.get("prompt_id")),
        started_at=float_of(fields.get("started_at")),
        ended_at=float_of(fields.get("ended_at")),
        outcome=text_of(fields.get("outcome")) or "unknown",
        stop_reason=text_of(fields.get("stop_reason")),
        model=model_name(model.get("served")) or model_name(model.get("requested")),
        prompt_tokens=_sum(sent),
        read_tokens=read,
        written_tokens=_sum(writes),
        output_tokens=int_of(tokens.get("output")),
        cost_usd=float_of(fields.get("cost_usd")),
        cost_complete=fields.get("cost_complete") is not False,
        attempts=tuple(_attempt(attempt) for attempt in list_of(fields.get("attempts"))),
        tools=tuple(_tool(tool) for tool in list_of(fields.get("tools"))),
    )


def _sum(numbers: Sequence[int | None]) -> int | None:
    """Of those that are known; None where none is."""
    known = [number for number in numbers if number is not None]
    return sum(known) if known else None


def _attempt(fields: Mapping[str, Any]) -> AttemptView:
    return AttemptView(
        number=int_of(fields.get("attempt")) or 1,
        started_at=float_of(fields.get("started_at")),
        first_token_at=float_of(fields.get("first_token_at")),
        ended_at=float_of(fields.get("ended_at")),
        outcome=text_of(fields.get("outcome")) or "unknown",
        status=int_of(fields.get("status")),
        error_type=text_of(fields.get("error_type")),
        limited_by=text_of(fields.get("limited_by")),
        request_id=text_of(fields.get("request_id")),
    )


def _tool(fields: Mapping[str, Any]) -> ToolView:
    return ToolView(
        name=tool_name(fields.get("name")) or "tool",
        target=text_of(fields.get("target")) or "",
        called_at=float_of(fields.get("called_at")),
        outcome=text_of(fields.get("outcome")),
        seconds=float_of(fields.get("duration_seconds")),
        waited_seconds=float_of(fields.get("waited_seconds")),
    )
