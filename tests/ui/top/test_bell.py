"""When the screen rings, told by the snapshots it was shown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from clauditor.alerts.rules import AlertRules
from clauditor.ui.top.bell import Bell
from clauditor.ui.views.session import SessionView
from clauditor.ui.views.snapshot import session_view
from ui.afternoon import NOW, judged, signal, snapshot
from ui.hostile import HOSTILE, is_harmless

LOOP = signal(
    "tool_loop", "act", "Bash: 6 times the same call.", "loop: same call x6", "Press Esc.", since=NOW + 1
)


def shown(**sessions: Mapping[str, Any]) -> dict[str, SessionView]:
    return {
        name: session_view(snapshot(name, project=name) | dict(fields)) for name, fields in sessions.items()
    }


def asks(since: float) -> dict[str, Any]:
    return judged(signal("needs_answer", "act", "Claude asks.", "needs your ok", "Answer.", since=since))


def opened(**sessions: Mapping[str, Any]) -> Bell:
    """A bell that has seen these sessions."""
    bell = Bell(AlertRules())
    assert bell.ring(shown(**sessions), NOW) == ""
    return bell


def test_what_held_when_the_screen_opened_does_not_ring() -> None:
    bell = opened(a=judged(LOOP))
    assert bell.ring(shown(a=judged(LOOP)), NOW + 60) == ""


def test_a_new_signal_rings_once_as_notification_and_bell() -> None:
    bell = opened(a={})
    assert bell.ring(shown(a=judged(LOOP)), NOW + 1) == (
        "\x1b]9;Clauditor: a: Bash: 6 times the same call. Press Esc.\x07\x07"
    )
    assert bell.ring(shown(a=judged(LOOP)), NOW + 100) == ""


def test_a_question_rings_after_ten_seconds_and_not_if_it_was_answered() -> None:
    bell = opened(a={}, b={})
    assert bell.ring(shown(a=asks(NOW + 1), b=asks(NOW + 1)), NOW + 2) == ""
    assert bell.ring(shown(a=asks(NOW + 1), b={}), NOW + 10) == ""
    assert "a: Claude asks." in bell.ring(shown(a=asks(NOW + 1), b={}), NOW + 11)
    assert bell.ring(shown(a=asks(NOW + 1), b={}), NOW + 100) == ""


def test_within_thirty_seconds_the_rest_is_one_sum() -> None:
    bell = opened(a={}, b={}, c={}, d={})
    assert "Clauditor: a:" in bell.ring(shown(a=judged(LOOP), b={}, c={}, d={}), NOW + 1)
    all_of_them = shown(**dict.fromkeys("abcd", judged(LOOP)))
    assert bell.ring(all_of_them, NOW + 2) == ""
    assert bell.ring(all_of_them, NOW + 30) == ""
    assert "Clauditor: 3 sessions need you:" in bell.ring(all_of_them, NOW + 31)


def test_a_signal_that_comes_straight_back_does_not_ring_again() -> None:
    bell = opened(a={})
    assert bell.ring(shown(a=judged(LOOP)), NOW + 1)
    assert bell.ring(shown(a={}), NOW + 40) == ""
    again = judged(LOOP | {"since": NOW + 50})
    assert bell.ring(shown(a=again), NOW + 50) == ""
    assert bell.ring(shown(a={}), NOW + 60) == ""
    assert bell.ring(shown(a=judged(LOOP | {"since": NOW + 120})), NOW + 120)


def test_a_muted_session_and_one_that_left_ring_for_nothing() -> None:
    bell = opened(a={}, b={})
    muted = judged(LOOP) | {"muted_until": NOW + 600}
    assert bell.ring(shown(a=muted, b=asks(NOW + 1)), NOW + 2) == ""
    assert bell.ring(shown(a=muted), NOW + 60) == ""


@pytest.mark.parametrize(
    "quiet",
    [
        signal("cache_expiring", "watch", "It goes cold.", "goes cold", "", since=NOW + 1),
        signal("needs_answer", "watch", "Its answer is complete.", "answer complete", "", since=NOW - 60),
        signal("rate_limit", "watch", "It fills up.", "fills up", "", since=NOW + 1),
        signal("tool_loop", "terrible", "No severity we know.", "?", "", since=NOW + 1),
    ],
)
def test_what_is_no_alert_stays_quiet(quiet: dict[str, Any]) -> None:
    bell = opened(a={})
    assert bell.ring(shown(a=judged(quiet)), NOW + 60) == ""


def test_the_rules_are_the_persons() -> None:
    bell = Bell(AlertRules().ringing({"tool_loop": "off", "cache_expiring": "watch"}))
    bell.ring(shown(a={}, b={}), NOW)
    cold = signal("cache_expiring", "watch", "It goes cold.", "goes cold", "", since=NOW + 1)
    assert "b: It goes cold." in bell.ring(shown(a=judged(LOOP), b=judged(cold)), NOW + 1)


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_stays_within_its_notification(text: str) -> None:
    bell = opened(a={})
    poisoned = signal("tool_loop", "act", text, text, text, since=NOW + 1)
    sound = bell.ring(shown(a={"project": text} | judged(poisoned)), NOW + 1)
    inner = sound.removeprefix("\x1b]9;").removesuffix("\x07\x07")
    assert sound == f"\x1b]9;{inner}\x07\x07"
    assert is_harmless(inner)
    assert len(inner) <= 300
