"""The calls of a session one by one, with the tools they asked for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from clauditor.ui.views import units, words
from clauditor.ui.views.cells import Scene
from clauditor.ui.views.segments import Line, Role, Segment, fit, line
from clauditor.ui.views.session import SessionView
from clauditor.ui.views.turns import AttemptView, ToolView, TurnView

_CALL_TITLES: Final = (
    f" {'TIME':<8} {'AGENT':<10} {'TOOK':>5} {'SENT':>5} {'READ':>4} {'OUT':>5} {'$':>5}  END, TOOLS"
)


def call_lines(turns: Sequence[TurnView], session: SessionView, scene: Scene) -> list[Line]:
    """The calls, newest first, grouped by the prompt that caused them; failed attempts stand below theirs."""
    kinds = {agent.agent_id: agent.type for agent in session.agents}
    lines = [line(Segment(_CALL_TITLES, "head"))]
    prompts = list(dict.fromkeys(turn.prompt_id for turn in turns if turn.prompt_id))
    before: str | None = None
    for turn in reversed(turns):
        if turn.prompt_id and turn.prompt_id != before:
            number = prompts.index(turn.prompt_id) + 1 + max(0, (session.prompts or 0) - len(prompts))
            lines.append(line(Segment(f" ── prompt {number} ──", "rule")))
            before = turn.prompt_id
        lines.append(_call(turn, kinds.get(turn.agent_id, turn.agent_id), scene))
        if len(turn.attempts) > 1:
            lines += [_attempt(attempt, scene) for attempt in reversed(turn.attempts)]
    return lines


def _call(turn: TurnView, agent: str, scene: Scene) -> Line:
    took = None if turn.started_at is None or turn.ended_at is None else turn.ended_at - turn.started_at
    failed = turn.outcome not in {"ok", "unknown"}
    end = words.outcome_word(turn.outcome) if failed else turn.stop_reason or turn.outcome
    tools = ", ".join(_tool(tool) for tool in turn.tools)
    if tools and end == "tool_use":
        end = ""
    return line(
        Segment(f" {units.clock(turn.started_at, scene.zone, seconds=True):<8} ", "dim"),
        f"{fit(agent, 10)} {fit(units.duration(took), 5, 'right')} ",
        f"{fit(units.tokens(turn.prompt_tokens), 5, 'right')} {fit(units.percent(turn.read_ratio), 4, 'right')} ",
        f"{fit(units.tokens(turn.output_tokens), 5, 'right')} ",
        f"{fit(units.cost_cell(turn.cost_usd, complete=turn.cost_complete), 5, 'right')}  ",
        Segment(end, "watch" if failed else "dim"),
        f" {tools}" if tools and end else tools,
    )


def _attempt(attempt: AttemptView, scene: Scene) -> Line:
    at = units.clock(attempt.started_at, scene.zone, seconds=True)
    role: Role = "dim" if attempt.outcome == "ok" else "watch"
    return line(Segment(f"   {at} attempt {attempt.number}: {attempt_words(attempt)}", role))


def attempt_words(attempt: AttemptView) -> str:
    """How an exchange ended: `answered`, `529 overloaded (overloaded_error)`."""
    if attempt.outcome == "ok":
        return "answered"
    failure = words.outcome_word(attempt.outcome)
    if attempt.outcome == "http":
        failure = words.failure_words(attempt.status, attempt.limited_by)
    return f"{failure} ({attempt.error_type})" if attempt.error_type else failure


def _tool(tool: ToolView) -> str:
    text = f"{tool.name} ({tool.target})" if tool.target else tool.name
    if tool.seconds is not None and tool.seconds >= 1:
        text += f" {units.ago(tool.seconds)}"
    return f"{text} {words.tool_outcome(tool.outcome)}" if tool.has_failed else text
