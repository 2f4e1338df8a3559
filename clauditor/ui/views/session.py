"""A session as screens see it: typed, bounded, and with strings that are safe to show.

Source: the session snapshot of the HTTP API (schema version 1); `snapshot.session_view` makes these.
None is unknown, except where a comment says otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """`reason` is a sentence, `short` the same in few cells; both are empty where the level is `ok`."""

    level: str
    signal: str
    reason: str
    short: str
    next_step: str
    since: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """The attempt under way (or waited for), the status the last one ended with, and whose limit a 429 was: that of
    the `plan` or of the `service`.
    """

    attempt: int | None
    status: int | None
    limited_by: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokens:
    input: int | None
    output: int | None
    cache_read: int | None
    cache_write: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Compaction:
    """The newest one: the size in tokens before it and after."""

    at: float | None
    tokens_before: int | None
    tokens_after: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """`is_learned`: `compact_at_tokens` is where this session was seen to compact, not an estimate."""

    tokens: int | None
    window: int | None
    used_ratio: float | None
    compact_at_tokens: int | None
    is_learned: bool
    turns_to_compact: int | None
    compactions: int
    last_compaction: Compaction | None
    history: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Miss:
    """The newest rebuild. `expected`: a compaction or the clearing of old results explains it."""

    cause: str
    detail: str
    lost_tokens: int | None
    cost_usd: float | None
    at: float | None
    agent_id: str
    expected: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Cache:
    """`rebuild_*`: what the next message writes anew once it is cold; `lost_*`: what rebuilds took so far.
    `latest_expires_at` is None where all of it goes cold at once; `events` counts calls by what their cache did.
    """

    state: str | None
    ttl_seconds: float | None
    expires_at: float | None
    latest_expires_at: float | None
    hit_ratio: float | None
    misses: int | None
    rebuild_tokens: int | None
    rebuild_cost_usd: float | None
    lost_tokens: int | None
    lost_cost_usd: float | None
    last_miss: Miss | None
    events: tuple[tuple[str, int], ...]


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
    """One rate-limit window of the account. Estimates: `projected_ratio` at its reset, `full_at` if it will be
    full before that, `session_share` is this session's part of its use.
    """

    name: str
    used_ratio: float | None
    resets_at: float | None
    projected_ratio: float | None
    full_at: float | None
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
    short: str
    evidence: str
    since: float | None
    next_step: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionView:
    """One session. Strings are ready to show, except `session_id`: that one is as it came.

    `host` names the sidecar that told of it where a screen asks several, else it is empty; `pane` (tmux) and `tty` are
    where its client runs; `is_answered` is None while a call is under way.
    """

    session_id: str
    host: str
    shown_id: str
    identity: str
    client: str | None
    entrypoint: str | None
    label: str | None
    project: str | None
    branch: str | None
    verdict: Verdict | None
    attention: float
    muted_until: float | None
    state: str
    waiting_for: str | None
    state_since: float | None
    state_evidence: str | None
    state_source: str | None
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
    usual_ttft_seconds: float | None
    stop_reason: str | None
    is_answered: bool | None
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
    pane: str | None
    tty: str | None
    unseen_exchanges: int
    unseen_bytes: int

    @property
    def key(self) -> str:
        """What tells it from every other one on a screen."""
        return f"{self.host}\n{self.session_id}" if self.host else self.session_id

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

    @property
    def is_muted(self) -> bool:
        """Whether the person asked it to be quiet. The sidecar says when that ends."""
        return self.muted_until is not None

    def window(self, name: str) -> Window | None:
        return next((window for window in self.limits if window.name == name), None)
