"""Lives of sessions as the hub tells them, and waiting for what a store or a server does with them."""

from __future__ import annotations

import time
from typing import Any

from clauditor.hub import Hub
from clauditor.model.events import (
    AttemptFailed,
    AttemptFinished,
    AttemptStarted,
    FirstToken,
    LimitedBy,
    ResponseStarted,
    ToolCalled,
    ToolOutcome,
    ToolReturned,
)
from clauditor.model.prices import PriceList, Rates
from clauditor.model.usage import Usage
from clauditor.store.store import Store

NOW = 1_790_000_000.0
MODEL = "claude-opus-5-5"
USAGE = Usage(input=10, output=200, cache_read=50_000, cache_write_5m=1_000, service_tier="standard")


class Book:
    """Every model has one price."""

    def price_list(self, model: str, *, speed: str | None, batch: bool, at: float) -> PriceList:
        rates = Rates(input=5.0, output=25.0, cache_read=0.5, cache_write_5m=6.25, cache_write_1h=10.0)
        return PriceList(base=rates)


class Life:
    """A session that makes calls, one after the other; told to a hub with the store as its sink."""

    def __init__(self, hub: Hub, session_id: str, at: float = NOW) -> None:
        self.hub = hub
        self.session_id = session_id
        self.at = at
        self.calls = 0

    def start(self, *, digest: str | None = None, project: str = "webshop", agent_id: str = "main") -> str:
        """Send a request; returns its exchange id."""
        self.calls += 1
        self.at += 10
        exchange_id = f"{self.calls}-{int(self.at * 1_000_000)}"
        self.hub.publish(
            AttemptStarted(
                at=self.at,
                session_id=self.session_id,
                agent_id=agent_id,
                exchange_id=exchange_id,
                identity="header",
                request_class="main",
                model=MODEL,
                messages_digest=digest or exchange_id,
                client="claude-cli/2.1.330",
                prompt_id="0f8fad5b-d9cb-469f-a165-70867728950e",
                project=project,
                branch="main",
                request_bytes=120_000,
            )
        )
        return exchange_id

    def answer(self, exchange_id: str, *, usage: Usage = USAGE, tools: tuple[str, ...] = ()) -> None:
        common: Any = {"session_id": self.session_id, "exchange_id": exchange_id}
        self.hub.publish(ResponseStarted(at=self.at + 0.5, status=200, request_id="req_1", **common))
        self.hub.publish(FirstToken(at=self.at + 1, model=MODEL, **common))
        for tool_use_id in tools:
            called = ToolCalled(
                at=self.at + 2,
                tool_use_id=tool_use_id,
                name="Bash",
                target="pytest",
                input_bytes=40,
                **common,
            )
            self.hub.publish(called)
        self.hub.publish(
            AttemptFinished(
                at=self.at + 4,
                model=MODEL,
                usage=usage,
                stop_reason="tool_use" if tools else "end_turn",
                message_id="msg_1",
                request_id="req_1",
                **common,
            )
        )

    def fail(self, exchange_id: str, status: int = 529, limited_by: LimitedBy | None = None) -> None:
        self.hub.publish(
            AttemptFailed(
                at=self.at + 1,
                session_id=self.session_id,
                exchange_id=exchange_id,
                kind="http",
                status=status,
                error_type="overloaded_error",
                limited_by=limited_by,
            )
        )

    def tool_result(self, tool_use_id: str, outcome: ToolOutcome = "ok") -> None:
        returned = ToolReturned(
            at=self.at + 6,
            session_id=self.session_id,
            tool_use_id=tool_use_id,
            outcome=outcome,
            result_bytes=900,
        )
        self.hub.publish(returned)

    def turn(self) -> None:
        """One whole call."""
        self.answer(self.start())


def settle(store: Store, seconds: float = 10.0) -> None:
    store.sink.flush()
    deadline = time.monotonic() + seconds
    while not store.writer.is_idle:
        assert time.monotonic() < deadline, store.problem
        time.sleep(0.005)
