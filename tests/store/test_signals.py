"""Signals are kept from the hub's edges: once, closed when they end, and as open as their session is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from clauditor.hub import Hub
from clauditor.model.events import SessionEnded, SignalCleared, SignalRaised
from clauditor.store.store import Store
from support.life import NOW, Book, Life, settle

Lives = Callable[..., Life]
DAY = 86_400.0


def raised(session_id: str, at: float, name: str = "stalled", severity: Any = "watch") -> SignalRaised:
    return SignalRaised(
        at=at, session_id=session_id, name=name, severity=severity, evidence="measured",
        summary=f"{name} since then.", short=name, next_step="Look.",
    )  # fmt: skip


def cleared(
    session_id: str, at: float, raised_at: float, name: str = "stalled", severity: Any = "watch"
) -> SignalCleared:
    return SignalCleared(at=at, session_id=session_id, name=name, severity=severity, raised_at=raised_at)


@pytest.fixture
def kept(store: Store, life: Lives) -> Callable[..., list[dict[str, Any]]]:
    """Write events as they come, each in a batch of its own, and read signals back."""
    for name in ("one", "two"):
        life(name).turn()

    def write(
        *events: SignalRaised | SignalCleared, now: float = NOW + 500, **asked: Any
    ) -> list[dict[str, Any]]:
        for event in events:
            store.sink.observe(event, None, ())
            settle(store)
        return store.signals.signals(now=now, **({"limit": 50} | asked))

    return write


def test_a_signal_is_kept_from_its_raising_to_its_end(kept: Callable[..., Any]) -> None:
    begun = raised("one", NOW + 20.25)
    (signal,) = kept(begun)
    assert signal == {
        "session_id": "one",
        "agent_id": "main",
        "name": "stalled",
        "severity": "watch",
        "evidence": "measured",
        "summary": "stalled since then.",
        "raised_at": NOW + 20.25,
        "cleared_at": None,
    }
    (signal,) = kept(cleared("one", NOW + 50.5, begun.at))
    assert signal["cleared_at"] == pytest.approx(NOW + 50.5)


def test_what_is_told_again_changes_nothing(kept: Callable[..., Any]) -> None:
    """A batch that was undone comes again, as a whole and in its order."""
    events = [
        raised("one", NOW + 20),
        cleared("one", NOW + 30, NOW + 20),
        raised("one", NOW + 40),
    ]
    assert kept(*events) == kept(*events)
    assert [signal["cleared_at"] for signal in kept()] == [None, NOW + 30]


def test_another_severity_at_the_same_moment_is_a_signal_of_its_own(kept: Callable[..., Any]) -> None:
    at = NOW + 60
    signals = kept(
        raised("one", NOW + 20), cleared("one", at, NOW + 20), raised("one", at, severity="act"),
        cleared("one", at, at, severity="act"), raised("one", at),
    )  # fmt: skip
    assert {(one["severity"], one["raised_at"] - NOW, one["cleared_at"]) for one in signals} == {
        ("watch", 20, at),
        ("act", 60, at),
        ("watch", 60, None),
    }


def test_the_end_is_found_though_the_clock_was_set(kept: Callable[..., Any]) -> None:
    """The session moved its points in time with the clock; how long the signal held is what counts."""
    for jump in (3_600.0, -3_600.0):
        (signal, *_) = kept(
            raised("one", NOW + 20, name=f"jump{jump}"),
            cleared("one", NOW + 30 + jump, NOW + 20 + jump, name=f"jump{jump}"),
            name=f"jump{jump}",
        )
        assert signal["cleared_at"] - signal["raised_at"] == pytest.approx(10)


def test_an_end_without_a_beginning_is_nothing(kept: Callable[..., Any], store: Store) -> None:
    assert kept(cleared("one", NOW + 30, NOW + 20)) == []
    assert store.writer.rows_dropped == 0


def test_signals_are_asked_for_newest_first_and_filtered(kept: Callable[..., Any]) -> None:
    kept(
        raised("one", NOW - 5 * DAY), raised("two", NOW + 10, "tool_loop", "act"), raised("one", NOW + 20, "retrying")
    )  # fmt: skip

    def names(**asked: Any) -> list[str]:
        return [signal["name"] for signal in kept(**asked)]

    assert names() == ["retrying", "tool_loop", "stalled"]
    assert names(limit=2) == ["retrying", "tool_loop"]
    assert names(since=NOW - DAY) == ["retrying", "tool_loop"]
    assert names(session_id="one") == ["retrying", "stalled"]
    assert names(session_id="one", since=NOW) == ["retrying"]
    assert names(name="tool_loop") == ["tool_loop"]
    assert names(severity="act") == ["tool_loop"]
    assert names(severity="act", name="stalled") == []
    assert names(name="unheard_of") == names(session_id="nobody") == []


def test_a_session_that_is_over_holds_no_signal(
    kept: Callable[..., Any], life: Lives, store: Store, hub: Hub
) -> None:
    """Nobody was there to clear them: the sidecar was away when the sessions ended."""
    kept(raised("one", NOW + 20), raised("two", NOW + 20))
    ended = SessionEnded(at=NOW + 90, session_id="one", reason="hook")
    hub.sessions["one"].apply(ended, Book())
    store.sink.observe(ended, hub.sessions["one"], ())
    settle(store)
    assert {one["session_id"]: one["cleared_at"] for one in kept(now=NOW + 600)} == {
        "one": NOW + 90,
        "two": None,
    }
    silent_since = hub.sessions["two"].last_activity_at
    assert {one["session_id"]: one["cleared_at"] for one in kept(now=NOW + 2 * DAY)} == {
        "one": NOW + 90,
        "two": silent_since + DAY,
    }


def test_the_worst_of_a_session_stays(kept: Callable[..., Any], store: Store) -> None:
    kept(
        raised("one", NOW + 1, "tool_loop", "act"), cleared("one", NOW + 2, NOW + 1, "tool_loop", "act"),
        raised("one", NOW + 3, "tool_loop", "notice"), raised("one", NOW + 4, "retrying", "watch"),
        raised("two", NOW + 5, "cache_rebuilt", "notice"),
    )  # fmt: skip
    assert store.signals.had_since(NOW) == {
        "one": {"tool_loop": 2, "retrying": 1},
        "two": {"cache_rebuilt": 0},
    }
    assert store.signals.had_since(NOW + DAY) == {}


def test_a_restart_takes_up_what_holds_and_closes_it_later(open_store: Callable[[], Store]) -> None:
    """Through the real hub: a session that stalls, a kill, a new sidecar, and the byte that comes at last."""
    store = open_store()
    hub = Hub(book=Book(), sinks=[store.sink], revive=store.load_session)
    life = Life(hub, "stalls")
    life.turn()
    exchange_id = life.start()
    for second in range(1, 700):
        hub.tick(life.at + second)
    settle(store)
    held = dict(hub.sessions["stalls"].signals)
    assert held
    now = life.at + 700
    before = store.signals.signals(now=now, limit=50)
    assert {signal["name"] for signal in before if signal["cleared_at"] is None} == set(held)
    store.close()

    again = open_store()
    hub = Hub(book=Book(), sinks=[again.sink], revive=again.load_session)
    sessions = again.load_open_sessions(now)
    assert sessions[0].signals == held
    hub.restore(sessions, now)
    life.hub, life.at = hub, now
    life.answer(exchange_id)
    life.turn()
    for second in range(1, 10):
        hub.tick(life.at + second)
    settle(again)
    still = hub.sessions["stalls"].signals
    after = again.signals.signals(now=now + 100, limit=50)
    assert {(one["name"], one["raised_at"]) for one in before} <= {
        (one["name"], one["raised_at"]) for one in after
    }
    assert {one["name"] for one in after if one["cleared_at"] is None} == set(still)
    assert "stalled" not in still
