"""Short words for writing event stories in tests."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from clauditor.model.events import (
    AttemptFailed,
    AttemptFinished,
    AttemptStarted,
    Event,
    FirstToken,
    ResponseStarted,
    ToolCalled,
    ToolReturned,
)
from clauditor.model.prices import PriceList, Rates
from clauditor.model.session import Session
from clauditor.model.usage import Usage

MODEL = "claude-opus-5-5"
TEN_AND_FIVE = Usage(input=10, output=5)


class FlatBook:
    """One dollar a million tokens of any class, for every model but `unpriced`."""

    def price_list(self, model: str, *, speed: str | None, batch: bool, at: float) -> PriceList | None:
        if model == "unpriced":
            return None
        one = Rates(input=1, output=1, cache_read=1, cache_write_5m=1, cache_write_1h=1)
        return PriceList(base=one)


@dataclass
class Story:
    """A session told step by step; `at` moves on by a second a step unless told otherwise."""

    session: Session = field(
        default_factory=lambda: Session(session_id="s", started_at=0.0, last_activity_at=0.0)
    )
    now: float = 0.0
    facts: list[Any] = field(default_factory=list)
    calls: int = 0

    def apply(self, event: Event) -> None:
        self.facts += self.session.apply(event, FlatBook())

    def ask(self, digest: str = "", agent: str = "main", seconds: float = 1.0, **extra: Any) -> str:
        self.now += seconds
        self.calls += 1
        exchange_id = f"x{self.calls}"
        self.apply(
            AttemptStarted(
                at=self.now,
                session_id="s",
                agent_id=agent,
                exchange_id=exchange_id,
                identity="header",
                request_class="main" if agent == "main" else "subagent",
                model=extra.pop("model", MODEL),
                messages_digest=digest or exchange_id,
                **extra,
            )
        )
        return exchange_id

    def respond(self, exchange_id: str, agent: str = "main", seconds: float = 1.0) -> None:
        self.now += seconds
        common: dict[str, Any] = {"session_id": "s", "agent_id": agent, "exchange_id": exchange_id}
        self.apply(ResponseStarted(at=self.now, status=200, **common))
        self.apply(FirstToken(at=self.now, model=MODEL, **common))

    def finish(
        self,
        exchange_id: str,
        usage: Usage | None = TEN_AND_FIVE,
        agent: str = "main",
        stop_reason: str = "end_turn",
        seconds: float = 1.0,
        model: str = MODEL,
    ) -> None:
        self.now += seconds
        self.apply(
            AttemptFinished(
                at=self.now,
                session_id="s",
                agent_id=agent,
                exchange_id=exchange_id,
                model=model,
                usage=usage,
                stop_reason=stop_reason,
            )
        )

    def fail(self, exchange_id: str, agent: str = "main", seconds: float = 1.0, **failure: Any) -> None:
        self.now += seconds
        self.apply(
            AttemptFailed(at=self.now, session_id="s", agent_id=agent, exchange_id=exchange_id, **failure)
        )

    def call_tool(self, tool_use_id: str, exchange_id: str, name: str = "Bash", agent: str = "main") -> None:
        self.apply(
            ToolCalled(
                at=self.now,
                session_id="s",
                agent_id=agent,
                exchange_id=exchange_id,
                tool_use_id=tool_use_id,
                name=name,
            )
        )

    def return_tool(
        self, tool_use_id: str, outcome: Any = "ok", agent: str = "main", seconds: float = 1.0, **extra: Any
    ) -> None:
        self.now += seconds
        self.apply(
            ToolReturned(
                at=self.now,
                session_id="s",
                agent_id=agent,
                tool_use_id=tool_use_id,
                outcome=outcome,
                **extra,
            )
        )
