"""When it rings: events and time in, alerts and toasts out."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clauditor.alerts.alert import Toast
from clauditor.alerts.deciding import MAX_EPISODES, Decider, Decision
from clauditor.alerts.rules import SIGNALS, AlertRules, Least
from clauditor.model.events import ClockJumped, SessionEnded, Severity, SignalCleared, SignalRaised
from clauditor.signals import catalogue

T = 1_790_000_000.0


def raised(
    name: str, at: float, *, session: str = "s1", severity: Severity = "act", summary: str = "It is so."
) -> SignalRaised:
    return SignalRaised(
        at=at,
        session_id=session,
        name=name,
        severity=severity,
        evidence="measured",
        summary=summary,
        short=f"{name} it is",
        next_step="Do it.",
    )


def cleared(name: str, at: float, *, session: str = "s1", severity: Severity = "act") -> SignalCleared:
    return SignalCleared(at=at, session_id=session, name=name, severity=severity, raised_at=at - 1)


class Bell:
    """A decider with sessions that may be muted."""

    def __init__(self, rules: AlertRules | None = None) -> None:
        self.decider = Decider(rules or AlertRules())
        self.muted: set[str] = set()

    def see(self, *events: Any, account: str | None = None) -> None:
        for event in events:
            self.decider.see(event, project=f"p-{event.session_id}", account=account)

    def at(self, now: float) -> Decision:
        return self.decider.decide(now, lambda session_id: session_id not in self.muted)

    def rang(self, now: float) -> list[tuple[str, str]]:
        return [(alert.session_id, alert.signal) for alert in self.at(now).alerts]


def test_the_catalogue_and_the_switches_name_the_same_signals() -> None:
    assert set(SIGNALS) == {signal.name for signal in catalogue.SIGNALS}


@pytest.mark.parametrize(
    ("name", "severity", "rings"),
    [
        ("stalled", "act", True),
        ("tool_loop", "act", True),
        ("model_fallback", "watch", True),
        ("rate_limit", "act", True),
        ("rate_limit", "watch", False),
        ("needs_answer", "watch", False),
        ("context_pressure", "watch", False),
        ("cache_rebuilt", "act", False),
        ("of_tomorrow", "act", False),
    ],
)
def test_what_rings_unless_told_otherwise(name: str, severity: Severity, rings: bool) -> None:
    bell = Bell()
    bell.see(raised(name, T, severity=severity))
    assert bool(bell.at(T).alerts) is rings


@pytest.mark.parametrize(
    ("least", "severity", "rings"),
    [("off", "act", False), ("act", "watch", False), ("watch", "watch", True), ("notice", "notice", True)],
)
def test_each_signal_has_a_switch(least: Least, severity: Severity, rings: bool) -> None:
    bell = Bell(AlertRules().ringing({"cache_rebuilt": least}))
    bell.see(raised("cache_rebuilt", T, severity=severity))
    assert bool(bell.at(T).alerts) is rings


def test_an_alert_says_project_summary_and_next_step() -> None:
    bell = Bell()
    bell.see(raised("stalled", T, summary="The answer stopped in the middle."))
    decision = bell.at(T)
    (alert,) = decision.alerts
    assert (alert.session_id, alert.project, alert.since, alert.label) == ("s1", "p-s1", T, None)
    assert decision.toast == Toast(title="Clauditor: p-s1", body="The answer stopped in the middle. Do it.")


def test_it_rings_once_for_one_edge() -> None:
    bell = Bell()
    bell.see(raised("stalled", T))
    assert bell.rang(T) == [("s1", "stalled")]
    assert [bell.rang(T + seconds) for seconds in (1, 60, 3600)] == [[], [], []]


def test_a_question_rings_once_it_was_open_for_ten_seconds() -> None:
    bell = Bell()
    bell.see(raised("needs_answer", T))
    assert bell.rang(T + 9.9) == []
    assert bell.rang(T + 10) == [("s1", "needs_answer")]
    bell = Bell()
    bell.see(raised("needs_answer", T), cleared("needs_answer", T + 9))
    assert bell.rang(T + 10) == []


def test_what_comes_back_within_half_a_minute_is_the_same_trouble() -> None:
    bell = Bell()
    bell.see(raised("stalled", T))
    assert bell.rang(T) == [("s1", "stalled")]
    bell.see(cleared("stalled", T + 5), raised("stalled", T + 34))
    assert bell.rang(T + 100) == []
    bell.see(cleared("stalled", T + 200), raised("stalled", T + 229.9))
    assert bell.rang(T + 300) == []
    bell.see(cleared("stalled", T + 400), raised("stalled", T + 430))
    assert bell.rang(T + 430) == [("s1", "stalled")]


def test_another_question_soon_after_rings_late_rather_than_never() -> None:
    bell = Bell()
    bell.see(raised("needs_answer", T))
    assert bell.rang(T + 10) == [("s1", "needs_answer")]
    bell.see(cleared("needs_answer", T + 20), raised("needs_answer", T + 25))
    assert bell.rang(T + 49.9) == []
    assert bell.rang(T + 50) == [("s1", "needs_answer")]


def test_questions_answered_at_once_do_not_shorten_the_rest() -> None:
    bell = Bell()
    bell.see(raised("needs_answer", T))
    assert bell.rang(T + 10) == [("s1", "needs_answer")]
    bell.see(cleared("needs_answer", T + 20), raised("needs_answer", T + 22), cleared("needs_answer", T + 24))
    assert bell.rang(T + 24) == []
    bell.see(raised("needs_answer", T + 26))
    assert bell.rang(T + 49) == []
    assert bell.rang(T + 50) == [("s1", "needs_answer")]


def test_what_gets_worse_rings_again_and_what_gets_better_does_not() -> None:
    bell = Bell(AlertRules().ringing({"rate_limit": "watch"}))
    bell.see(raised("rate_limit", T, severity="watch"))
    assert bell.rang(T) == [("s1", "rate_limit")]
    bell.see(cleared("rate_limit", T + 5, severity="watch"), raised("rate_limit", T + 5))
    assert bell.rang(T + 5) == [("s1", "rate_limit")]
    bell.see(cleared("rate_limit", T + 9), raised("rate_limit", T + 9, severity="watch"))
    assert bell.rang(T + 9) == []


def test_a_limit_of_the_account_rings_once_for_all_its_sessions() -> None:
    bell = Bell()
    for number in range(10):
        bell.see(raised("rate_limit", T, session=f"s{number}"), account="acme")
    assert bell.rang(T) == [("s0", "rate_limit")]
    bell.see(raised("rate_limit", T, session="x"), account="other")
    assert bell.rang(T) == [("x", "rate_limit")]


def test_a_limit_does_not_ring_anew_for_each_prompt() -> None:
    bell = Bell()
    bell.see(raised("rate_limit", T), account="acme")
    assert bell.rang(T) == [("s1", "rate_limit")]
    for minute in range(1, 50):  # the signal is clear while nobody works
        bell.see(cleared("rate_limit", T + minute * 60), account="acme")
        assert bell.rang(T + minute * 60 + 40) == []
        bell.see(raised("rate_limit", T + minute * 60 + 50), account="acme")
        assert bell.rang(T + minute * 60 + 50) == []
    bell.see(cleared("rate_limit", T + 3000), raised("rate_limit", T + 6600), account="acme")
    assert bell.rang(T + 6600) == [("s1", "rate_limit")]


def test_what_held_before_a_restart_and_comes_back_soon_does_not_ring() -> None:
    bell = Bell()
    bell.see(cleared("stalled", T), raised("stalled", T + 10))
    assert bell.rang(T + 10) == []
    bell.see(cleared("stalled", T + 20), raised("stalled", T + 60))
    assert bell.rang(T + 60) == [("s1", "stalled")]


def test_a_muted_session_is_silent_and_rings_after_it_if_it_still_must() -> None:
    bell = Bell()
    bell.muted = {"s1", "s2"}
    bell.see(raised("stalled", T), raised("stalled", T, session="s2"))
    assert bell.at(T + 60) == Decision()
    bell.see(cleared("stalled", T + 70))
    bell.muted = set()
    assert bell.rang(T + 80) == [("s2", "stalled")]


def test_a_mute_between_alert_and_toast_silences_the_toast() -> None:
    bell = Bell()
    bell.see(raised("stalled", T))
    assert bell.at(T).toast is not None
    bell.see(raised("stalled", T + 1, session="s2"))
    assert bell.rang(T + 1) == [("s2", "stalled")]
    bell.muted = {"s2"}
    assert bell.at(T + 60).toast is None


def test_an_ended_session_does_not_ring() -> None:
    bell = Bell()
    bell.see(raised("needs_answer", T), SessionEnded(at=T + 5, session_id="s1", reason="hook"))
    assert bell.at(T + 60) == Decision()


def test_one_toast_in_half_a_minute_and_then_one_for_all() -> None:
    bell = Bell()
    bell.see(raised("stalled", T))
    first = bell.at(T).toast
    assert first is not None
    assert first.title == "Clauditor: p-s1"
    bell.see(raised("model_fallback", T + 1, session="s2", severity="watch"))
    bell.see(raised("stalled", T + 2, session="s3"), raised("tool_loop", T + 3, session="s4"))
    bell.see(raised("stalled", T + 4, session="s5"), cleared("stalled", T + 5, session="s5"))
    assert bell.at(T + 29.9).toast is None
    assert bell.at(T + 30).toast == Toast(
        title="Clauditor: 3 sessions need you",
        body="p-s3: stalled it is; p-s4: tool_loop it is; p-s2: model_fallback it is.",
    )
    assert bell.at(T + 90).toast is None


def test_several_troubles_of_one_session_are_one_toast() -> None:
    bell = Bell()
    bell.see(raised("stalled", T), raised("model_fallback", T, severity="watch"))
    assert bell.at(T).toast == Toast(
        title="Clauditor: p-s1", body="It is so. Do it. Also: model_fallback it is."
    )


def test_many_sessions_are_not_all_named() -> None:
    bell = Bell()
    for number in range(7):
        bell.see(raised("stalled", T + number, session=f"s{number}"))
    toast = bell.at(T + 10).toast
    assert toast == Toast(
        title="Clauditor: 7 sessions need you",
        body="p-s0: stalled it is; p-s1: stalled it is; p-s2: stalled it is; and 4 more.",
    )


def test_a_clock_that_is_set_neither_hastens_nor_delays() -> None:
    bell = Bell()
    bell.see(raised("stalled", T, session="s2"))
    assert bell.at(T).toast is not None
    bell.see(raised("needs_answer", T))
    bell.see(ClockJumped(at=T + 1 + 3600, session_id="", seconds=3600))
    assert bell.rang(T + 3600 + 9) == []
    decision = bell.at(T + 3600 + 10)
    assert [alert.since for alert in decision.alerts] == [T + 3600]
    assert decision.toast is None
    assert bell.at(T + 3600 + 30).toast is not None


def test_what_it_remembers_is_bounded_and_what_it_forgot_is_counted() -> None:
    bell = Bell()
    for number in range(MAX_EPISODES + 10):
        bell.see(raised("stalled", T, session=f"s{number}"))
    assert bell.decider.forgotten == 10
    assert len(bell.at(T).alerts) == MAX_EPISODES


def test_what_is_over_is_forgotten() -> None:
    bell = Bell()
    for number in range(100):
        bell.see(raised("stalled", T, session=f"s{number}"))
    bell.at(T)
    for number in range(100):
        bell.see(cleared("stalled", T + 1, session=f"s{number}"))
    bell.at(T + 31)
    assert not bell.decider._episodes


# A life: signals of three sessions come and go, some sessions are muted for a time, a second or more a step.
Step = tuple[float, str, str, str]
STEPS = st.lists(
    st.tuples(
        st.sampled_from([0.0, 1.0, 3.0, 11.0, 31.0]),
        st.sampled_from(["raise", "raise", "clear", "mute", "unmute", "end"]),
        st.sampled_from(["needs_answer", "stalled", "tool_loop", "cache_rebuilt"]),
        st.sampled_from(["s1", "s2", "s3"]),
    ),
    max_size=60,
)


def live(steps: list[Step], look: Callable[[float, Bell, Decision, set[tuple[str, str]]], None]) -> int:
    """Play the steps as the hub would, with a tick each second; returns the number of edges."""
    bell, now, edges = Bell(), T, 0
    holding: set[tuple[str, str]] = set()
    for pause, what, name, session in steps:
        for _ in range(int(pause)):
            now += 1
            look(now, bell, bell.at(now), holding)
        key = session, name
        match what:
            case "raise" if key not in holding:
                bell.see(raised(name, now, session=session))
                holding.add(key)
                edges += 1
            case "clear" if key in holding:
                bell.see(cleared(name, now, session=session))
                holding.discard(key)
            case "end":
                bell.see(SessionEnded(at=now, session_id=session, reason="hook"))
                holding -= {each for each in holding if each[0] == session}
            case "mute":
                bell.muted.add(session)
            case "unmute":
                bell.muted.discard(session)
            case _:
                pass
    for _ in range(40):
        now += 1
        look(now, bell, bell.at(now), holding)
    return edges


@given(STEPS)
def test_toasts_are_half_a_minute_apart(steps: list[Step]) -> None:
    times: list[float] = []

    def look(now: float, _bell: Bell, decision: Decision, _holding: set[tuple[str, str]]) -> None:
        if decision.toast is not None:
            times.append(now)

    live(steps, look)
    assert all(later - earlier >= 30 for earlier, later in pairwise(times))


@given(STEPS)
def test_no_edge_rings_twice_and_only_what_holds_and_is_not_muted_rings(steps: list[Step]) -> None:
    rung: set[tuple[str, str, float]] = set()

    def look(_now: float, bell: Bell, decision: Decision, holding: set[tuple[str, str]]) -> None:
        for alert in decision.alerts:
            edge = alert.session_id, alert.signal, alert.since
            assert edge not in rung
            rung.add(edge)
            assert (alert.session_id, alert.signal) in holding
            assert alert.session_id not in bell.muted
            assert alert.signal != "cache_rebuilt"
        if decision.toast is not None and "sessions" not in decision.toast.title:
            assert decision.toast.title.removeprefix("Clauditor: p-") not in bell.muted

    assert len(rung) <= live(steps, look)


@given(STEPS)
def test_what_was_clear_for_long_enough_rings(steps: list[Step]) -> None:
    """No edge is lost: after all of it, a fresh trouble of a session that is not muted rings."""
    bells: list[tuple[float, Bell]] = []
    live(steps, lambda now, bell, *_: bells.append((now, bell)))
    now, bell = bells[-1]
    for session in ("s1", "s2", "s3"):
        bell.see(cleared("stalled", now, session=session))
    bell.muted = set()
    bell.at(now + 31)
    bell.see(raised("stalled", now + 40, session="s2"))
    assert ("s2", "stalled") in bell.rang(now + 40)
