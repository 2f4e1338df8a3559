"""The post-mortem of one session: what it was, what went wrong and since when, what was wasted, and how to go on.

Made of facts that are there already, by arithmetic alone: the same input gives the same report, and no model is ever
asked. It carries numbers and names, never a label, prompt, answer or argument. What did not happen is not guessed: a
session has no "outcome", only how its last answer ended.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Final

from clauditor.reports.advice import Advice, advice
from clauditor.reports.findings import Finding, findings, since_turn, unseen_exchanges
from clauditor.reports.foreign import amount_of, count_of, map_of, text_of
from clauditor.reports.going_on import GoingOn, going_on
from clauditor.reports.material import Material, SideCalls, all_tokens, usage_of
from clauditor.reports.rebuilds import Compaction, Rebuild, compactions, rebuilds
from clauditor.reports.timeline import Moment, timeline
from clauditor.reports.waste import Repeat, Waste, repeats, waste
from clauditor.reports.work import (
    AgentRow,
    ToolRow,
    WindowRow,
    agent_rows,
    tool_rows,
    waited_seconds,
    window_rows,
)

SCHEMA_VERSION: Final = 1
_MAX_EVENTS: Final = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What the session was. `seconds` from its start to its end, or to its last activity."""

    session_id: str
    identity: str | None
    client: str | None
    project: str | None
    branch: str | None
    model_requested: str | None
    model_served: str | None
    billing: str | None
    state: str | None
    waiting_for: str | None
    started_at: float | None
    last_activity_at: float | None
    ended_at: float | None
    seconds: float | None
    prompts: int | None
    turns: int | None
    failed_attempts: int | None
    tool_calls: int | None
    tool_failures: int | None
    stop_reason: str | None
    last_outcome: str | None
    cost_usd: float | None
    total_tokens: int | None
    output_tokens: int | None
    context_tokens: int | None
    context_window: int | None
    compactions: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Caching:
    """`events` counts calls by what their cache did; `hit_ratio` is of the main thread."""

    hit_ratio: float | None
    misses: int | None
    lost_tokens: int | None
    lost_cost_usd: float | None
    events: dict[str, int]
    rebuilds: tuple[Rebuild, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PostMortem:
    """See `as_json` for the shape. Times are Unix seconds, money US dollars at list price, None unknown.

    `partial`: the session still runs. `at_least`: some of it was not seen or has no price, and every sum is at least
    what stands here. `turns_missing`: turns older than those that could be read.
    """

    generated_at: float
    partial: bool
    at_least: bool
    unseen_exchanges: int
    turns_missing: int
    session: About
    findings: tuple[Finding, ...]
    wrong_since_turn: int | None
    waste: Waste
    timeline: tuple[Moment, ...]
    timeline_left_out: int
    tools: tuple[ToolRow, ...]
    tool_repeats: tuple[Repeat, ...]
    waited_seconds: float | None
    agents: tuple[AgentRow, ...]
    agents_left_out: int
    side_calls: tuple[SideCalls, ...]
    cache: Caching
    compactions: tuple[Compaction, ...]
    limits: tuple[WindowRow, ...]
    advice: tuple[Advice, ...]
    going_on: GoingOn


def postmortem(snapshot: Any, turns: Any, side_calls: Any, signals: Any, gaps: Any, now: float) -> PostMortem:
    """The report at `now` (Unix seconds), from the API's JSON (`reports.material` says which). Never raises on it."""
    material = Material(snapshot, turns, side_calls, signals, gaps, now=now)
    unseen = unseen_exchanges(material)
    ended = amount_of(material.snapshot.get("ended_at")) is not None
    at_least = unseen > 0 or material.earlier_turns > 0 or material.snapshot.get("cost_complete") is not True
    compacted = compactions(material)
    rebuilt = rebuilds(material, compacted)
    repeated = repeats(material)
    found = findings(material, rebuilt, repeated, unseen)
    wasted = waste(material, rebuilt, repeated, at_least=at_least)
    moments, left_out = timeline(material, rebuilt, compacted, ended=ended)
    agents, agents_left_out = agent_rows(material)
    waited = waited_seconds(material)
    return PostMortem(
        generated_at=now,
        partial=not ended,
        at_least=at_least,
        unseen_exchanges=unseen,
        turns_missing=material.earlier_turns,
        session=_about(material),
        findings=found,
        wrong_since_turn=since_turn(found),
        waste=wasted,
        timeline=moments,
        timeline_left_out=left_out,
        tools=tool_rows(material),
        tool_repeats=repeated,
        waited_seconds=waited,
        agents=agents,
        agents_left_out=agents_left_out,
        side_calls=material.side_calls,
        cache=_caching(material, rebuilt),
        compactions=compacted,
        limits=window_rows(material),
        advice=advice(wasted, rebuilt, found, waited),
        going_on=going_on(material),
    )


def as_json(report: PostMortem) -> dict[str, Any]:
    """The report as JSON, `schema_version` 1; keys are only added.

    `{"schema_version", "session_id", "generated_at", "partial", "at_least", "unseen_exchanges", "turns_missing", "session": {},
    "findings": [{"name", "severity", "evidence", "summary", "times", "turns", "raised_at", ...}], "wrong_since_turn",
    "waste": {"tokens", "usd", "of_tokens", "of_usd", "ratio", "at_least", "classes": [{"name", "times", "tokens",
    "usd", "is_priced", "evidence"}]}, "timeline": [{"at", "kind", "turn", ...}], "timeline_left_out", "tools": [],
    "tool_repeats": [], "waited_seconds", "agents": [], "agents_left_out", "side_calls": [], "cache": {..., "rebuilds":
    []}, "compactions": [], "limits": [], "advice": [], "going_on": {"resume": {}, "fresh": {}}}`: every member as
    the field of its dataclass. A `turn` is the number of a call, from 1 over the whole session.
    """
    return {"schema_version": SCHEMA_VERSION, "session_id": report.session.session_id, **asdict(report)}


def _about(material: Material) -> About:
    shot, model, context = material.snapshot, material.section("model"), material.section("context")
    started_at, ended_at = amount_of(shot.get("started_at")), amount_of(shot.get("ended_at"))
    last_activity_at = amount_of(shot.get("last_activity_at"))
    until = ended_at if ended_at is not None else last_activity_at
    whole = usage_of(shot.get("tokens"))
    tools = material.section("tools")
    return About(
        session_id=material.session_id,
        identity=text_of(shot.get("identity")),
        client=text_of(shot.get("client")),
        project=text_of(shot.get("project")),
        branch=text_of(shot.get("branch")),
        model_requested=text_of(model.get("requested")),
        model_served=text_of(model.get("served")),
        billing=text_of(shot.get("billing")),
        state=text_of(shot.get("state")),
        waiting_for=text_of(shot.get("waiting_for")),
        started_at=started_at,
        last_activity_at=last_activity_at,
        ended_at=ended_at,
        seconds=None if started_at is None or until is None else max(0.0, until - started_at),
        prompts=count_of(shot.get("prompts")),
        turns=count_of(shot.get("turns")),
        failed_attempts=count_of(shot.get("failed_attempts")),
        tool_calls=count_of(tools.get("calls")),
        tool_failures=count_of(tools.get("failures")),
        stop_reason=text_of(shot.get("stop_reason")),
        last_outcome=material.turns[-1].outcome if material.turns else None,
        cost_usd=amount_of(shot.get("cost_usd")),
        total_tokens=None if whole is None else all_tokens(whole),
        output_tokens=None if whole is None else whole.output,
        context_tokens=count_of(context.get("tokens")),
        context_window=count_of(context.get("window")),
        compactions=count_of(context.get("compactions")),
    )


def _caching(material: Material, rebuilt: tuple[Rebuild, ...]) -> Caching:
    cache = material.section("cache")
    events = {
        text_of(name): count_of(number)
        for name, number in list(map_of(cache.get("events")).items())[:_MAX_EVENTS]
    }
    return Caching(
        hit_ratio=amount_of(cache.get("hit_ratio")),
        misses=count_of(cache.get("misses")),
        lost_tokens=count_of(cache.get("lost_tokens")),
        lost_cost_usd=amount_of(cache.get("lost_cost_usd")),
        events={name: number for name, number in events.items() if name is not None and number is not None},
        rebuilds=rebuilt,
    )
