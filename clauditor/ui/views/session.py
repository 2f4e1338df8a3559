"""A session as screens see it: typed, bounded, and with strings that are safe to show.

Source: the session snapshot of the HTTP API (schema version 1); `snapshot.session_view` makes these.
None is unknown, except where a comment says otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    level: str
    signal: str
    reason: str
    next_step: str
    since: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """The attempt under way (or waited for), and the status the last one ended with."""

    attempt: int | None
    status: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokens:
    input: int | None
    output: int | None
    cache_read: int | None
    cache_write: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    tokens: int | None
    window: int | None
    used_ratio: float | None
    compact_at_tokens: int | None
    turns_to_compact: int | None
    compactions: int
    history: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Miss:
    cause: str
    detail: str
    lost_tokens: int | None
    cost_usd: float | None
    at: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Cache:
    state: str | None
    ttl_seconds: float | None
    expires_at: float | None
    hit_ratio: float | None
    misses: int | None
    rebuild_tokens: int | None
    rebuild_cost_usd: float | None
    last_miss: Miss | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningTool:
    """A tool under way. `target` is the base name of its file or program."""

    name: str
    target: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCount:
    name: str
    calls: int
    failures: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """One rate-limit window of the account. `session_share` is an estimate: this session's part of it."""

    name: str
    used_ratio: float | None
    resets_at: float | None
    session_share: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Agent:
    agent_id: str
    type: str
    parent_agent_id: str | None
    state: str
    model: str | None
    turns: int | None
    output_tokens: int | None
    cost_usd: float | None
    cost_complete: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Signal:
    name: str
    severity: str
    summary: str
    evidence: str
    since: float | None
    next_step: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionView:
    """One session. Strings are ready to show, except `session_id`: that one is the key, as it came."""

    session_id: str
    shown_id: str
    identity: str
    client: str | None
    entrypoint: str | None
    label: str | None
    project: str | None
    branch: str | None
    verdict: Verdict | None
    attention: float
    state: str
    waiting_for: str | None
    state_since: float | None
    retry: Retry | None
    started_at: float | None
    last_activity_at: float | None
    ended_at: float | None
    model_requested: str | None
    model_served: str | None
    prompts: int | None
    turns: int | None
    failed_attempts: int
    side_calls: int | None
    tokens: Tokens
    tokens_per_second: float | None
    ttft_seconds: float | None
    stop_reason: str | None
    cost_usd: float | None
    cost_complete: bool
    account: str | None
    billing: str | None
    context: Context
    cache: Cache
    tool_calls: int | None
    tool_failures: int
    tools_running: tuple[RunningTool, ...]
    tools_by_name: tuple[ToolCount, ...]
    limits: tuple[Window, ...]
    agents: tuple[Agent, ...]
    signals: tuple[Signal, ...]
    unseen_exchanges: int
    unseen_bytes: int

    @property
    def model(self) -> str | None:
        """The model that answers; before the first answer, the one asked for."""
        return self.model_served or self.model_requested

    @property
    def estimated(self) -> bool:
        """Whether its money is a list price rather than a bill: everything but a known API account."""
        return self.billing != "api"

    @property
    def scripted(self) -> bool:
        """Whether a program drives it rather than a person at a terminal."""
        return (self.entrypoint or "").startswith("sdk")

    @property
    def helpers(self) -> tuple[Agent, ...]:
        """Its agents other than the main thread."""
        return tuple(agent for agent in self.agents if agent.agent_id != "main")

    def window(self, name: str) -> Window | None:
        return next((window for window in self.limits if window.name == name), None)
