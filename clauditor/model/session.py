"""A session: every exchange with one session id, folded from events. Changed by `apply` only.

A plain tree of values, so that the store can pack it and go on after a restart. Text that a person wrote
is not in it, unless the user asked to store labels: the hub holds them. What screens see of it is made by `model.snapshot`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from clauditor.model.account import Share
from clauditor.model.agent import DIALOGS, Agent
from clauditor.model.agent_tree import AgentTree
from clauditor.model.asides import Asides
from clauditor.model.cache import CacheEvent, CacheMiss, CacheTally
from clauditor.model.call import Bill, Call, Tokens
from clauditor.model.events import (
    FAILED_TOOL_OUTCOMES,
    MAIN_AGENT,
    UNOBSERVED,
    AttemptFailed,
    AttemptFinished,
    AttemptStarted,
    ClockJumped,
    Compacted,
    Event,
    FirstToken,
    GapFound,
    HookSeen,
    Identity,
    LabelFound,
    LimitsSeen,
    ResponseStarted,
    SessionEnded,
    SessionMuted,
    SideCallFinished,
    SignalCleared,
    SignalRaised,
    ToolCalled,
    ToolReturned,
)
from clauditor.model.facts import CallFact, Fact, aside_fact, call_fact, tool_fact
from clauditor.model.failures import Failures
from clauditor.model.gauges import CacheGauge, ContextGauge, PaceGauge, RateGauge
from clauditor.model.models import NOTHING_TOLD, ModelLimits, canonical
from clauditor.model.prices import Cost, PriceBook, cost
from clauditor.model.prompts import Prompts
from clauditor.model.told import Told
from clauditor.model.tool_record import ToolCounts
from clauditor.model.usage import Usage
from clauditor.model.verdict import Raised, raised

COUNT_TOKENS: Final = "count_tokens"  # the side call that costs nothing
_UNRELATED: Final = (
    *(ClockJumped, SessionEnded, SessionMuted, GapFound, HookSeen, LabelFound, SignalRaised, SignalCleared),
)
"""Events that are no traffic of the session: they neither wake it up nor keep it awake."""


@dataclass(slots=True, kw_only=True)
class Session:
    session_id: str
    started_at: float
    last_activity_at: float
    identity: Identity = "header"
    client: str | None = None
    entrypoint: str | None = None
    project: str | None = None
    branch: str | None = None
    label: str | None = None
    account: str | None = None
    billing: str | None = None
    ended_at: float | None = None
    prompting: Prompts = field(default_factory=Prompts)
    turns: int = 0
    attempts: int = 0
    failed_attempts: int = 0
    tokens: Tokens = field(default_factory=Tokens)
    bill: Bill = field(default_factory=Bill)
    asides: Asides = field(default_factory=Asides)
    compactions: int = 0
    tools: ToolCounts = field(default_factory=ToolCounts)
    tree: AgentTree = field(default_factory=AgentTree)
    context: ContextGauge = field(default_factory=ContextGauge)
    cache: CacheGauge = field(default_factory=CacheGauge)
    cache_tally: CacheTally = field(default_factory=CacheTally)
    pace: PaceGauge = field(default_factory=PaceGauge)
    failures: Failures = field(default_factory=Failures)
    told: Told = field(default_factory=Told)
    signals: dict[str, Raised] = field(default_factory=dict)
    muted_until: float | None = None
    window_use: dict[str, Share] = field(default_factory=dict)
    rate: RateGauge = field(default_factory=RateGauge)
    stop_reason: str | None = None
    unobserved_exchanges: int = 0
    unobserved_bytes: int = 0
    last_gap_at: float | None = None

    def apply(
        self, event: Event, book: PriceBook, told: Mapping[str, ModelLimits] = NOTHING_TOLD
    ) -> list[Fact]:
        """Change by one event and return the facts it completed. An event seen before changes nothing.

        `told`: what lists of models said of each, by canonical id.
        """
        if not isinstance(event, _UNRELATED):
            self._be_active(event)
        match event:
            case ClockJumped():
                self._shift(event.seconds)
            case AttemptStarted():
                self._attempt_started(event)
            case ResponseStarted():
                self._response_started(event)
            case FirstToken():
                self._first_token(event)
            case AttemptFinished() | AttemptFailed():
                return [*self._attempt_ended(event, book, told)]
            case ToolCalled():
                return self._tool_called(event)
            case ToolReturned():
                return self._tool_returned(event)
            case SideCallFinished() | Compacted():
                return self._aside_ended(event, book)
            case LimitsSeen():
                self.account, self.billing = event.account, event.billing
            case GapFound():
                self.unobserved_exchanges += 1
                self.unobserved_bytes += event.unseen_bytes
                self.bill.complete = False
                self.last_gap_at = event.at
            case HookSeen():
                if self.told.see(event):
                    self.prompting.attended_at = event.at
            case SessionEnded():
                # An end may be told twice: the first is the one, until it lives again.
                self.ended_at = event.at if self.ended_at is None else self.ended_at
                self.told.asking = None
            case SignalRaised() | SignalCleared() | SessionMuted():
                self._note_attention(event)
            case _:
                pass
        return []

    def _be_active(self, event: Event) -> None:
        self.last_activity_at = max(self.last_activity_at, event.at)
        self.ended_at = None
        if (agent := self.agents.get(event.agent_id)) is not None:
            agent.last_activity_at = max(agent.last_activity_at, event.at)
            if (call := agent.open.get(event.exchange_id)) is not None:
                call.last_byte_at = event.at

    def lose_open_calls(self, at: float, book: PriceBook) -> list[CallFact]:
        """The watcher was away while calls were under way: how they ended was not seen.

        They count neither as answered nor as failed; the next call begins a new turn.
        """
        facts: list[CallFact] = []
        for agent in self.agents.values():
            for exchange_id in list(agent.open):
                lost = AttemptFailed(
                    at=at,
                    session_id=self.session_id,
                    agent_id=agent.agent_id,
                    exchange_id=exchange_id,
                    kind="proxy",
                    error_type=UNOBSERVED,
                )
                facts += self._attempt_ended(lost, book, NOTHING_TOLD)
            agent.forget_unanswered()
        return facts

    @property
    def agents(self) -> dict[str, Agent]:
        return self.tree.agents

    @property
    def main(self) -> Agent | None:
        return self.agents.get(MAIN_AGENT)

    @property
    def prompts(self) -> int:
        return self.prompting.count

    @property
    def is_scripted(self) -> bool:
        """Whether a program drives the client rather than a person at a terminal."""
        return (self.entrypoint or "").startswith("sdk")

    # -- calls ---------------------------------------------------------------------------------------

    def _attempt_started(self, event: AttemptStarted) -> None:
        self.identity = event.identity
        self.client = event.client or self.client
        self.entrypoint = event.entrypoint or self.entrypoint
        self.project = event.project or self.project
        self.branch = event.branch or self.branch
        self.account = self.account or event.account  # the answer's organisation is the better word
        agent = self.tree.agent_of(event)
        if event.exchange_id in agent.open:
            return
        turns_before = agent.turns
        agent.start(event)
        self.attempts += 1
        is_new_turn = agent.turns > turns_before
        self.turns += is_new_turn
        if self.told.goes_on(event.agent_id):
            self.prompting.attended_at = event.at
        if self.prompting.see(event, is_new_turn=is_new_turn):
            for each in self.agents.values():
                each.record.begin_prompt()

    def _open_call(self, event: Event) -> tuple[Agent, Call] | None:
        agent = self.agents.get(event.agent_id)
        call = agent.open.get(event.exchange_id) if agent is not None else None
        return None if agent is None or call is None else (agent, call)

    def _response_started(self, event: ResponseStarted) -> None:
        self.account = event.account or self.account
        if (found := self._open_call(event)) is not None:
            _, call = found
            call.responded_at, call.status, call.request_id = event.at, event.status, event.request_id

    def _first_token(self, event: FirstToken) -> None:
        if (found := self._open_call(event)) is None:
            return
        agent, call = found
        call.first_token_at = event.at
        agent.served = event.model or agent.served
        if event.usage is not None and event.agent_id == MAIN_AGENT:
            self.cache.refresh(event.usage, call.responded_at or event.at, call.cache_ttl_seconds)

    def _attempt_ended(
        self, event: AttemptFinished | AttemptFailed, book: PriceBook, told: Mapping[str, ModelLimits]
    ) -> list[CallFact]:
        if (found := self._open_call(event)) is None:
            return []
        agent, call = found
        failure = event if isinstance(event, AttemptFailed) else None
        del agent.open[call.exchange_id]
        agent.close(call, event.at, failure)
        usage, model = event.usage, event.model or call.model
        # An error status costs nothing; a broken answer cost something that was never told.
        known = usage is not None if failure is None else usage is None and failure.kind == "http"
        price = cost(usage, model, book, event.at) if usage is not None else Cost(None, complete=True)
        complete = known and price.complete
        for tokens, bill in ((self.tokens, self.bill), (agent.tokens, agent.bill)):
            if usage is not None:
                tokens.add(usage)
            bill.add(price.usd, complete=complete)
        self.pace.spend(price.usd, event.at)
        if failure is not None:
            self._note_failure(agent, failure)
        elif isinstance(event, AttemptFinished):
            self.failures.succeeded_at = event.at
            agent.served = model
            agent.stop_reason = event.stop_reason
            if agent.is_main:
                agent.note_answer(call, event)
        cache: tuple[CacheEvent | None, CacheMiss | None] = (None, None)
        if usage is not None and usage.prompt_tokens > 0:
            cache = seen = agent.cache.see(call, event, usage, book)
            self.cache_tally.add(*seen)
            if agent.is_main:
                limits = told.get(canonical(model))
                self.context.see(usage.prompt_tokens, model, long_context=call.long_context, told=limits)
        if agent.is_main:
            self._main_call_ended(call, event, usage, model, book)
        return [call_fact(event, call, price.usd, complete=complete, cache=cache)]

    def _note_failure(self, agent: Agent, failure: AttemptFailed) -> None:
        if not failure.is_unobserved:
            self.failed_attempts += 1
            agent.failed_attempts += 1
            self.failures.add(failure)

    def _main_call_ended(
        self,
        call: Call,
        event: AttemptFinished | AttemptFailed,
        usage: Usage | None,
        model: str,
        book: PriceBook,
    ) -> None:
        if usage is not None and usage.prompt_tokens > 0:
            self.cache.refresh(usage, call.responded_at or event.at, call.cache_ttl_seconds)
            self.cache.price(usage, model, book, event.at)
        if isinstance(event, AttemptFinished):
            self.stop_reason = event.stop_reason
            if event.usage is not None:
                self.cache.count(event.usage)
            output = event.usage.output if event.usage is not None else 0
            self.rate.see(call.started_at, call.first_token_at, event.at, output)

    def _aside_ended(self, event: SideCallFinished | Compacted, book: PriceBook) -> list[Fact]:
        usage = event.usage
        price = (
            cost(usage, event.model, book, event.at)
            if usage is not None and event.model is not None
            else Cost(None, complete=usage is None)
        )
        is_free = isinstance(event, SideCallFinished) and event.name == COUNT_TOKENS
        is_known = event.complete or is_free or (usage is None and (event.status or 0) >= 400)
        complete = price.complete and is_known
        if usage is not None:
            self.tokens.add(usage)
        self.bill.add(price.usd, complete=complete)
        self.pace.spend(price.usd, event.at)
        if isinstance(event, SideCallFinished):
            self.identity = event.identity
            self.client = self.client or event.client
            self.asides.add(event.name, usage, price.usd, complete=complete)
        elif event.complete:
            self.compactions += 1
            self.context.compact(event.at, event.trigger)
            if (agent := self.agents.get(event.agent_id)) is not None:
                agent.cache.announce()
        return [aside_fact(event, price.usd, complete=complete)]

    # -- tools ---------------------------------------------------------------------------------------

    def _tool_called(self, event: ToolCalled) -> list[Fact]:
        agent = self.agents.get(event.agent_id)
        if agent is None or event.tool_use_id in agent.running:
            return []
        tool = agent.call_tool(event)
        self.tools.of(event.name).calls += 1
        self.prompting.tool_calls += 1
        self.tree.note_spawn(event)
        return [tool_fact(self.session_id, agent.agent_id, tool, None)]

    def _tool_returned(self, event: ToolReturned) -> list[Fact]:
        agent = self.agents.get(event.agent_id)
        tool = agent.take_result(event) if agent is not None else None
        if agent is None or tool is None:
            return []
        self.tools.of(tool.name).failures += event.outcome in FAILED_TOOL_OUTCOMES
        if tool.name in DIALOGS:
            self.prompting.attended_at = event.at
        return [tool_fact(self.session_id, agent.agent_id, tool, event)]

    # -- signals -------------------------------------------------------------------------------------

    def _note_attention(self, event: SignalRaised | SignalCleared | SessionMuted) -> None:
        if isinstance(event, SessionMuted):
            self.muted_until = event.until
        elif isinstance(event, SignalRaised):
            self.signals[event.name] = raised(event)
        else:
            self.signals.pop(event.name, None)

    def _shift(self, seconds: float) -> None:
        """The wall clock was set: move every open point in time."""
        self.last_activity_at += seconds
        for part in (self.cache, self.context, self.pace, self.prompting, self.failures, self.told):
            part.shift(seconds)
        for signal in self.signals.values():
            signal.since += seconds
        if self.muted_until is not None:
            self.muted_until += seconds
        if self.last_gap_at is not None:
            self.last_gap_at += seconds
        for agent in self.agents.values():
            agent.shift(seconds)
