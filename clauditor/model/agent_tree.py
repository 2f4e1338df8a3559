"""The agents of a session and who started whom: by the client's own ids, else by what an agent was told first."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from clauditor.model.agent import Agent
from clauditor.model.events import MAIN_AGENT, AttemptStarted, ToolCalled
from clauditor.model.unkept import Unkept

MAX_AGENTS: Final = 512  # a workflow may start hundreds; the longest quiet one leaves the tree first
MAX_SPAWNS: Final = 64  # started agents of which nothing was seen yet


@dataclass(slots=True, kw_only=True)
class Spawn:
    """A tool call that starts an agent which was not seen yet. Its result may come first (in the background)."""

    agent_id: str
    prompt: Unkept = field(compare=False)


@dataclass(slots=True, kw_only=True)
class AgentTree:
    agents: dict[str, Agent] = field(default_factory=dict)
    spawns: dict[str, Spawn] = field(default_factory=dict)

    def agent_of(self, event: AttemptStarted) -> Agent:
        """The agent that sent a request; a new one takes its place in the tree."""
        agent = self.agents.get(event.agent_id)
        if agent is None:
            if len(self.agents) >= MAX_AGENTS:
                self._drop_quietest_agent()
            agent = self.agents[event.agent_id] = self._new_agent(event)
        return agent

    def _new_agent(self, event: AttemptStarted) -> Agent:
        if event.agent_id == MAIN_AGENT:
            return Agent(agent_id=MAIN_AGENT, type="main", started_at=event.at, last_activity_at=event.at)
        parent_id, tool_use_id = self._spawner(event)
        return Agent(
            agent_id=event.agent_id,
            type=event.agent_type or event.request_class,
            started_at=event.at,
            last_activity_at=event.at,
            parent_agent_id=event.parent_agent_id or parent_id or MAIN_AGENT,
            spawning_tool_use_id=tool_use_id,
        )

    def _spawner(self, event: AttemptStarted) -> tuple[str | None, str | None]:
        """The agent and the tool call that started this one: its first text is the call's prompt."""
        if event.first_text_digest is not None:
            for tool_use_id, spawn in self.spawns.items():
                if spawn.prompt.value == event.first_text_digest:
                    del self.spawns[tool_use_id]
                    return spawn.agent_id, tool_use_id
        return None, None

    def _drop_quietest_agent(self) -> None:
        """Its numbers stay in the session's totals."""
        others = (agent for agent in self.agents.values() if not agent.is_main)
        quietest = min(others, key=lambda agent: agent.last_activity_at)
        del self.agents[quietest.agent_id]

    def note_spawn(self, event: ToolCalled) -> None:
        """A tool was called; if it starts an agent, that one's first text will be its prompt."""
        if event.prompt_digest is None:
            return
        self.spawns[event.tool_use_id] = Spawn(agent_id=event.agent_id, prompt=Unkept(event.prompt_digest))
        if len(self.spawns) > MAX_SPAWNS:
            del self.spawns[next(iter(self.spawns))]
