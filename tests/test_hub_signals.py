"""Edges of signals, attention, mute and incidents, as the hub makes them."""

from __future__ import annotations

from typing import Any

import pytest

from clauditor.hub import MUTE_SECONDS, Hub
from clauditor.model.events import (
    AttemptFailed,
    AttemptStarted,
    ClockJumped,
    HookSeen,
    Progress,
    ResponseStarted,
    SessionEnded,
    SignalCleared,
    SignalRaised,
)
from clauditor.model.packing import pack, unpack
from clauditor.signals import catalogue
from clauditor.signals.finding import Finding, Signal
from support.story import MODEL, FlatBook

STALL = 120.0


class Edges:
    """A sink that keeps the edges: `+name` and `-name`."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    def observe(self, event: Any, _session: Any, _facts: Any) -> None:
        if isinstance(event, SignalRaised):
            self.seen.append(f"+{event.name}:{event.severity}")
        elif isinstance(event, SignalCleared):
            self.seen.append(f"-{event.name}:{event.severity}")


def hub_with_edges() -> tuple[Hub, Edges]:
    edges = Edges()
    return Hub(book=FlatBook(), sinks=(edges,)), edges


def start(hub: Hub, session_id: str = "s", at: float = 0.0, exchange_id: str = "x") -> None:
    hub.publish(
        AttemptStarted(
            at=at,
            session_id=session_id,
            exchange_id=exchange_id,
            identity="header",
            request_class="main",
            model=MODEL,
            messages_digest=exchange_id,
        )
    )


def stream(hub: Hub, session_id: str = "s", at: float = 0.0) -> None:
    """A call whose answer began, and then nothing."""
    start(hub, session_id, at)
    hub.publish(ResponseStarted(at=at, session_id=session_id, exchange_id="x", status=200))


def fail(hub: Hub, session_id: str, at: float, exchange_id: str = "x", status: int = 529) -> None:
    hub.publish(
        AttemptFailed(at=at, session_id=session_id, exchange_id=exchange_id, kind="http", status=status)
    )


def test_a_level_becomes_one_edge_up_and_one_down() -> None:
    hub, edges = hub_with_edges()
    stream(hub)
    for now in range(1, 200):
        hub.tick(float(now))
    assert edges.seen == ["+stalled:act"]
    assert hub.sessions["s"].signals["stalled"].since == STALL
    hub.publish(Progress(at=201.0, session_id="s", exchange_id="x"))
    assert edges.seen == ["+stalled:act", "-stalled:act"]


def test_time_alone_raises_a_signal_at_the_second_it_is_due() -> None:
    hub, _ = hub_with_edges()
    stream(hub)
    assert hub.tick(STALL - 0.1) == []
    assert hub.tick(STALL) == ["s"]
    shot = hub.snapshot("s", STALL)
    assert shot is not None
    assert shot["state"] == "stalled"
    assert shot["verdict"] == {
        "level": "act",
        "signal": "stalled",
        "reason": "The answer stopped in the middle: no byte for more than 2 min.",
        "short": "no bytes mid-answer",
        "next_step": "Press Esc in its terminal and send it again; the client itself gives up after 5 minutes.",
        "since": STALL,
    }
    assert shot["attention"] > 800


def test_new_words_of_a_signal_are_no_edge_but_a_change() -> None:
    hub, edges = hub_with_edges()
    stream(hub)
    hub.tick(STALL)
    assert "s" in [session_id for now in range(121, 186) for session_id in hub.tick(float(now))]
    assert "3 min" in hub.sessions["s"].signals["stalled"].summary
    assert edges.seen == ["+stalled:act"]


def test_a_signal_in_another_severity_ends_and_begins_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    hub, edges = hub_with_edges()
    severity: Any = "watch"
    own = Signal(
        name="stalled",
        check=lambda _session, _world: Finding(
            severity=severity, evidence="measured", summary="x", short="x", next_step=""
        ),
    )
    monkeypatch.setattr("clauditor.signals.edges.SIGNALS", (own,))
    start(hub)
    severity = "act"
    fail(hub, "s", 1.0)
    assert edges.seen == ["+stalled:watch", "-stalled:watch", "+stalled:act"]


def test_events_that_are_taken_together_cost_one_look_as_of_the_last_of_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looked_at: list[tuple[str, float]] = []
    own = Signal(name="own", check=lambda session, world: looked_at.append((session.session_id, world.now)))
    monkeypatch.setattr("clauditor.signals.edges.SIGNALS", (own,))
    hub, _ = hub_with_edges()
    for session_id, at in (("a", 1.0), ("b", 2.0), ("a", 3.0)):
        hub.take(ResponseStarted(at=at, session_id=session_id, exchange_id="x", status=200))
    hub.take(ResponseStarted(at=4.0, session_id="gone", exchange_id="x", status=200))
    hub.forget(["gone"])
    assert looked_at == []
    hub.look()
    hub.look()
    assert looked_at == [("a", 3.0), ("b", 2.0)]


def test_a_signal_that_raises_harms_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_session: Any, _world: Any) -> None:
        raise RuntimeError("bug")

    monkeypatch.setattr(
        "clauditor.signals.edges.SIGNALS", (Signal(name="broken", check=broken), *catalogue.SIGNALS)
    )
    hub, edges = hub_with_edges()
    stream(hub)
    hub.tick(STALL)
    assert edges.seen == ["+stalled:act"]
    assert hub.errors["broken"] >= 2


def test_the_end_of_a_session_clears_what_held() -> None:
    hub, edges = hub_with_edges()
    stream(hub)
    hub.tick(STALL)
    hub.publish(SessionEnded(at=STALL + 1, session_id="s", reason="hook"))
    assert edges.seen[-1] == "-stalled:act"
    assert hub.totals(STALL + 1)["verdicts"] == {"ok": 1}


def test_signals_come_back_after_a_restart_without_a_second_edge() -> None:
    hub, edges = hub_with_edges()
    start(hub)
    fail(hub, "s", 1.0)
    for number in range(2, 6):
        start(hub, at=float(number), exchange_id=f"x{number}")
        fail(hub, "s", number + 0.5, exchange_id=f"x{number}")
    assert "+api_errors:watch" in edges.seen
    kept = unpack(pack(hub.sessions["s"]))
    again, new_edges = hub_with_edges()
    again.restore([kept], 10.0)
    assert "api_errors" in again.sessions["s"].signals
    assert not [edge for edge in new_edges.seen if "api_errors" in edge]


def test_several_sessions_with_one_trouble_are_an_incident() -> None:
    hub, _ = hub_with_edges()
    for name in "abcd":
        start(hub, name, exchange_id=name)
    fail(hub, "a", 10.0, exchange_id="a")
    for now in range(11, 20):
        hub.tick(float(now))
    assert hub.totals(20.0)["incident"] is None  # one session may be its own trouble
    fail(hub, "b", 20.0, exchange_id="b")
    for now in range(21, 30):
        hub.tick(float(now))
    assert hub.totals(30.0)["incident"] == {"status": 529, "failing": 2, "active": 4, "since": 10.0}
    step = hub.sessions["a"].signals["retrying"].next_step
    assert step.startswith("Not your set-up")
    for now in range(30, 160):
        hub.tick(float(now))
    assert hub.totals(160.0)["incident"] is None


def test_a_muted_session_asks_for_nothing_until_its_signals_clear() -> None:
    hub, _ = hub_with_edges()
    stream(hub)
    hub.tick(STALL)
    assert hub.mute("s", STALL + 1, is_muted=True)
    shot = hub.snapshot("s", STALL + 1)
    assert shot is not None
    assert shot["attention"] <= 100
    assert shot["verdict"]["level"] == "act"
    assert shot["muted_until"] == STALL + 1 + MUTE_SECONDS
    hub.publish(Progress(at=130.0, session_id="s", exchange_id="x"))
    assert hub.sessions["s"].muted_until is None


def test_a_mute_ends_after_an_hour_and_by_request() -> None:
    hub, _ = hub_with_edges()
    stream(hub)
    hub.tick(STALL)
    hub.mute("s", 200.0, is_muted=True)
    assert "s" in hub.tick(200.0 + MUTE_SECONDS)
    assert hub.sessions["s"].muted_until is None
    hub.mute("s", 5000.0, is_muted=True)
    hub.mute("s", 5001.0, is_muted=False)
    assert hub.sessions["s"].muted_until is None
    assert not hub.mute("nobody", 5001.0, is_muted=True)


def test_what_is_only_told_of_an_unknown_session_begins_none() -> None:
    hub, _ = hub_with_edges()
    hub.publish(HookSeen(at=1.0, session_id="s", hook="SessionStart"))
    hub.publish(SessionEnded(at=2.0, session_id="s", reason="hook"))
    assert hub.sessions == {}


def test_a_clock_that_is_set_back_keeps_signals_and_their_deadlines() -> None:
    hub, edges = hub_with_edges()
    stream(hub, at=10_000.0)
    hub.publish(ClockJumped(at=6_410.0, session_id="", seconds=-3600.0))
    assert hub.tick(6_400.0 + STALL - 1) == []
    hub.tick(6_400.0 + STALL)
    assert edges.seen == ["+stalled:act"]


def test_counts_of_states_and_verdicts_follow_every_change() -> None:
    hub, _ = hub_with_edges()
    stream(hub, "a")
    stream(hub, "b", at=100.0)
    hub.tick(STALL)
    totals = hub.totals(STALL)
    assert (totals["states"], totals["verdicts"]) == ({"stalled": 1, "thinking": 1}, {"act": 1, "ok": 1})
