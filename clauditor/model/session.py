"""A session: every exchange with one session id, folded from events. Changed by `apply` only.

A plain tree of values, so that the store can pack it and go on after a restart. Text that a person wrote
is not in it, unless the user asked to store labels: the hub holds them. What screens see of it is made by `model.snapshot`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from clauditor.model.agent import Agent, Bill, Call, Tokens, ToolCall
from clauditor.model.agent_tree import AgentTree
from clauditor.model.events import (
    FAILED_TOOL_OUTCOMES,
    MAIN_AGENT,
    AttemptFailed,
    AttemptFinished,
    AttemptStarted,
    ClockJumped,
    Compacted,
    Event,
    FirstToken,
    GapFound,
    Identity,
    LimitsSeen,
    ResponseStarted,
    SessionEnded,
    SideCallFinished,
    ToolCalled,
    ToolReturned,
)
from clauditor.model.facts import CallFact, Fact, aside_fact, call_fact, tool_fact
from clauditor.model.gauges import CacheGauge, ContextGauge, RateGauge
from clauditor.model.prices import Cost, PriceBook, cost
from clauditor.model.usage import Usage

MAX_PROMPT_IDS: Final = 256  # newest prompt ids, to count distinct ones
MAX_TOOL_NAMES: Final = 256
UNOBSERVED: Final = "unobserved"  # the `error_type` of a call that was under way at a restart


@dataclass(slots=True, kw_only=True)
class ToolTally:
    calls: int = 0
    failures: int = 0


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
    prompts: int = 0
    prompt_ids: list[str] = field(default_factory=list)
    turns: int = 0
    attempts: int = 0
    failed_attempts: int = 0
    tokens: Tokens = field(default_factory=Tokens)
    bill: Bill = field(default_factory=Bill)
    side_calls: dict[str, int] = field(default_factory=dict)
    side_tokens: Tokens = field(default_factory=Tokens)
    side_bill: Bill = field(default_factory=Bill)
    compactions: int = 0
    tools: dict[str, ToolTally] = field(default_factory=dict)
    tree: AgentTree = field(default_factory=AgentTree)
    context: ContextGauge = field(default_factory=ContextGauge)
    cache: CacheGauge = field(default_factory=CacheGauge)
    rate: RateGauge = field(default_factory=RateGauge)
    stop_reason: str | None = None
    unobserved_exchanges: int = 0
    unobserved_bytes: int = 0

    def apply(self, event: Event, book: PriceBook) -> list[Fact]:
        """Change by one event and return the facts it completed. An event seen before changes nothing."""
        if isinstance(event, ClockJumped):
            self._shift(event.seconds)
            return []
        if not isinstance(event, SessionEnded | GapFound):
            self.last_activity_at = max(self.last_activity_at, event.at)
            self.ended_at = None
        agent = self.agents.get(event.agent_id)
        if agent is not None:
            agent.last_activity_at = max(agent.last_activity_at, event.at)
        match event:
            case AttemptStarted():
                self._attempt_started(event)
            case ResponseStarted():
                self._response_started(event)
            case FirstToken():
                self._first_token(event)
            case AttemptFinished() | AttemptFailed():
                return [*self._attempt_ended(event, book)]
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
            case SessionEnded():
                self.ended_at = event.at
            case _:
                pass
        return []

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
                facts += self._attempt_ended(lost, book)
            agent.forget_unanswered()
        return facts

    def turning_points(self, now: float) -> list[float]:
        """Points in time after `now` at which time alone changes what this session shows."""
        points = [point for agent in self.agents.values() for point in agent.turning_points()]
        if (cold_at := self.cache.expires_at) is not None:
            points.append(cold_at)
        return [point for point in points if point > now]

    @property
    def agents(self) -> dict[str, Agent]:
        return self.tree.agents

    @property
    def main(self) -> Agent | None:
        return self.agents.get(MAIN_AGENT)

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
        self._count_prompt(event, is_new_turn=is_new_turn)

    def _count_prompt(self, event: AttemptStarted, *, is_new_turn: bool) -> None:
        if event.prompt_id is not None:
            if event.prompt_id not in self.prompt_ids:
                self.prompts += not event.is_wake_up
                self.prompt_ids.append(event.prompt_id)
                del self.prompt_ids[:-MAX_PROMPT_IDS]
        elif not self.prompt_ids and is_new_turn and event.new_prompt and event.agent_id == MAIN_AGENT:
            self.prompts += 1

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

    def _attempt_ended(self, event: AttemptFinished | AttemptFailed, book: PriceBook) -> list[CallFact]:
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
        if failure is not None:
            seen_to_fail = failure.error_type != UNOBSERVED
            self.failed_attempts += seen_to_fail
            agent.failed_attempts += seen_to_fail
        else:
            agent.served = model
            agent.stop_reason = event.stop_reason if isinstance(event, AttemptFinished) else None
        if agent.is_main:
            self._main_call_ended(call, event, usage, model)
        return [call_fact(event, call, price.usd, complete=complete)]

    def _main_call_ended(
        self, call: Call, event: AttemptFinished | AttemptFailed, usage: Usage | None, model: str
    ) -> None:
        if usage is not None and usage.prompt_tokens > 0:
            self.context.see(usage.prompt_tokens, model, long_context=call.long_context)
            self.cache.refresh(usage, call.responded_at or event.at, call.cache_ttl_seconds)
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
        complete = price.complete and (event.complete or usage is None)
        if usage is not None:
            self.tokens.add(usage)
        self.bill.add(price.usd, complete=complete)
        if isinstance(event, SideCallFinished):
            self.identity = event.identity
            self.client = self.client or event.client
            self.side_calls[event.name] = self.side_calls.get(event.name, 0) + 1
            if usage is not None:
                self.side_tokens.add(usage)
            self.side_bill.add(price.usd, complete=complete)
        elif event.complete:
            self.compactions += 1
        return [aside_fact(event, price.usd, complete=complete)]

    # -- tools ---------------------------------------------------------------------------------------

    def _tool_called(self, event: ToolCalled) -> list[Fact]:
        agent = self.agents.get(event.agent_id)
        if agent is None or event.tool_use_id in agent.running:
            return []
        tool = ToolCall(
            tool_use_id=event.tool_use_id,
            exchange_id=event.exchange_id,
            name=event.name,
            target=event.target,
            called_at=event.at,
            input_bytes=event.input_bytes,
            message_count=agent.open[event.exchange_id].message_count
            if event.exchange_id in agent.open
            else 0,
        )
        agent.running[event.tool_use_id] = tool
        self._tally(event.name).calls += 1
        self.tree.note_spawn(event)
        return [tool_fact(self.session_id, agent.agent_id, tool, None)]

    def _tool_returned(self, event: ToolReturned) -> list[Fact]:
        agent = self.agents.get(event.agent_id)
        tool = agent.running.pop(event.tool_use_id, None) if agent is not None else None
        if agent is None or tool is None:
            return []
        if event.outcome in FAILED_TOOL_OUTCOMES:
            self._tally(tool.name).failures += 1
        return [tool_fact(self.session_id, agent.agent_id, tool, event)]

    def _tally(self, name: str) -> ToolTally:
        if name not in self.tools and len(self.tools) >= MAX_TOOL_NAMES:
            name = "other"
        return self.tools.setdefault(name, ToolTally())

    def _shift(self, seconds: float) -> None:
        self.last_activity_at += seconds
        self.cache.shift(seconds)
        for agent in self.agents.values():
            agent.shift(seconds)
