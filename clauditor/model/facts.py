"""Facts: what a session knows for good once something ended. The store keeps these, and only these.

`Session.apply(event)` returns the facts that an event completed; sinks receive them with the event. A
fact is written at most once more: an attempt's fact with the same `exchange_id`, or a tool's with the
same `tool_use_id`, replaces the earlier one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from clauditor.model.cache import CacheEvent, CacheMiss
from clauditor.model.call import Call, ToolCall
from clauditor.model.events import (
    AttemptFailed,
    AttemptFinished,
    Compacted,
    FailureKind,
    LimitedBy,
    SideCallFinished,
    ToolOutcome,
    ToolReturned,
)
from clauditor.model.usage import Usage

CallKind = Literal["turn", "side", "compaction"]
Outcome = Literal["ok"] | FailureKind


@dataclass(frozen=True, slots=True, kw_only=True)
class CallFact:
    """One exchange that cost tokens: an attempt of a turn, a side call or a compaction.

    `turn_id` is the `exchange_id` of the turn's first attempt, `turn_started_at` when that was sent (both None unless
    `kind` is "turn"). `name` is the side call's name. Times are Unix seconds. `cost_usd` is None when the model has
    no known price. `complete` is False where the final usage was not seen. `limited_by` says whose limit a 429 is.
    `cache_event` is what the prompt cache did (None: not told), `cache_miss` what was written again.
    """

    exchange_id: str
    session_id: str
    agent_id: str
    kind: CallKind
    name: str | None
    turn_id: str | None
    attempt: int
    prompt_id: str | None
    started_at: float
    first_token_at: float | None
    ended_at: float
    outcome: Outcome
    status: int | None
    error_type: str | None
    stop_reason: str | None
    model_requested: str | None
    model_served: str | None
    usage: Usage | None
    complete: bool
    cost_usd: float | None
    request_bytes: int
    message_id: str | None
    request_id: str | None
    limited_by: LimitedBy | None = None
    turn_started_at: float | None = None
    cache_event: CacheEvent | None = None
    cache_miss: CacheMiss | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolFact:
    """One tool call. `returned_at` and `outcome` are None until its result was seen.

    `duration_seconds` is the client's own measurement where it tells it, else the time from call to
    result; `waited_seconds` what of that time was spent on a person (None: unknown).
    """

    tool_use_id: str
    session_id: str
    agent_id: str
    exchange_id: str
    name: str
    target: str | None
    called_at: float
    returned_at: float | None
    outcome: ToolOutcome | None
    duration_seconds: float | None
    waited_seconds: float | None
    input_bytes: int
    result_bytes: int


Fact = CallFact | ToolFact


def call_fact(
    event: AttemptFinished | AttemptFailed,
    call: Call,
    usd: float | None,
    *,
    complete: bool,
    cache: tuple[CacheEvent | None, CacheMiss | None] = (None, None),
) -> CallFact:
    """An attempt of a turn ended. `usd` and `complete` are what its usage was priced at."""
    failure = event if isinstance(event, AttemptFailed) else None
    finish = event if isinstance(event, AttemptFinished) else None
    return CallFact(
        exchange_id=event.exchange_id,
        session_id=event.session_id,
        agent_id=event.agent_id,
        kind="turn",
        name=None,
        turn_id=call.turn_id,
        attempt=call.attempt,
        prompt_id=call.prompt_id,
        started_at=call.started_at,
        first_token_at=call.first_token_at,
        ended_at=event.at,
        outcome=failure.kind if failure else "ok",
        status=failure.status if failure and failure.status else call.status,
        error_type=failure.error_type if failure else None,
        stop_reason=finish.stop_reason if finish else None,
        model_requested=call.model,
        model_served=event.model,
        usage=event.usage,
        complete=complete,
        cost_usd=usd,
        request_bytes=call.request_bytes,
        message_id=finish.message_id if finish else None,
        request_id=event.request_id or call.request_id,
        limited_by=failure.limited_by if failure else None,
        turn_started_at=call.turn_started_at,
        cache_event=cache[0],
        cache_miss=cache[1],
    )


def aside_fact(event: SideCallFinished | Compacted, usd: float | None, *, complete: bool) -> CallFact:
    """A side call or a compaction ended."""
    return CallFact(
        exchange_id=event.exchange_id,
        session_id=event.session_id,
        agent_id=event.agent_id,
        kind="side" if isinstance(event, SideCallFinished) else "compaction",
        name=event.name if isinstance(event, SideCallFinished) else event.trigger,
        turn_id=None,
        attempt=1,
        prompt_id=None,
        started_at=event.started_at,
        first_token_at=None,
        ended_at=event.at,
        outcome="ok" if event.complete else "http" if (event.status or 0) >= 400 else "stream",
        status=event.status,
        error_type=None,
        stop_reason=None,
        model_requested=event.model,
        model_served=event.model,
        usage=event.usage,
        complete=complete,
        cost_usd=usd,
        request_bytes=0,
        message_id=None,
        request_id=None,
    )


def tool_fact(session_id: str, agent_id: str, tool: ToolCall, result: ToolReturned | None) -> ToolFact:
    """A tool was called (`result` None) or its result arrived."""
    elapsed = max(0.0, result.at - tool.called_at) if result else None
    measured = result.duration_seconds if result else None
    return ToolFact(
        tool_use_id=tool.tool_use_id,
        session_id=session_id,
        agent_id=agent_id,
        exchange_id=tool.exchange_id,
        name=tool.name,
        target=tool.target,
        called_at=tool.called_at,
        returned_at=result.at if result else None,
        outcome=result.outcome if result else None,
        duration_seconds=measured if measured is not None else elapsed,
        waited_seconds=None if measured is None or elapsed is None else max(0.0, elapsed - measured),
        input_bytes=tool.input_bytes,
        result_bytes=result.result_bytes if result else 0,
    )
