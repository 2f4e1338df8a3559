"""Tools and agents: what sessions do with their calls, what fails, what takes long, what runs beside."""

from __future__ import annotations

from typing import Final

from grafana.boards.content import Content, Section
from grafana.boards.parts import (
    COUNT,
    SECONDS,
    SHARE,
    USD,
    Query,
    at_least_a_zero,
    lines,
    number,
    ranking,
    risen,
    together,
)

_CHOSEN: Final = '{model=~"$model",project=~"$project"}'

_AGENT: Final = '{tool=~"Agent|Task"}'

_FIRST: Final = Section(
    panels=(
        number(
            "Tool calls",
            f"round({risen('clauditor_tool_calls_total')})",
            says="Tools that a model asked for in the time shown, those of agents included.",
            unit=COUNT,
            decimals=0,
            empty="none yet",
        ),
        number(
            "Failed",
            f"({risen('clauditor_tool_failures_total')} or vector(0)) / ({risen('clauditor_tool_calls_total')} > 0)",
            says="Share of those that did not succeed: an error, too slow, or not allowed. A command that finds nothing counts "
            "as well, so some are normal.",
            unit=SHARE,
            decimals=1,
            empty="no tools yet",
            steps=((None, "text"), (0.1, "orange"), (0.25, "red")),
        ),
        number(
            "Calls for a prompt",
            f"{risen('clauditor_turns_total', _CHOSEN)} / ({risen('clauditor_prompts_total')} > 0)",
            says="How many calls of a model one prompt of a person caused, on average over the time shown. All prompts count, "
            "the calls are those of the models and projects chosen.",
            unit=COUNT,
            decimals=1,
            empty="no prompts yet",
        ),
        number(
            "Agents started",
            f"round({risen('clauditor_tool_calls_total', _AGENT)} or vector(0))",
            says="Agents that were sent off in the time shown, by the tool that does it.",
            unit=COUNT,
            decimals=0,
            empty="none yet",
            words={"0": "none"},
        ),
        number(
            "Sessions started",
            f"round({risen('clauditor_sessions_started_total')} or vector(0))",
            says="Sessions whose first call was seen in the time shown.",
            unit=COUNT,
            decimals=0,
            empty="none yet",
            words={"0": "none"},
        ),
        number(
            "A session's cost",
            f"{risen('clauditor_session_cost_usd_sum')} / ({risen('clauditor_session_cost_usd_count')} > 0)",
            says="List price of a session that ended in the time shown, on average. Sessions still open are not in it.",
            unit=USD,
            decimals=2,
            empty="none has ended",
        ),
    )
)

_TOOLS: Final = Section(
    title="Tools",
    panels=(
        lines(
            "Tool calls over time",
            Query(
                expr="sum by (tool) (increase(clauditor_tool_calls_total[$__interval]))",
                legend="{{tool}}",
            ),
            says="Built-in tools by their name, tools of MCP servers together as `mcp`. A tall band of one colour is a session "
            "that does the same thing over and over.",
            unit=COUNT,
            decimals=0,
            bars=True,
            stacked=True,
            empty="no tools in this time",
        ),
        ranking(
            "Used most",
            Query(
                expr=f"topk(10, round({risen('clauditor_tool_calls_total', by='tool')}))",
                legend="{{tool}}",
            ),
            says="Calls in the time shown, the ten busiest tools.",
            unit=COUNT,
            decimals=0,
            width=6,
            empty="no tools in this time",
        ),
        ranking(
            "Failed most",
            Query(
                expr=at_least_a_zero(
                    together(
                        f"topk(10, round({risen('clauditor_tool_failures_total', by='tool, outcome')}) > 0)",
                        "tool",
                        " ",
                        "outcome",
                    ),
                    "name",
                ),
                legend="{{name}}",
            ),
            says="Calls in the time shown that did not succeed, and how: `error`, `timeout`, or `denied` by a rule. What a "
            "person turned down is not among them.",
            unit=COUNT,
            decimals=0,
            width=6,
            empty="none in this time",
            steps=((None, "orange"),),
        ),
        lines(
            "How long tools take",
            Query(
                expr="histogram_quantile(0.5, sum by (le) (rate(clauditor_tool_duration_seconds_bucket[$__rate_interval])))",
                legend="the middle one",
            ),
            Query(
                expr="histogram_quantile(0.95, sum by (le) (rate(clauditor_tool_duration_seconds_bucket[$__rate_interval])))",
                legend="the slowest in twenty",
            ),
            says="From a tool's call to its result. The time a person takes to allow it is in it where the client does not tell "
            "its own measure.",
            unit=SECONDS,
            decimals=1,
            empty="no tools in this time",
        ),
        ranking(
            "Time spent in tools",
            Query(
                expr=f"topk(10, {risen('clauditor_tool_duration_seconds_sum', by='tool')})",
                legend="{{tool}}",
            ),
            says="All calls of a tool together, in the time shown: where the waiting is.",
            unit=SECONDS,
            decimals=0,
            width=12,
            empty="no tools in this time",
        ),
    ),
)

_BESIDE: Final = Section(
    title="MCP servers, skills, and the client's own calls",
    panels=(
        ranking(
            "MCP tools",
            Query(
                expr=f"topk(10, round({risen('clauditor_mcp_calls_total', by='server, tool')}))",
                legend="{{server}}: {{tool}}",
            ),
            says="Calls in the time shown, by server and tool.",
            unit=COUNT,
            decimals=0,
            width=6,
            empty="none in this time",
        ),
        ranking(
            "MCP tools that failed",
            Query(
                expr=at_least_a_zero(
                    together(
                        f"topk(10, round({risen('clauditor_mcp_failures_total', by='server, tool')}) > 0)",
                        "server",
                        ": ",
                        "tool",
                    ),
                    "name",
                ),
                legend="{{name}}",
            ),
            says="Calls in the time shown that did not succeed. A server with nothing but failures is worth a look at its set-up.",
            unit=COUNT,
            decimals=0,
            width=6,
            empty="none in this time",
            steps=((None, "orange"),),
        ),
        ranking(
            "Skills",
            Query(
                expr=at_least_a_zero(
                    f"topk(10, round({risen('clauditor_skill_calls_total', by='skill')}) > 0)",
                    "skill",
                ),
                legend="{{skill}}",
            ),
            says="How often the model started each skill in the time shown.",
            unit=COUNT,
            decimals=0,
            width=6,
            empty="none in this time",
        ),
        ranking(
            "The client's own calls",
            Query(
                expr=f"topk(10, round({risen('clauditor_side_calls_total', by='name')}))",
                legend="{{name}}",
            ),
            says="Calls the client made for itself in the time shown: titles, suggestions, counting tokens. They cost, and are "
            "in spend, but are no calls of yours.",
            unit=COUNT,
            decimals=0,
            width=6,
            empty="none in this time",
        ),
    ),
)

_SESSIONS: Final = Section(
    title="Sessions that ended",
    panels=(
        lines(
            "Began and ended",
            Query(expr="sum(increase(clauditor_sessions_started_total[$__interval]))", legend="began"),
            Query(
                expr="sum(increase(clauditor_sessions_ended_total[$__interval])) or vector(0)",
                legend="ended",
            ),
            says="A session ends when its client says so, when `clauditor run` ends, or after a day without a word.",
            unit=COUNT,
            decimals=0,
            bars=True,
            empty="none in this time",
        ),
        lines(
            "Calls of a session",
            Query(
                expr="histogram_quantile(0.5, sum by (le) (increase(clauditor_session_turns_bucket[$__range])))",
                legend="the middle one",
            ),
            Query(
                expr="histogram_quantile(0.95, sum by (le) (increase(clauditor_session_turns_bucket[$__range])))",
                legend="the longest in twenty",
            ),
            says="How many calls a session had made when it ended, over a stretch as long as the time shown.",
            unit=COUNT,
            decimals=0,
            empty="none ended in this time",
        ),
    ),
)

CONTENT: Final = Content(
    uid="clauditor-tools",
    title="Tools and agents",
    says="What sessions do with their calls: tools, agents, MCP servers, skills, and what fails or takes long.",
    variables=("model", "project"),
    sections=(_FIRST, _TOOLS, _BESIDE, _SESSIONS),
)
