"""Everything about one session: its pane, its agents as a tree, its tools, and its calls one by one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from clauditor.ui.views import units, words
from clauditor.ui.views.cells import Scene
from clauditor.ui.views.detail import detail, tagged, title
from clauditor.ui.views.segments import KEEP, Line, Role, Segment, clip, fit, line
from clauditor.ui.views.session import Agent, SessionView
from clauditor.ui.views.turns import AttemptView, Calls, SideCalls, ToolView, TurnView

_MAX_DEPTH: Final = 8  # a deeper tree is drawn flat
_OUTCOMES: Final = {
    "http": "refused",
    "stream": "broke off",
    "aborted": "ended early",
    "proxy": "seen in part",
}
_FAILED_TOOLS: Final = frozenset({"error", "timeout", "denied", "rejected"})
_CALL_TITLES: Final = (
    f" {'TIME':<8} {'AGENT':<10} {'TOOK':>5} {'SENT':>5} {'READ':>4} {'OUT':>5} {'$':>5}  END, TOOLS"
)


def session_lines(session: SessionView, calls: Calls | None, scene: Scene, width: int) -> list[Line]:
    """The whole story; `calls` is None where they could not be read."""
    lines = [title(session, width), *detail(session, scene, width)]
    if calls is not None and calls.side_calls:
        lines += tagged("SIDE", _side_calls(calls.side_calls, session), width)
    lines += _identity(session, width)
    if len(session.agents) > 1:
        lines += [line(), *agent_lines(session)]
    if session.tools_by_name:
        lines += [line(), *_tool_counts(session, width)]
    lines.append(line())
    if calls is None:
        lines.append(line(Segment(" The calls of this session could not be read.", "dim")))
    elif not calls.turns:
        lines.append(line(Segment(" No finished call yet.", "dim")))
    else:
        lines += call_lines(calls.turns, session, scene)
    return [clip(shown, width) for shown in lines]


def _side_calls(side_calls: Sequence[SideCalls], session: SessionView) -> str:
    parts = []
    for side in side_calls:
        cost = units.price(side.cost_usd, estimated=session.estimated, complete=side.cost_complete)
        parts.append(
            f"{side.name.replace('_', ' ')} {side.calls}" + ("" if side.cost_usd is None else f" ({cost})")
        )
    return ", ".join(parts)


def _identity(session: SessionView, width: int) -> list[Line]:
    parts = [session.shown_id, session.client or "", session.entrypoint or ""]
    if session.identity == "derived":
        parts.append("identity derived from its first message")
    if session.account:
        parts.append(f"account {session.account}")
    return tagged("ID", ", ".join(part for part in parts if part), width)


def agent_lines(session: SessionView) -> list[Line]:
    """The agents as a tree, each with what it does and what it cost."""
    lines = [line(Segment(f" {'AGENTS':<30} {'STATE':<9} {'CALLS':>5} {'OUT':>5} {'$':>5}  MODEL", "head"))]
    for agent, branch in _tree(session.agents):
        role: Role = "good" if agent.state in words.WORKING else "plain"
        lines.append(
            line(
                Segment(f" {fit(f'{branch}{agent.type} {_short(agent)}', 30)} "),
                Segment(f"{fit(words.agent_word(agent.state), 9)} ", role),
                f"{fit(units.whole(agent.turns), 5, 'right')} ",
                f"{fit(units.tokens(agent.output_tokens), 5, 'right')} ",
                f"{fit(_amount(agent.cost_usd, agent.cost_complete), 5, 'right')}  ",
                Segment(agent.model or "", "dim"),
            )
        )
    return lines


def _short(agent: Agent) -> str:
    return "" if agent.agent_id == "main" else agent.agent_id[:8]


def _tree(agents: Sequence[Agent]) -> Iterator[tuple[Agent, str]]:
    """Agents in the order of the tree, each with the branch drawn before it."""
    children: dict[str | None, list[Agent]] = {}
    known = {agent.agent_id for agent in agents}
    for agent in agents:
        # An agent that is its own parent, or whose parent left the tree, stands at the root.
        parent = agent.parent_agent_id
        root = parent not in known or parent == agent.agent_id
        children.setdefault(None if root else parent, []).append(agent)
    drawn: set[str] = set()

    def walk(parent: str | None, before: str, depth: int) -> Iterator[tuple[Agent, str]]:
        siblings = children.get(parent, [])
        for index, agent in enumerate(siblings):
            if agent.agent_id in drawn:
                continue
            drawn.add(agent.agent_id)
            last = index == len(siblings) - 1
            branch = "" if depth == 0 else f"{before}{'└' if last else '├'} "
            yield agent, branch
            deeper = "" if depth == 0 else f"{before}{' ' if last else '│'} "
            if depth < _MAX_DEPTH:
                yield from walk(agent.agent_id, deeper, depth + 1)

    yield from walk(None, "", 0)
    # What hangs in a circle was reached from nowhere: it is shown all the same.
    yield from ((agent, "? ") for agent in agents if agent.agent_id not in drawn)


def _tool_counts(session: SessionView, width: int) -> list[Line]:
    shown = ", ".join(
        f"{tool.name}{KEEP}{tool.calls}" + (f"{KEEP}({tool.failures}{KEEP}failed)" if tool.failures else "")
        for tool in session.tools_by_name
    )
    return tagged("TOOLS", shown, width)


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
    end = _OUTCOMES.get(turn.outcome, turn.outcome) if failed else turn.stop_reason or turn.outcome
    tools = ", ".join(_tool(tool) for tool in turn.tools)
    return line(
        Segment(f" {units.clock(turn.started_at, scene.zone, seconds=True):<8} ", "dim"),
        f"{fit(agent, 10)} {fit(units.duration(took), 5, 'right')} ",
        f"{fit(units.tokens(turn.prompt_tokens), 5, 'right')} {fit(units.percent(turn.read_ratio), 4, 'right')} ",
        f"{fit(units.tokens(turn.output_tokens), 5, 'right')} ",
        f"{fit(_amount(turn.cost_usd, turn.cost_complete), 5, 'right')}  ",
        Segment(end, "watch" if failed else "dim"),
        f" {tools}" if tools else "",
    )


def _attempt(attempt: AttemptView, scene: Scene) -> Line:
    at = units.clock(attempt.started_at, scene.zone, seconds=True)
    if attempt.outcome == "ok":
        return line(Segment(f"   {at} attempt {attempt.number}: answered", "dim"))
    failure = (
        words.failure_words(attempt.status)
        if attempt.outcome == "http"
        else _OUTCOMES.get(attempt.outcome, "")
    )
    named = f" ({attempt.error_type})" if attempt.error_type else ""
    return line(Segment(f"   {at} attempt {attempt.number}: {failure or attempt.outcome}{named}", "watch"))


def _tool(tool: ToolView) -> str:
    text = f"{tool.name} ({tool.target})" if tool.target else tool.name
    if tool.seconds is not None and tool.seconds >= 1:
        text += f" {units.ago(tool.seconds)}"
    if tool.outcome in _FAILED_TOOLS:
        text += f" {'refused' if tool.outcome in {'denied', 'rejected'} else 'failed'}"
    return text


def _amount(usd: float | None, complete: bool) -> str:
    mark = "" if complete or usd is None else "≥"
    return mark + units.amount(usd, 5 - len(mark))
