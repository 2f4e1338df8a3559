"""Reads a snapshot of the API: narrowed, bounded and cleaned once, at the border of the views (`views.fields`).

Source: the session snapshot of the HTTP API (schema version 1). Everything behind this module is typed and safe to show.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from clauditor import names
from clauditor.ui.views.fields import (
    MAX_ITEMS,
    UNNAMED,
    float_of,
    int_of,
    list_of,
    map_of,
    model_name,
    text_of,
    tool_name,
)
from clauditor.ui.views.session import (
    Agent,
    Cache,
    Compaction,
    Context,
    Miss,
    Retry,
    RunningTool,
    SessionView,
    Signal,
    Tokens,
    ToolCount,
    Verdict,
    Window,
)

T = TypeVar("T")
Read = tuple[Mapping[str, Any], SessionView]
"""A snapshot, and what was made of it."""


def session_view(snapshot: Mapping[str, Any], host: str = "", before: Read | None = None) -> SessionView:
    """Reads one snapshot of the sidecar called `host`. Never raises on what a snapshot holds.

    `before`: the last one of the same session; parts in which both are equal are not read again.
    """

    def part(name: str, known: Callable[[SessionView], T], read: Callable[[Any], T]) -> T:
        value = snapshot.get(name)
        if before is not None and before[0].get(name) == value:
            return known(before[1])
        return read(value)

    raw_id = snapshot.get("session_id")
    model = map_of(snapshot.get("model"))
    rate = map_of(snapshot.get("rate"))
    tools = map_of(snapshot.get("tools"))
    tokens = map_of(snapshot.get("tokens"))
    terminal = map_of(snapshot.get("terminal"))
    unobserved = map_of(snapshot.get("unobserved"))
    writes = [int_of(tokens.get(name)) for name in ("cache_write_5m", "cache_write_1h")]
    return SessionView(
        session_id=raw_id if isinstance(raw_id, str) else "",
        host=host,
        shown_id=text_of(raw_id) or UNNAMED,
        identity=text_of(snapshot.get("identity")) or "derived",
        client=text_of(snapshot.get("client")),
        entrypoint=text_of(snapshot.get("entrypoint")),
        label=text_of(snapshot.get("label")),
        project=text_of(snapshot.get("project")),
        branch=text_of(snapshot.get("branch")),
        verdict=part("verdict", lambda view: view.verdict, _verdict),
        attention=float_of(snapshot.get("attention")) or 0.0,
        muted_until=float_of(snapshot.get("muted_until")),
        state=text_of(snapshot.get("state")) or "unknown",
        waiting_for=text_of(snapshot.get("waiting_for")),
        state_since=float_of(snapshot.get("state_since")),
        state_evidence=text_of(snapshot.get("state_evidence")),
        state_source=text_of(snapshot.get("state_source")),
        retry=_retry(map_of(snapshot.get("retry"))),
        started_at=float_of(snapshot.get("started_at")),
        last_activity_at=float_of(snapshot.get("last_activity_at")),
        ended_at=float_of(snapshot.get("ended_at")),
        model_requested=model_name(model.get("requested")),
        model_served=model_name(model.get("served")),
        prompts=int_of(snapshot.get("prompts")),
        turns=int_of(snapshot.get("turns")),
        failed_attempts=int_of(snapshot.get("failed_attempts")) or 0,
        side_calls=int_of(snapshot.get("side_calls")),
        tokens=Tokens(
            input=int_of(tokens.get("input")),
            output=int_of(tokens.get("output")),
            cache_read=int_of(tokens.get("cache_read")),
            cache_write=None if writes == [None, None] else sum(write or 0 for write in writes),
        ),
        tokens_per_second=float_of(rate.get("output_tokens_per_second")),
        ttft_seconds=float_of(rate.get("ttft_seconds")),
        usual_ttft_seconds=float_of(rate.get("usual_ttft_seconds")),
        stop_reason=text_of(snapshot.get("stop_reason")),
        is_answered=_truth(snapshot.get("is_answered")),
        cost_usd=float_of(snapshot.get("cost_usd")),
        cost_complete=snapshot.get("cost_complete") is not False,
        account=text_of(snapshot.get("account")),
        billing=text_of(snapshot.get("billing")),
        context=part("context", lambda view: view.context, _context),
        cache=part("cache", lambda view: view.cache, _cache),
        tool_calls=int_of(tools.get("calls")),
        tool_failures=int_of(tools.get("failures")) or 0,
        tools_running=tuple(_running(tool) for tool in list_of(tools.get("running"))),
        tools_by_name=part("tools", lambda view: view.tools_by_name, _tools),
        limits=part("limits", lambda view: view.limits, _limits),
        agents=part("agents", lambda view: view.agents, _agents),
        signals=part("signals", lambda view: view.signals, _signals),
        pane=text_of(terminal.get("pane")),
        tty=text_of(terminal.get("tty")),
        unseen_exchanges=int_of(unobserved.get("exchanges")) or 0,
        unseen_bytes=int_of(unobserved.get("bytes")) or 0,
    )


def _truth(value: Any) -> bool | None:
    return value if isinstance(value, bool) else None


def _verdict(value: Any) -> Verdict | None:
    fields = map_of(value)
    level = text_of(fields.get("level"))
    if level is None:
        return None
    return Verdict(
        level=level,
        signal=text_of(fields.get("signal")) or "",
        reason=text_of(fields.get("reason")) or "",
        short=text_of(fields.get("short")) or "",
        next_step=text_of(fields.get("next_step")) or "",
        since=float_of(fields.get("since")),
    )


def _retry(fields: Mapping[str, Any]) -> Retry | None:
    if not fields:
        return None
    return Retry(
        attempt=int_of(fields.get("attempt")),
        status=int_of(fields.get("status")),
        limited_by=text_of(fields.get("limited_by")),
    )


def _running(fields: Mapping[str, Any]) -> RunningTool:
    return RunningTool(
        name=tool_name(fields.get("name")) or "tool",
        target=text_of(fields.get("target")) or "",
    )


def _context(value: Any) -> Context:
    fields = map_of(value)
    history = fields.get("history")
    ratios = [float_of(ratio) for ratio in history[-MAX_ITEMS:]] if isinstance(history, list) else []
    newest = _compaction(map_of(fields.get("last_compaction")))
    # Until the next call a snapshot tells what the conversation was before; what it is now nobody knows.
    size = fields if newest is None or newest.tokens_after is not None else {}
    return Context(
        tokens=int_of(size.get("tokens")),
        window=int_of(fields.get("window")),
        used_ratio=float_of(size.get("used_ratio")),
        compact_at_tokens=int_of(fields.get("compact_at_tokens")),
        is_learned=fields.get("compact_at_learned") is True,
        turns_to_compact=int_of(size.get("turns_to_compact")),
        compactions=int_of(fields.get("compactions")) or 0,
        last_compaction=newest,
        history=tuple(ratio for ratio in ratios if ratio is not None),
    )


def _compaction(fields: Mapping[str, Any]) -> Compaction | None:
    if not fields:
        return None
    return Compaction(
        at=float_of(fields.get("at")),
        tokens_before=int_of(fields.get("tokens_before")),
        tokens_after=int_of(fields.get("tokens_after")),
    )


def _miss(fields: Mapping[str, Any]) -> Miss | None:
    cause = text_of(fields.get("cause"))
    if cause is None:
        return None
    return Miss(
        cause=cause,
        detail=names.culprit(cause, text_of(fields.get("detail")) or ""),
        lost_tokens=int_of(fields.get("lost_tokens")),
        cost_usd=float_of(fields.get("cost_usd")),
        at=float_of(fields.get("at")),
        agent_id=text_of(fields.get("agent_id")) or "main",
        expected=fields.get("expected") is True,
    )


def _cache(value: Any) -> Cache:
    fields = map_of(value)
    return Cache(
        state=text_of(fields.get("state")),
        ttl_seconds=float_of(fields.get("ttl_seconds")),
        expires_at=float_of(fields.get("expires_at")),
        latest_expires_at=float_of(fields.get("latest_expires_at")),
        hit_ratio=float_of(fields.get("hit_ratio")),
        misses=int_of(fields.get("misses")),
        rebuild_tokens=int_of(fields.get("rebuild_tokens")),
        rebuild_cost_usd=float_of(fields.get("rebuild_cost_usd")),
        lost_tokens=int_of(fields.get("lost_tokens")),
        lost_cost_usd=float_of(fields.get("lost_cost_usd")),
        last_miss=_miss(map_of(fields.get("last_miss"))),
        events=tuple(
            (text_of(name) or UNNAMED, int_of(number) or 0)
            for name, number in list(map_of(fields.get("events")).items())[:MAX_ITEMS]
        ),
    )


def _tools(value: Any) -> tuple[ToolCount, ...]:
    """Tools by how often they were called, most called first."""
    by_name = map_of(map_of(value).get("by_name"))
    counts = [
        ToolCount(
            name=tool_name(name) or "tool",
            calls=int_of(map_of(fields).get("calls")) or 0,
            failures=int_of(map_of(fields).get("failures")) or 0,
        )
        for name, fields in by_name.items()
    ]
    return tuple(sorted(counts, key=lambda tool: (-tool.calls, tool.name))[:MAX_ITEMS])


def _limits(value: Any) -> tuple[Window, ...]:
    seen = [(text_of(name), map_of(fields)) for name, fields in list(map_of(value).items())[:MAX_ITEMS]]
    return tuple(
        Window(
            name=name,
            used_ratio=float_of(fields.get("used_ratio")),
            resets_at=float_of(fields.get("resets_at")),
            projected_ratio=float_of(fields.get("projected_ratio")),
            full_at=float_of(fields.get("full_at")),
            session_share=float_of(fields.get("session_share")),
        )
        for name, fields in seen
        if name is not None and fields
    )


def _agents(value: Any) -> tuple[Agent, ...]:
    return tuple(_agent(agent) for agent in list_of(value))


def _agent(fields: Mapping[str, Any]) -> Agent:
    model = map_of(fields.get("model"))
    return Agent(
        agent_id=text_of(fields.get("agent_id")) or UNNAMED,
        type=text_of(fields.get("type")) or "agent",
        parent_agent_id=text_of(fields.get("parent_agent_id")),
        state=text_of(fields.get("state")) or "unknown",
        model=model_name(model.get("served")) or model_name(model.get("requested")),
        turns=int_of(fields.get("turns")),
        output_tokens=int_of(map_of(fields.get("tokens")).get("output")),
        cost_usd=float_of(fields.get("cost_usd")),
        cost_complete=fields.get("cost_complete") is not False,
    )


def _signals(value: Any) -> tuple[Signal, ...]:
    return tuple(_signal(signal) for signal in list_of(value))


def _signal(fields: Mapping[str, Any]) -> Signal:
    return Signal(
        name=text_of(fields.get("name")) or "signal",
        severity=text_of(fields.get("severity")) or "notice",
        summary=text_of(fields.get("summary")) or "",
        short=text_of(fields.get("short")) or "",
        evidence=text_of(fields.get("evidence")) or "",
        since=float_of(fields.get("since")),
        next_step=text_of(fields.get("next_step")) or "",
    )
