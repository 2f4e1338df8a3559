"""A clock that is far ahead makes nothing old before its time; one that is right is believed."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from clauditor.hub import Hub
from clauditor.store.believing import DAY_SECONDS, LEAP_SECONDS, PROBATION_SECONDS, UNSET_BEFORE, Belief
from clauditor.store.store import Store
from support.life import NOW, Book, Life, settle

HOUR = 3600.0


def after(looks: Sequence[float], start: float = NOW) -> list[float]:
    """Until when the clock is believed after each look."""
    belief, found = Belief(believed_at=start), []
    for now in looks:
        belief = belief.looked(now)
        found.append(belief.believed_at)
    return found


def test_a_clock_that_goes_is_believed() -> None:
    looks = [NOW + hour * HOUR for hour in range(24 * 400)]
    assert after(looks) == looks


def test_a_week_away_is_believed_at_once() -> None:
    assert after([NOW + 6.9 * DAY_SECONDS]) == [NOW + 6.9 * DAY_SECONDS]


def test_months_away_are_believed_once_the_clock_has_gone_on_for_three_days() -> None:
    back = NOW + 200 * DAY_SECONDS
    found = after([back + hour * HOUR for hour in range(24 * 4)])
    assert set(found[:72]) == {NOW}
    assert found[72:] == [back + hour * HOUR for hour in range(72, 96)]


def test_a_clock_that_was_wrong_and_comes_back_has_done_nothing() -> None:
    ahead = [NOW + 4000 * DAY_SECONDS + hour * HOUR for hour in range(48)]
    assert after([NOW, *ahead, NOW + 48 * HOUR]) == [NOW] * 49 + [NOW + 48 * HOUR]


def test_a_second_leap_is_no_proof() -> None:
    assert set(after([NOW + year * 365 * DAY_SECONDS for year in (1, 2)])) == {NOW}


def test_one_that_goes_back_during_its_probation_begins_it_anew() -> None:
    ahead = NOW + 365 * DAY_SECONDS
    assert set(after([ahead + day * DAY_SECONDS for day in (10, 12, 5, 8, 7, 9)])) == {NOW}


def test_a_machine_that_is_used_every_other_week_tidies_as_of_the_time_before_last() -> None:
    looks = [NOW + 14 * day * DAY_SECONDS for day in range(1, 50)]
    assert after(looks) == [NOW, NOW, *looks[:-2]]


def test_three_looks_on_one_day_are_no_proof() -> None:
    ahead = NOW + 365 * DAY_SECONDS
    assert set(after([ahead, ahead + 4 * DAY_SECONDS, ahead + 4 * DAY_SECONDS + HOUR])) == {NOW}


def test_a_machine_that_shows_1970_at_each_start_tidies_all_the_same() -> None:
    looks = [now for day in range(100) for now in (35.0, NOW + day * DAY_SECONDS)]
    assert after(looks)[1::2] == looks[1::2]


@given(st.lists(st.floats(-1e12, 1e12), min_size=1, max_size=40))
def test_nothing_is_believed_that_lies_ahead_of_the_clock(looks: list[float]) -> None:
    """So what is recorded after a wrong clock was believed, and set right, is not old."""
    found = zip(after(looks, start=0.0)[1:], looks[1:], strict=True)
    assert all(believed <= now for believed, now in found if now >= UNSET_BEFORE)


@given(
    st.lists(st.tuples(st.booleans(), st.floats(60, 2 * DAY_SECONDS), st.floats(-1e10, 1e10)), max_size=80)
)
def test_a_clock_that_is_never_wrong_for_three_days_on_end_ages_nothing_by_more_than_a_week(
    looks: list[tuple[bool, float, float]],
) -> None:
    """True time goes on; at each look the clock is right, or off by anything, but never for as long as the probation."""
    belief, true, wrong_since = Belief(believed_at=NOW), NOW, None
    off = 0.0
    for is_right, passed, offset in looks:
        true += passed
        if is_right or (wrong_since is not None and true - wrong_since >= PROBATION_SECONDS):
            off, wrong_since = 0.0, None
        elif wrong_since is None:
            off, wrong_since = offset, true
        belief = belief.looked(true + off)
        assert belief.believed_at <= true + LEAP_SECONDS * 1.01


def test_what_is_recorded_before_the_clock_is_set_is_not_old(store: Store) -> None:
    hub = Hub(book=Book(), sinks=[store.sink])
    Life(hub, "known", NOW).turn()
    settle(store)
    store.writer.tidy(NOW)
    settle(store)
    Life(hub, "young", 40.0).turn()
    settle(store)
    store.writer.tidy(70.0)
    settle(store)
    assert [len(store.calls.turns(each, limit=9)) for each in ("known", "young")] == [1, 1]


def test_a_clock_ten_years_ahead_removes_nothing(store: Store) -> None:
    life = Life(Hub(book=Book(), sinks=[store.sink]), "s", NOW)
    life.turn()
    settle(store)
    for now in (NOW, NOW + 3650 * DAY_SECONDS, NOW + 3650 * DAY_SECONDS + HOUR, NOW + HOUR):
        store.writer.tidy(now)
        settle(store)
    assert len(store.calls.turns("s", limit=9)) == 1
    for hour in range(24 * 95):  # and time itself does
        if hour % 12 == 0:
            store.writer.tidy(NOW + hour * HOUR)
            settle(store)
    assert store.calls.turns("s", limit=9) == []
