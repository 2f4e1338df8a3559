"""What was done, by whom, and under which limits: tools, agents, files by name, rate-limit windows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from clauditor.model.events import MAIN_AGENT
from clauditor.reports.foreign import amount_of, count_of, map_of, maps_of, text_of
from clauditor.reports.material import Material, ToolUse

MAX_TOOLS: Final = 30
MAX_AGENTS: Final = 60
MAX_FILES: Final = 6
MAX_WINDOWS: Final = 12
_AGENTS_READ: Final = 600  # a snapshot holds 512
_TOOLS_READ: Final = 500
_MAX_DEPTH: Final = 8
_FILE_TOOLS: Final = {"Edit": 3, "MultiEdit": 3, "Write": 3, "NotebookEdit": 3, "Read": 1}
"""Tools whose target is the base name of a file. What was changed says more of the work than what was read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolRow:
    """One tool. `longest_seconds` (with its target) and `waited_seconds` (for a person): None is unknown."""

    name: str
    calls: int
    failures: int
    longest_seconds: float | None
    longest_target: str | None
    waited_seconds: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentRow:
    """One agent in the order of the tree; `depth` 0 is the main thread."""

    agent_id: str
    type: str
    depth: int
    parent_agent_id: str | None
    model: str | None
    turns: int | None
    failed_attempts: int | None
    output_tokens: int | None
    cost_usd: float | None
    cost_complete: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowRow:
    """A rate-limit window of the account as the snapshot knew it; `session_share` is an estimate."""

    name: str
    used_ratio: float | None
    resets_at: float | None
    projected_ratio: float | None
    session_share: float | None


def tool_rows(material: Material) -> tuple[ToolRow, ...]:
    """The session's tools, most called first."""
    uses: dict[str, list[ToolUse]] = {}
    for _, tool in material.tools():
        uses.setdefault(tool.name, []).append(tool)
    by_name = map_of(material.section("tools").get("by_name"))
    counted = {
        name: map_of(tally)
        for key, tally in list(by_name.items())[:_TOOLS_READ]
        if (name := text_of(key)) is not None
    }
    rows: list[ToolRow] = []
    for name in {**counted, **uses}:
        own, tally = uses.get(name, []), counted.get(name, {})
        longest = max(own, key=lambda tool: tool.duration_seconds or 0.0, default=None)
        waited = [tool.waited_seconds for tool in own if tool.waited_seconds is not None]
        rows.append(
            ToolRow(
                name=name,
                calls=max(count_of(tally.get("calls")) or 0, len(own)),
                failures=count_of(tally.get("failures")) or 0,
                longest_seconds=longest.duration_seconds if longest else None,
                longest_target=longest.target if longest else None,
                waited_seconds=sum(waited) if waited else None,
            )
        )
    return tuple(sorted(rows, key=lambda row: (-row.calls, row.name))[:MAX_TOOLS])


def waited_seconds(material: Material) -> float | None:
    """How long tools waited for a person, as far as the client told; None where it never did."""
    waited = [tool.waited_seconds for _, tool in material.tools() if tool.waited_seconds is not None]
    return sum(waited) if waited else None


def files(material: Material) -> tuple[str, ...]:
    """Base names of the files that the session had most to do with."""
    touched = Counter[str]()
    for _, tool in material.tools():
        weight = _FILE_TOOLS.get(tool.name)
        if weight is not None and tool.target is not None:
            touched[tool.target] += weight
    return tuple(name for name, _ in touched.most_common(MAX_FILES))


def agent_rows(material: Material) -> tuple[tuple[AgentRow, ...], int]:
    """The tree, and how many agents were left out: those that cost least."""
    agents = maps_of(material.snapshot.get("agents"), _AGENTS_READ)
    by_cost = sorted(
        agents, key=lambda agent: (_id(agent) != MAIN_AGENT, -(amount_of(agent.get("cost_usd")) or 0.0))
    )
    kept = {id(agent) for agent in by_cost[:MAX_AGENTS]}
    shown = [agent for agent in agents if id(agent) in kept]
    return tuple(_agent(agent, depth) for agent, depth in _tree(shown)), len(agents) - len(shown)


def _id(agent: Mapping[str, Any]) -> str:
    return text_of(agent.get("agent_id")) or "unnamed"


def _tree(agents: list[Mapping[str, Any]]) -> Iterator[tuple[Mapping[str, Any], int]]:
    """Each agent once, children after their parent; one whose parent is unknown stands at the root."""
    known = {_id(agent) for agent in agents}
    children: dict[str | None, list[Mapping[str, Any]]] = {}
    for agent in agents:
        parent = text_of(agent.get("parent_agent_id"))
        children.setdefault(parent if parent in known and parent != _id(agent) else None, []).append(agent)
    drawn: set[int] = set()
    waiting = [(agent, 0) for agent in reversed(children.get(None, []))]
    while waiting:
        agent, depth = waiting.pop()
        if id(agent) in drawn:
            continue
        drawn.add(id(agent))
        yield agent, depth
        deeper = min(depth + 1, _MAX_DEPTH)
        waiting += [(child, deeper) for child in reversed(children.get(_id(agent), []))]
    yield from ((agent, 0) for agent in agents if id(agent) not in drawn)  # what hangs in a circle


def _agent(fields: Mapping[str, Any], depth: int) -> AgentRow:
    model = map_of(fields.get("model"))
    return AgentRow(
        agent_id=_id(fields),
        type=text_of(fields.get("type")) or "agent",
        depth=depth,
        parent_agent_id=text_of(fields.get("parent_agent_id")),
        model=text_of(model.get("served")) or text_of(model.get("requested")),
        turns=count_of(fields.get("turns")),
        failed_attempts=count_of(fields.get("failed_attempts")),
        output_tokens=count_of(map_of(fields.get("tokens")).get("output")),
        cost_usd=amount_of(fields.get("cost_usd")),
        cost_complete=fields.get("cost_complete") is not False,
    )


def window_rows(material: Material) -> tuple[WindowRow, ...]:
    """The account's windows, as far as anything is known of them."""
    rows = [
        WindowRow(
            name=name,
            used_ratio=amount_of(fields.get("used_ratio")),
            resets_at=amount_of(fields.get("resets_at")),
            projected_ratio=amount_of(fields.get("projected_ratio")),
            session_share=amount_of(fields.get("session_share")),
        )
        for key, value in list(material.section("limits").items())[:MAX_WINDOWS]
        if (fields := map_of(value)) and (name := text_of(key)) is not None
    ]
    return tuple(rows)
