"""One agent of a session (the main thread, a subagent, fork or workflow agent) and its turns.

An agent is a record that `model.session` changes; what it is doing is derived from it by `state_of`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Literal

from clauditor.model.events import AttemptFailed, AttemptStarted
from clauditor.model.usage import Usage

State = Literal["thinking", "streaming", "tool", "waiting", "retrying", "stalled", "idle", "ended"]
WaitingFor = Literal["approval", "question", "prompt", "background"]

SAME_TURN_SECONDS: Final = 900.0  # a resend of the same messages later than this is a new call
RETRY_SILENCE_SECONDS: Final = 60.0  # the client's longest back-off is about 34 s
IDLE_SECONDS: Final = 900.0
MAX_UNANSWERED: Final = 8  # calls of one agent that may be retried side by side

# Tools that are nothing but a dialog with the person: their call is the wait.
_DIALOGS: Final[dict[str, WaitingFor]] = {"AskUserQuestion": "question", "ExitPlanMode": "approval"}
_RETRYABLE: Final = frozenset({401, 408, 429, 500, 502, 503, 504, 529})


class Unkept:
    """A digest that lives in memory only: packing a session drops it (`model.packing`)."""

    __slots__ = ("digest",)

    def __init__(self, digest: str | None = None) -> None:
        self.digest = digest


@dataclass(slots=True, kw_only=True)
class Tokens:
    """Running totals by class."""

    input: int = 0
    output: int = 0
    cache_read: int = 0
    cache_write_5m: int = 0
    cache_write_1h: int = 0
    thinking: int = 0

    def add(self, usage: Usage) -> None:
        self.input += usage.input
        self.output += usage.output
        self.cache_read += usage.cache_read
        self.cache_write_5m += usage.cache_write_5m
        self.cache_write_1h += usage.cache_write_1h
        self.thinking += usage.thinking
        for _, extra in usage.extra:
            self.add(extra)


@dataclass(slots=True, kw_only=True)
class Bill:
    """What something cost so far: US dollars, None while nothing could be priced."""

    usd: float | None = None
    complete: bool = True

    def add(self, usd: float | None, *, complete: bool) -> None:
        if usd is not None:
            self.usd = (self.usd or 0.0) + usd
        self.complete = self.complete and complete


@dataclass(slots=True, kw_only=True)
class Call:
    """An attempt that is under way."""

    exchange_id: str
    turn_id: str
    attempt: int
    model: str
    started_at: float
    prompt_id: str | None = None
    request_bytes: int = 0
    message_count: int = 0
    long_context: bool = False
    cache_ttl_seconds: int | None = None
    responded_at: float | None = None
    first_token_at: float | None = None
    status: int | None = None
    request_id: str | None = None


@dataclass(slots=True, kw_only=True)
class Turn:
    """A call that the user would count: attempts with the same messages belong to it until one is answered."""

    turn_id: str
    messages: Unkept = field(compare=False)
    started_at: float
    attempts: int = 1
    ended_at: float | None = None
    failed_status: int | None = None
    will_retry: bool = False


@dataclass(slots=True, kw_only=True)
class ToolCall:
    """A tool that was asked for and whose result was not yet seen."""

    tool_use_id: str
    exchange_id: str
    name: str
    target: str | None
    called_at: float
    input_bytes: int
    message_count: int = 0


@dataclass(slots=True, kw_only=True)
class Agent:
    agent_id: str
    type: str
    started_at: float
    last_activity_at: float
    parent_agent_id: str | None = None
    spawning_tool_use_id: str | None = None
    requested: str | None = None
    served: str | None = None
    turns: int = 0
    attempts: int = 0
    failed_attempts: int = 0
    tokens: Tokens = field(default_factory=Tokens)
    bill: Bill = field(default_factory=Bill)
    stop_reason: str | None = None
    turn: Turn | None = None
    unanswered: list[Turn] = field(default_factory=list)
    ended_turn_at: float | None = None
    open: dict[str, Call] = field(default_factory=dict)
    running: dict[str, ToolCall] = field(default_factory=dict)

    @property
    def is_main(self) -> bool:
        return self.parent_agent_id is None and self.type == "main"

    def start(self, event: AttemptStarted) -> Call:
        """Open an attempt; it belongs to an earlier turn with the same messages that has no answer yet."""
        turn = self._turn_of(event)
        if turn is not None:
            turn.attempts += 1
        else:
            turn = Turn(
                turn_id=event.exchange_id, messages=Unkept(event.messages_digest), started_at=event.at
            )
            self.turns += 1
            self.unanswered = [*self.unanswered, turn][-MAX_UNANSWERED:]
        self.turn = turn
        self.attempts += 1
        self.requested = event.model
        call = Call(
            exchange_id=event.exchange_id,
            turn_id=turn.turn_id,
            attempt=turn.attempts,
            model=event.model,
            started_at=event.at,
            prompt_id=event.prompt_id,
            request_bytes=event.request_bytes,
            message_count=event.message_count,
            long_context=event.long_context,
            cache_ttl_seconds=event.cache_ttl_seconds,
        )
        self.open[event.exchange_id] = call
        return call

    def close(self, call: Call, at: float, failure: AttemptFailed | None) -> None:
        """An attempt ended, with an answer or by `failure`."""
        self.ended_turn_at = at
        self._drop_tools(call, is_broken=failure is not None)
        turn = next((turn for turn in self.unanswered if turn.turn_id == call.turn_id), None)
        if turn is None:
            return
        turn.ended_at = at
        if failure is None:
            turn.will_retry = False
            self.unanswered.remove(turn)
        else:
            turn.failed_status = failure.status
            turn.will_retry = failure.kind in {"stream", "proxy"} or failure.status in _RETRYABLE

    def forget_unanswered(self) -> None:
        """What was under way was not seen to end: the next call begins a new turn."""
        self.unanswered.clear()
        if self.turn is not None:
            self.turn.will_retry = False

    def _turn_of(self, event: AttemptStarted) -> Turn | None:
        """The turn that a request is a further attempt of: same messages, not answered, not long ago."""
        for turn in self.unanswered:
            since = event.at - (turn.ended_at or turn.started_at)
            if turn.messages.digest == event.messages_digest and since <= SAME_TURN_SECONDS:
                return turn
        return None

    def _drop_tools(self, call: Call, *, is_broken: bool) -> None:
        """Forget tools whose results will never come: those of a broken answer, which the client throws away,
        and those that the conversation of `call` went on without.
        """
        for tool in list(self.running.values()):
            is_passed_by = tool.message_count < call.message_count and tool.called_at < call.started_at
            if is_passed_by or (is_broken and tool.exchange_id == call.exchange_id):
                del self.running[tool.tool_use_id]

    def state_of(self, now: float) -> tuple[State, WaitingFor | None, float]:
        """What the agent is doing, for what it waits, and since when (Unix seconds)."""
        if self.open:
            call = list(self.open.values())[-1]
            if call.first_token_at is not None:
                return "streaming", None, call.first_token_at
            if call.attempt > 1 and self.turn is not None:
                return "retrying", None, self.turn.started_at
            return "thinking", None, call.started_at
        if self.running:
            return self._running_state()
        since = self.ended_turn_at or self.last_activity_at
        if self.turn is not None and self.turn.will_retry and now - since < RETRY_SILENCE_SECONDS:
            return "retrying", None, self.turn.started_at
        if not self.is_main:
            return "ended", None, since
        if now - self.last_activity_at >= IDLE_SECONDS:
            return "idle", None, self.last_activity_at + IDLE_SECONDS
        return "waiting", "prompt", since

    def _running_state(self) -> tuple[State, WaitingFor | None, float]:
        since = min(tool.called_at for tool in self.running.values())
        dialogs = {_DIALOGS.get(tool.name) for tool in self.running.values()}
        if None in dialogs:
            return "tool", None, since
        return "waiting", "approval" if "approval" in dialogs else "question", since

    def turning_points(self) -> list[float]:
        """When a quiet agent's state changes by itself (some may have passed)."""
        if self.open or self.running:
            return []
        points = [self.last_activity_at + IDLE_SECONDS]
        if self.turn is not None and self.turn.will_retry and self.ended_turn_at is not None:
            points.append(self.ended_turn_at + RETRY_SILENCE_SECONDS)
        return points

    def shift(self, seconds: float) -> None:
        """The wall clock was set: move every open point in time."""
        self.last_activity_at += seconds
        if self.ended_turn_at is not None:
            self.ended_turn_at += seconds
        for turn in {id(turn): turn for turn in (*self.unanswered, self.turn) if turn is not None}.values():
            turn.started_at += seconds
            turn.ended_at = None if turn.ended_at is None else turn.ended_at + seconds
        for tool in self.running.values():
            tool.called_at += seconds
        for call in self.open.values():
            call.started_at += seconds
            if call.responded_at is not None:
                call.responded_at += seconds
            if call.first_token_at is not None:
                call.first_token_at += seconds
