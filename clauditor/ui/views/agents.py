"""The agents of a session as a tree: what each does, what it sent and what it cost."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from clauditor.ui.views import units, words
from clauditor.ui.views.segments import Line, Role, Segment, fit, line
from clauditor.ui.views.session import Agent, SessionView

_MAX_DEPTH: Final = 8  # a deeper tree is drawn flat


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
                f"{fit(units.cost_cell(agent.cost_usd, complete=agent.cost_complete), 5, 'right')}  ",
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
