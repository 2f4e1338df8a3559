"""Counts tool calls: built-in tools of Claude Code by name, tools of MCP servers, skills."""

from __future__ import annotations

from typing import Final

from clauditor.model.events import FAILED_TOOL_OUTCOMES
from clauditor.model.facts import ToolFact
from clauditor.telemetry.families import Families
from clauditor.telemetry.names import OTHER, Names, Pairs

TOOLS: Final = 16
SERVERS: Final = 16
SERVERS_AND_TOOLS: Final = 48
SKILLS: Final = 24

# Built-in tools of Claude Code, past and present (2.1.330). Everything else is the user's or a server's.
KNOWN_TOOLS: Final = frozenset(
    (
        *("Agent", "AskUserQuestion", "Bash", "BashOutput", "Edit", "EnterPlanMode", "ExitPlanMode", "Glob"),
        *("Grep", "KillShell", "LS", "ListAgents", "MultiEdit", "NotebookEdit", "Read", "ReportFindings"),
        *("ScheduleWakeup", "Skill", "SlashCommand", "SubagentHandback", "Task", "TaskCreate", "TaskOutput"),
        *("TaskStop", "TaskUpdate", "TodoWrite", "ToolSearch", "WebFetch", "WebSearch", "Workflow", "Write"),
    )
)
TOOL_BUCKETS: Final = (0.05, 0.2, 1, 5, 20, 60, 180, 600, 1800, 3600)  # a tool may run for an hour

_MCP: Final = "mcp__"
_SKILL: Final = "Skill"


class ToolCounts:
    def __init__(self, families: Families) -> None:
        counter = families.counter
        self._tool = Names(TOOLS)
        self._server = Names(SERVERS)
        self._server_tool = Names(SERVERS_AND_TOOLS)
        self._server_and_tool = Pairs(SERVERS_AND_TOOLS)
        self._skill = Names(SKILLS)
        self._calls = counter("tool_calls", "Tools the model asked for.", "tool")
        self._failures = counter("tool_failures", "Tool calls that did not succeed.", "tool", "outcome")
        self._seconds = families.histogram(
            "tool_duration_seconds", "From a tool's call to its result.", TOOL_BUCKETS, "tool"
        )
        self._mcp_calls = counter("mcp_calls", "Calls of tools of MCP servers.", "server", "tool")
        self._mcp_failures = counter(
            "mcp_failures", "Calls of tools of MCP servers that did not succeed.", "server", "tool"
        )
        self._skill_calls = counter("skill_calls", "Skills the model started.", "skill")
        self._skill_failures = counter("skill_failures", "Skills that did not start.", "skill")

    def count(self, fact: ToolFact) -> None:
        """A tool was called, or its result came. What may fail begins at 0 with its first call."""
        tool = self._tool_of(fact.name)
        is_call = fact.outcome is None
        failed = fact.outcome in FAILED_TOOL_OUTCOMES
        if is_call:
            self._calls.labels(tool).inc()
            for outcome in sorted(FAILED_TOOL_OUTCOMES):
                self._failures.labels(tool, outcome)
        elif failed:
            self._failures.labels(tool, fact.outcome).inc()
        if fact.duration_seconds is not None and not is_call:
            self._seconds.labels(tool).observe(max(0.0, fact.duration_seconds))
        if fact.name.startswith(_MCP):
            server, _, name = fact.name.removeprefix(_MCP).partition("__")
            pair = self._server_and_tool(self._server(server), self._server_tool(name))
            self._mcp_calls.labels(*pair).inc(is_call)
            self._mcp_failures.labels(*pair).inc(failed)
        elif fact.name == _SKILL:
            skill = self._skill(fact.target)
            self._skill_calls.labels(skill).inc(is_call)
            self._skill_failures.labels(skill).inc(failed)

    def _tool_of(self, name: str) -> str:
        if name.startswith(_MCP):
            return "mcp"
        return self._tool(name) if name in KNOWN_TOOLS else OTHER
