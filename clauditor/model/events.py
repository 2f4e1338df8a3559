"""The vocabulary: everything that can happen to a session, as frozen values.

Bytes become these events (`wire`), these events change sessions (`model.session`), and every sink
(store, metrics, feed) watches them. Nothing here holds prompt or answer text, except `LabelFound`,
which lives in memory only. Provider fields keep the provider's spelling.

Invariant, held by `wire.exchange` and its property tests: every `AttemptStarted` is followed by exactly
one `AttemptFinished` or `AttemptFailed` with the same `exchange_id`, wherever the bytes are cut. Side
calls and compactions have no start: one `SideCallFinished` or `Compacted` at their end.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from clauditor.model.models import ModelLimits
from clauditor.model.request_shape import RequestShape
from clauditor.model.usage import Usage

MAIN_AGENT = "main"

Identity = Literal["header", "metadata", "derived"]
RequestClass = Literal["main", "subagent", "fork", "workflow"]
ToolOutcome = Literal["ok", "error", "rejected", "timeout", "denied"]
FAILED_TOOL_OUTCOMES: Final[frozenset[ToolOutcome]] = frozenset({"error", "timeout", "denied"})
"""A tool that the person rejected did not fail."""
FailureKind = Literal["http", "stream", "aborted", "proxy"]
LimitedBy = Literal["plan", "service"]
UNOBSERVED: Final = "unobserved"
"""The `error_type` of an attempt whose end was not seen: it may have been answered."""
Severity = Literal["notice", "watch", "act"]
Evidence = Literal["measured", "derived", "heuristic"]
"""How sure something is: seen on the wire or told by the client; computed from that; or a rule of thumb."""


# Keyed digests of what was said: they never leave the process.
IN_MEMORY_FIELDS: Final = frozenset(
    {"messages_digest", "first_text_digest", "shape", "input_digest", "prompt_digest", "result_digest"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """What every event says: when (Unix seconds), and of which session, agent and exchange.

    `session_id` is empty for what concerns the daemon as a whole. `exchange_id` is Envoy's connection
    id and the request's start in microseconds, `"<connection>-<micros>"`: stable across restarts.
    """

    at: float
    session_id: str
    agent_id: str = MAIN_AGENT
    exchange_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptStarted(Event):
    """A model call that the user would count was sent (its request body is complete).

    `prompt_id` is the client's own id where hint headers are on; `new_prompt` says that the last
    message was typed by a person, `is_wake_up` that the client sent it of its own accord (an agent in the
    background ended), with a prompt id of its own. `messages_digest` is equal for attempts of one turn.
    `first_text_digest` of an agent's request equals the `prompt_digest` of the `ToolCalled` that started
    the agent. Both digests are keyed with a per-start secret and never stored.
    """

    identity: Identity
    request_class: RequestClass
    model: str
    messages_digest: str
    client: str | None = None
    entrypoint: str | None = None
    agent_type: str | None = None
    parent_agent_id: str | None = None
    prompt_id: str | None = None
    new_prompt: bool = False
    is_wake_up: bool = False
    stream: bool = True
    message_count: int = 0
    request_bytes: int = 0
    account: str | None = None
    project: str | None = None
    branch: str | None = None
    long_context: bool = False
    cache_ttl_seconds: int | None = None
    first_text_digest: str | None = None
    shape: RequestShape | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolReturned(Event):
    """The result of an earlier tool call arrived in a request. `duration_seconds` is the client's own
    measurement (hint headers), without the time spent waiting for a person. `result_digest` is keyed with a
    per-start secret and never stored.
    """

    tool_use_id: str
    outcome: ToolOutcome
    result_bytes: int = 0
    duration_seconds: float | None = None
    result_digest: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ResponseStarted(Event):
    """The head of the answer arrived. `request_id` is the provider's."""

    status: int
    request_id: str | None = None
    account: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstToken(Event):
    """The first content of the answer. `model` is the one that serves it; `usage` is what
    `message_start` said (the prompt side is final there as a rule).
    """

    model: str | None = None
    usage: Usage | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress(Event):
    """Bytes still flow (pings count), the last at `at`. Told at most four times a second; leaves no trace in the facts.

    `output_bytes` counts the answer's content so far (text, thinking, tool input; UTF-8 bytes).
    """

    output_bytes: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCalled(Event):
    """The model asked for a tool (its block is complete; the client starts it now).

    `target` is safe to show: the base name of a file or the program name of a command.
    `input_digest` is keyed with a per-start secret and never stored. `prompt_digest` is there only for
    tools that start an agent: the same kind of digest of the agent's prompt.
    """

    tool_use_id: str
    name: str
    target: str | None = None
    input_bytes: int = 0
    input_digest: str = ""
    prompt_digest: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptFinished(Event):
    """A complete answer. `model` is the one that served it.

    `cache_miss_reason` is the server's own diagnosis, in its words (None: not asked, or no miss).
    `context_edited`: the server cleared old tool results or thinking, which changes the cached prefix.
    """

    model: str
    usage: Usage | None
    stop_reason: str | None = None
    message_id: str | None = None
    request_id: str | None = None
    cache_miss_reason: str | None = None
    context_edited: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptFailed(Event):
    """An attempt without a complete answer.

    `kind`: `http` the upstream answered an error status; `stream` an error event or a cut after a 200;
    `aborted` the client went away; `proxy` the answer came from Envoy itself, or capture ended early.
    `usage` is what was counted before it broke (None: nothing was). `limited_by` says whose limit a 429 is: that of
    the account's plan, or the service's own (None: no 429).
    """

    kind: FailureKind
    status: int | None = None
    error_type: str | None = None
    model: str | None = None
    usage: Usage | None = None
    request_id: str | None = None
    retry_after_seconds: float | None = None
    limited_by: LimitedBy | None = None

    @property
    def is_unobserved(self) -> bool:
        return self.error_type == UNOBSERVED


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionMuted(Event):
    """A person asked for quiet until some Unix seconds, or (None) took that back."""

    until: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelFound(Event):
    """What the session is for, cleaned and cut. Lives in memory only, unless the user asks to store it.

    `is_name`: the client's own name for the session, rather than its first prompt.
    """

    label: str
    is_name: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SideCallFinished(Event):
    """A call the user would not count ended: title, suggestion, classifier, web search, count_tokens.

    Paid for (`usage`), never a turn. `name` is one of `wire.anthropic.request.SIDE_CALLS`.
    """

    name: str
    started_at: float
    identity: Identity = "header"
    client: str | None = None
    model: str | None = None
    usage: Usage | None = None
    complete: bool = True
    status: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Compacted(Event):
    """The client summarised its conversation (`trigger`: manual, auto or None if unknown)."""

    model: str
    started_at: float
    trigger: str | None = None
    usage: Usage | None = None
    complete: bool = True
    status: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitWindow:
    """One rate-limit window as the answer's headers told it. `used_ratio` 0..1 (may exceed 1);
    `resets_at` Unix seconds; `surpassed_ratio` the highest threshold the service warns of (None: it does not).
    """

    name: str
    used_ratio: float | None = None
    resets_at: float | None = None
    status: str | None = None
    surpassed_ratio: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitsSeen(Event):
    """Rate-limit headers of one answer. `billing` is `plan` (unified windows) or `api` (token buckets)."""

    account: str
    billing: Literal["plan", "api"]
    windows: tuple[LimitWindow, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelsSeen(Event):
    """A list of models passed, or what was said of one. It concerns no session, whoever asked for it."""

    models: tuple[ModelLimits, ...]


HookName = Literal[
    "SessionStart",
    "SessionEnd",
    "UserPromptSubmit",
    "PermissionRequest",
    "Notification",
    "Stop",
    "PostToolUse",
    "StatusLine",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class HookSeen(Event):
    """The client itself told something, by a hook or by calling its status line (`StatusLine`).

    `tool_name` is the tool that a person must allow (`PermissionRequest`) or that ended (`PostToolUse`);
    `notice` the kind of a notification (`permission_prompt`, `idle_prompt`). Of the terminal: `pane` (tmux)
    and `tty`. `run_id` names the `clauditor run` that started the client, `client_cost_usd` is what the client
    itself counted for the session so far.
    """

    hook: HookName
    tool_name: str | None = None
    tool_use_id: str | None = None
    prompt_id: str | None = None
    notice: str | None = None
    pane: str | None = None
    tty: str | None = None
    run_id: str | None = None
    client_cost_usd: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalRaised(Event):
    """A signal holds from now on. `summary` is one sentence, `short` the same in at most 19 cells, both made of
    numbers and names; `rank` orders signals of one severity, the smallest first.
    """

    name: str
    severity: Severity
    evidence: Evidence
    summary: str
    short: str
    next_step: str
    rank: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalCleared(Event):
    """A signal that was raised at `raised_at` (Unix seconds) no longer holds, or holds in another severity."""

    name: str
    severity: Severity
    raised_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class GapFound(Event):
    """Traffic passed of which something was not seen. `reason` is one constant word."""

    reason: str
    unseen_bytes: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionEnded(Event):
    """The session is over. `reason`: hook, run, age or demo."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockJumped(Event):
    """The wall clock was set: every open point in time moves by `seconds`."""

    seconds: float


InputLimit = Literal[
    "expansion", "line", "events", "answer", "early_answer", "nesting", "number", "value", "items", "blocks", "tools",
    "tool_input", "headers", "models",
]  # fmt: skip
"""Limits of what is read of one exchange (docs/wire.md)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Malformed(Event):
    """Bytes that made no sense where `where` (a constant word of the wire layer) met them; counted,
    never fatal, and without trace in the facts. Where `where` is `limit`, `reason` is an `InputLimit`.
    """

    where: str
    reason: str
