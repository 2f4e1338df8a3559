"""Who did what, in tables of a post-mortem: tools, agents with side calls, and the account's limits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from clauditor.ui.views import units
from clauditor.ui.views.document import Column, Row, Table
from clauditor.ui.views.fields import UNNAMED, float_of, int_of, model_name, text_of, tool_name
from clauditor.ui.views.postmortem_reading import Reading

_SHOWN_TOOLS: Final = 8
_SHOWN_AGENTS: Final = 12
_WINDOWS: Final[Mapping[str, str]] = {"five_hour": "5 hours", "seven_day": "7 days"}


def tools_table(reading: Reading) -> Table:
    tools = reading.rows("tools")
    rows = [
        Row(
            cells=(
                tool_name(tool.get("name")) or UNNAMED,
                units.whole(int_of(tool.get("calls"))),
                units.whole(int_of(tool.get("failures"))),
                _seconds(tool.get("longest_seconds")),
                _seconds(tool.get("waited_seconds")),
                text_of(tool.get("longest_target")) or "",
            )
        )
        for tool in tools[:_SHOWN_TOOLS]
    ]
    notes = [
        f"{_what(repeat)} failed {units.whole(int_of(repeat.get('failures')))} times in the same way,"
        f" calls {units.whole(int_of(repeat.get('first_turn')))} to {units.whole(int_of(repeat.get('last_turn')))}"
        " (heuristic)."
        for repeat in reading.rows("tool_repeats")[:3]
    ]
    if len(tools) > _SHOWN_TOOLS:
        notes.insert(0, f"{units.count(len(tools) - _SHOWN_TOOLS, 'more tool')}.")
    return Table(
        title="tools",
        columns=(
            Column(title="Tool"),
            Column(title="Calls", align="right"),
            Column(title="Failed", align="right"),
            Column(title="Longest", align="right"),
            Column(title="For you", align="right", may_go=True),
            Column(title="The longest was", wraps=True, may_go=True),
        ),
        rows=tuple(rows),
        notes=tuple(notes),
    )


def _seconds(value: Any) -> str:
    seconds = float_of(value)
    return units.UNKNOWN if seconds is None else f"{seconds:.1f} s" if seconds < 10 else units.ago(seconds)


def _what(tool: Mapping[str, Any]) -> str:
    name, target = tool_name(tool.get("name")) or UNNAMED, text_of(tool.get("target"))
    return f"{name} ({target})" if target else name


def agents_table(reading: Reading) -> Table:
    """The tree, then what no agent spent."""
    agents = reading.rows("agents")
    sides = [side for side in reading.rows("side_calls") if int_of(side.get("calls"))]
    if len(agents) < 2 and not sides:
        return Table(title="agents", columns=(), rows=())
    rows = [_agent(agent, reading) for agent in agents[:_SHOWN_AGENTS]]
    rows += [
        Row(
            cells=(
                f"({(text_of(side.get('name')) or 'side calls').replace('_', ' ')})",
                units.whole(int_of(side.get("calls"))),
                units.UNKNOWN,
                reading.usd(side.get("cost_usd")),
                "",
            ),
            role="dim",
        )
        for side in sides[:_SHOWN_AGENTS]
    ]
    more = len(agents) - _SHOWN_AGENTS + (int_of(reading.answer.get("agents_left_out")) or 0)
    return Table(
        title="agents",
        columns=(
            Column(title="Agent"),
            Column(title="Calls", align="right"),
            Column(title="Out", align="right", may_go=True),
            Column(title="$", align="right"),
            Column(title="Model", wraps=True, may_go=True),
        ),
        rows=tuple(rows),
        notes=(f"{units.count(more, 'more agent')}.",) if more > 0 else (),
    )


def _agent(agent: Mapping[str, Any], reading: Reading) -> Row:
    depth = min(int_of(agent.get("depth")) or 0, 8)
    branch = "  " * (depth - 1) + "└ " if depth > 0 else ""
    complete = agent.get("cost_complete") is not False
    return Row(
        cells=(
            f"{branch}{text_of(agent.get('type')) or UNNAMED}",
            units.whole(int_of(agent.get("turns"))),
            units.tokens(int_of(agent.get("output_tokens"))),
            units.price(float_of(agent.get("cost_usd")), estimated=reading.is_estimated, complete=complete),
            model_name(agent.get("model")) or "",
        )
    )


def limits_table(reading: Reading) -> Table:
    rows = []
    for window in reading.rows("limits"):
        if float_of(window.get("used_ratio")) is None:
            continue  # named by the vendor, and nothing told
        name, share = text_of(window.get("name")) or UNNAMED, float_of(window.get("session_share"))
        projected = float_of(window.get("projected_ratio"))
        rows.append(
            Row(
                cells=(
                    _WINDOWS.get(name, name.replace("_", " ")),
                    units.percent(float_of(window.get("used_ratio"))),
                    units.about(projected),
                    units.about(share),
                    units.moment(float_of(window.get("resets_at")), reading.until, reading.zone),
                )
            )
        )
    return Table(
        title="limits",
        columns=(
            Column(title="Window"),
            Column(title="Used", align="right"),
            Column(title="At reset", align="right", may_go=True),
            Column(title="By this", align="right", may_go=True),
            Column(title="Resets"),
        ),
        rows=tuple(rows),
    )
