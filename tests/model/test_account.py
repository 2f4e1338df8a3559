"""Windows of an account: pace, projection, and who used what."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clauditor.model.account import Account
from clauditor.model.accounts import MAX_ACCOUNTS, Accounts
from clauditor.model.events import LimitsSeen, LimitWindow
from clauditor.model.session import Session

RESET = 18_000.0


def window(used: float, resets_at: float = RESET, name: str = "five_hour") -> LimitWindow:
    return LimitWindow(name=name, used_ratio=used, resets_at=resets_at, status="allowed")


def account(*readings: tuple[float, float]) -> Account:
    """An account whose five-hour window was read at these times (seconds, ratio)."""
    made = Account(account="a", billing="plan")
    for at, used in readings:
        made.see(window(used), at)
    return made


def test_under_a_quarter_of_an_hour_nothing_is_projected() -> None:
    record = account((0, 0.1), (899, 0.5)).windows["five_hour"]
    assert (record.pace, record.projected_ratio, record.full_at) == (None, None, None)


def test_the_pace_of_the_last_hour_is_projected_to_the_reset() -> None:
    record = account((0, 0.1), (3600, 0.2)).windows["five_hour"]
    assert record.projected_ratio == pytest.approx(0.2 + 0.1 * 4)
    assert record.full_at is None


def test_it_says_when_it_will_be_full() -> None:
    record = account((0, 0.2), (3600, 0.5)).windows["five_hour"]
    assert record.full_at == pytest.approx(3600 + 3600 * 0.5 / 0.3)


def test_only_the_last_hour_counts() -> None:
    record = account((0, 0.0), (3600, 0.9), (7200, 0.9)).windows["five_hour"]
    assert record.pace == 0.0
    assert record.full_at is None


def test_a_new_period_starts_afresh() -> None:
    made = account((0, 0.2), (3600, 0.9))
    made.see(window(0.01, resets_at=36_000.0), 3700)
    assert made.windows["five_hour"].pace is None


def test_a_rise_is_shared_by_what_the_calls_in_between_cost() -> None:
    made = account((0, 0.10))
    made.spend("a", 3.0)
    made.spend("b", 1.0)
    assert made.see(window(0.14), 60) == pytest.approx({"a": 0.03, "b": 0.01})
    assert made.rise_per_usd["five_hour"] == pytest.approx(0.01)


def test_what_a_dollar_takes_of_a_window_is_worked_out_from_all_rises_and_not_from_few() -> None:
    made = account((0, 0.10))
    for number, (used, usd) in enumerate(((0.11, 0.001), (0.12, 1.0), (0.13, 1.0), (0.14, 1.0))):
        assert ("five_hour" in made.rise_per_usd) == (number > 2), number
        made.spend("a", usd)
        made.see(window(used), 60.0 * number)
    assert made.rise_per_usd["five_hour"] == pytest.approx(0.04 / 3.001)


def test_a_rise_without_calls_was_used_elsewhere() -> None:
    made = account((0, 0.10))
    assert made.see(window(0.30), 60) == {}
    made.spend("a", 1.0)
    assert made.see(window(0.25), 120) == {}  # a window may also sink
    assert made.see(window(0.30), 180) == pytest.approx({"a": 0.05})


def test_shares_end_up_in_their_sessions_and_start_anew_with_the_period() -> None:
    sessions = {
        name: Session(session_id=name, started_at=0, last_activity_at=0, account="a") for name in "xy"
    }
    accounts = Accounts()

    def see(used: float, at: float, resets_at: float = RESET) -> None:
        event = LimitsSeen(
            at=at, session_id="x", account="a", billing="plan", windows=(window(used, resets_at),)
        )
        accounts.see(event, sessions)

    see(0.1, 0)
    accounts.spend(sessions["x"], 1.0)
    see(0.2, 60)
    accounts.spend(sessions["x"], 1.0)
    accounts.spend(sessions["y"], 1.0)
    see(0.4, 120)
    assert sessions["x"].window_use["five_hour"].ratio == pytest.approx(0.2)
    assert sessions["y"].window_use["five_hour"].ratio == pytest.approx(0.1)
    see(0.0, 180, resets_at=36_000.0)
    accounts.spend(sessions["x"], 1.0)
    see(0.05, 240, resets_at=36_000.0)
    assert sessions["x"].window_use["five_hour"].ratio == pytest.approx(0.05)


def test_accounts_are_bounded() -> None:
    accounts = Accounts()
    for number in range(MAX_ACCOUNTS + 5):
        event = LimitsSeen(at=0, session_id="", account=f"a{number}", billing="plan", windows=(window(0.1),))
        accounts.see(event, {})
    assert len(accounts.by_name) == MAX_ACCOUNTS


@given(
    steps=st.lists(
        st.tuples(st.floats(0, 2), st.lists(st.tuples(st.sampled_from("abc"), st.floats(0, 50)), max_size=4)),
        min_size=2,
        max_size=20,
    )
)
def test_shares_never_exceed_the_rise(steps: list[tuple[float, list[tuple[str, float]]]]) -> None:
    made, before = Account(account="a", billing="plan"), None
    for number, (used, spent) in enumerate(steps):
        shares = made.see(window(used), 100.0 * number)
        if before is not None and shares:
            assert sum(shares.values()) == pytest.approx(used - before)
        before = used
        for session_id, usd in spent:
            made.spend(session_id, usd)
