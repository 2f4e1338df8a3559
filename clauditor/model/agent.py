"""One agent of a session (the main thread, a subagent, fork or workflow agent) and its turns.

An agent is a record that `model.session` changes; what it is doing is derived from it by `state_of`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Literal

from clauditor.model.cache import CacheLedger
from clauditor.model.call import Bill, Call, Fallback, FallbackKind, Tokens, ToolCall, Turn
from clauditor.model.events import (
    FAILED_TOOL_OUTCOMES,
    AttemptFailed,
    AttemptFinished,
    AttemptStarted,
    ToolCalled,
    ToolReturned,
)
from clauditor.model.models import canonical
from clauditor.model.tool_record import ToolRecord
from clauditor.model.unkept import Unkept

State = Literal["thinking", "streaming", "tool", "waiting", "retrying", "stalled", "idle", "ended"]
WaitingFor = Literal["approval", "question", "prompt", "background"]

SAME_TURN_SECONDS: Final = 900.0  # a resend of the same messages later than this is a new call
RETRY_SILENCE_SECONDS: Final = 60.0  # the client's longest back-off is about 34 s
IDLE_SECONDS: Final = 900.0
MAX_UNANSWERED: Final = 8  # calls of one agent that may be retried side by side

# Tools that are nothing but a dialog with the person: their call is the wait.
DIALOGS: Final[dict[str, WaitingFor]] = {"AskUserQuestion": "question", "ExitPlanMode": "approval"}
_RETRYABLE: Final = frozenset({401, 408, 429, 500, 502, 503, 504, 529})


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
    cache: CacheLedger = field(default_factory=CacheLedger)
    record: ToolRecord = field(default_factory=ToolRecord)
    fallback: Fallback | None = None

    @property
    def is_main(self) -> bool:
        return self.parent_agent_id is None and self.type == "main"

    @property
    def has_answer(self) -> bool:
        """Whether its newest call came to a complete answer."""
        return (
            self.turn is not None
            and not self.open
            and all(turn.turn_id != self.turn.turn_id for turn in self.unanswered)
        )

    def start(self, event: AttemptStarted) -> Call:
        """Open an attempt; it belongs to an earlier turn with the same messages that has no answer yet."""
        turn = self._turn_of(event)
        self._note_client_fallback(event, turn)
        if turn is not None:
            turn.attempts += 1
        else:
            turn = Turn(
                turn_id=event.exchange_id,
                messages=Unkept(event.messages_digest),
                model=event.model,
                started_at=event.at,
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
            turn_started_at=turn.started_at,
            prompt_id=event.prompt_id,
            request_bytes=event.request_bytes,
            message_count=event.message_count,
            long_context=event.long_context,
            cache_ttl_seconds=event.cache_ttl_seconds,
            shape=Unkept(event.shape),
            speed=event.shape.speed if event.shape is not None else None,
            is_stream=event.stream,
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
            turn.limited_by = failure.limited_by
            is_retryable = failure.kind in {"stream", "proxy"} or failure.status in _RETRYABLE
            turn.will_retry = is_retryable and not failure.is_unobserved

    def _note_client_fallback(self, event: AttemptStarted, turn: Turn | None) -> None:
        """After failures, or a refusal, the client may ask another model for the same; a new prompt that asks
        for that model from the start means it.
        """
        asked = turn.model if turn is not None else None
        if self.stop_reason == "refusal" and self.turn is not None:
            is_same = self.turn.messages.value == event.messages_digest
            asked = self.requested if is_same else asked
        if asked is not None and canonical(asked) != canonical(event.model):
            self._fall_back("client", asked, event.model, event.at)
        elif self.fallback is not None and self.fallback.kind == "client" and event.new_prompt:
            self.fallback = None

    def note_answer(self, call: Call, event: AttemptFinished) -> None:
        """Whether the answer came from the model, and at the speed, that was asked for."""
        asked, served = canonical(call.model), canonical(event.model)
        speed = event.usage.speed if event.usage is not None else None
        if asked != served:
            self._fall_back("server", call.model, event.model, event.at)
        elif call.speed == "fast" and speed == "standard":
            self._fall_back("speed", "fast", "standard", event.at)
        elif self.fallback is not None and (
            self.fallback.kind != "client" or served == canonical(self.fallback.requested)
        ):
            self.fallback = None

    def _fall_back(self, kind: FallbackKind, requested: str, served: str, at: float) -> None:
        known = self.fallback
        if known is None or (known.kind, known.requested, known.served) != (kind, requested, served):
            self.fallback = Fallback(kind=kind, requested=requested, served=served, since=at)

    def call_tool(self, event: ToolCalled) -> ToolCall:
        """The model asked for a tool, which the client starts now."""
        call = self.open.get(event.exchange_id)
        tool = self.running[event.tool_use_id] = ToolCall(
            tool_use_id=event.tool_use_id,
            exchange_id=event.exchange_id,
            name=event.name,
            target=event.target,
            called_at=event.at,
            input_bytes=event.input_bytes,
            message_count=call.message_count if call is not None else 0,
            input=Unkept(event.input_digest),
        )
        return tool

    def take_result(self, event: ToolReturned) -> ToolCall | None:
        """A result came; the call it belongs to, if that was seen."""
        tool = self.running.pop(event.tool_use_id, None)
        if tool is not None:
            is_failure = event.outcome in FAILED_TOOL_OUTCOMES
            self.record.add(tool.name, is_failure=is_failure)
            self.record.compare(
                tool.name,
                tool.target,
                tool.input.value or "",
                event.result_digest,
                event.at,
                is_failure=is_failure,
            )
        return tool

    def forget_unanswered(self) -> None:
        """What was under way was not seen to end: the next call begins a new turn."""
        self.unanswered.clear()
        if self.turn is not None:
            self.turn.will_retry = False

    def _turn_of(self, event: AttemptStarted) -> Turn | None:
        """The turn that a request is a further attempt of: same messages, not answered, not long ago."""
        for turn in self.unanswered:
            since = event.at - (turn.ended_at or turn.started_at)
            if turn.messages.value == event.messages_digest and since <= SAME_TURN_SECONDS:
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
        dialogs = {DIALOGS.get(tool.name) for tool in self.running.values()}
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
        self.cache.shift(seconds)
        self.record.shift(seconds)
        if self.fallback is not None:
            self.fallback.since += seconds
        for tool in self.running.values():
            tool.called_at += seconds
        for call in self.open.values():
            call.started_at += seconds
            if call.turn_started_at is not None:
                call.turn_started_at += seconds
            if call.responded_at is not None:
                call.responded_at += seconds
            if call.first_token_at is not None:
                call.first_token_at += seconds
            if call.last_byte_at is not None:
                call.last_byte_at += seconds
