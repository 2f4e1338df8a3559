"""Rate-limit windows: the fullest account speaks, and what is not known is left out."""

from __future__ import annotations

from clauditor.model.account import Account
from clauditor.model.events import LimitWindow
from clauditor.telemetry.limits import Limits

NOW = 1_790_000_000.0
FIVE_HOUR = ("plan", "five_hour")


def account(name: str, used: float | None, *, billing: str = "plan", resets_in: float = 3600.0) -> Account:
    made = Account(account=name, billing=billing)
    made.see(LimitWindow(name="five_hour", used_ratio=used, resets_at=NOW + resets_in), NOW - 1800)
    return made


def test_of_several_accounts_the_fullest_speaks() -> None:
    limits = Limits()
    limits.look([account("a", 0.2), account("b", 0.7, resets_in=60), account("c", 0.3)], NOW)
    assert limits.used() == {FIVE_HOUR: 0.7}
    assert limits.resets_at() == {FIVE_HOUR: NOW + 60}


def test_a_projection_is_told_once_there_is_a_pace() -> None:
    limits, one = Limits(), account("a", 0.4)
    limits.look([one], NOW)
    assert (limits.projected(), limits.full_at()) == ({}, {})
    one.see(LimitWindow(name="five_hour", used_ratio=0.8, resets_at=NOW + 3600), NOW)
    limits.look([one], NOW)
    assert round(limits.projected()[FIVE_HOUR], 6) == 1.6
    assert round(limits.full_at()[FIVE_HOUR] - NOW) == 900


def test_a_window_that_was_reset_and_one_without_a_reading_are_left_out() -> None:
    limits = Limits()
    limits.look([account("a", 0.9, resets_in=-1), account("b", None)], NOW)
    assert (limits.used(), limits.resets_at()) == ({}, {})


def test_windows_of_a_plan_and_buckets_of_a_key_stand_apart_and_names_are_bounded() -> None:
    key = Account(account="k", billing="api")
    for number in range(60):
        key.see(LimitWindow(name=f"window_{number}", used_ratio=0.5), NOW)
    limits = Limits()
    limits.look([account("a", 0.1), key], NOW)
    assert limits.used()[FIVE_HOUR] == 0.1
    assert len(limits.used()) == 9
    assert limits.used()["api", "other"] == 0.5
