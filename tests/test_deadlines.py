"""One point in time a key, the earliest first."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from clauditor.deadlines import Deadlines


def test_keys_come_when_they_are_due_and_once() -> None:
    deadlines = Deadlines()
    deadlines.note("late", 20.0)
    deadlines.note("soon", 10.0)
    assert list(deadlines.pop(9.9)) == []
    assert list(deadlines.pop(25.0)) == ["soon", "late"]
    assert list(deadlines.pop(99.0)) == []


def test_an_earlier_point_replaces_a_later_one() -> None:
    deadlines = Deadlines()
    deadlines.note("a", 20.0)
    deadlines.note("a", 10.0)
    deadlines.note("a", 30.0)
    assert list(deadlines.pop(15.0)) == ["a"]
    assert list(deadlines.pop(40.0)) == []


def test_a_key_may_be_noted_anew_while_it_is_popped() -> None:
    deadlines = Deadlines()
    deadlines.note("a", 10.0)
    for key in deadlines.pop(10.0):
        deadlines.note(key, 20.0)
    assert list(deadlines.pop(19.0)) == []
    assert list(deadlines.pop(20.0)) == ["a"]


def test_what_was_dropped_never_comes() -> None:
    deadlines = Deadlines()
    deadlines.note("a", 10.0)
    deadlines.drop("a")
    deadlines.note("b", 10.0)
    deadlines.clear()
    assert list(deadlines.pop(99.0)) == []


@given(
    notes=st.lists(st.tuples(st.sampled_from("abc"), st.floats(0, 100)), max_size=30), now=st.floats(0, 100)
)
def test_every_key_comes_by_its_earliest_point(notes: list[tuple[str, float]], now: float) -> None:
    deadlines = Deadlines()
    for key, at in notes:
        deadlines.note(key, at)
    earliest: dict[str, float] = {}
    for key, at in notes:
        earliest[key] = min(at, earliest.get(key, at))
    assert sorted(deadlines.pop(now)) == sorted(key for key, at in earliest.items() if at <= now)
