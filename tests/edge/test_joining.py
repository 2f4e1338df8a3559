"""Copies and lines in any order: each line joins one copy or becomes one gap, each broken copy gets one end."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clauditor.edge import joining, waiting
from clauditor.edge.joining import By, Ended, Gap, Joining, Line
from clauditor.model.events import GapFound

LONG = 1000.0
GAP = Gap(exchange_id="1-1", session_id="s", agent_id="main", reason="missed", unseen_bytes=30)
LINE = Line(
    exchange_id="1-1", session_id="s", agent_id="main", request_bytes=10, response_bytes=20, seconds=2.5
)
BROKEN = replace(LINE, by="client")


@dataclass
class Copy:
    exchange_id: str = "1-1"
    session_id: str | None = "derived"
    request_bytes: int = 10
    response_bytes: int = 20


def test_a_whole_copy_and_its_line_say_nothing_in_either_order() -> None:
    for line_first in (False, True):
        joined, copy = Joining[Copy](), Copy()
        joined.opened(copy, at=100.0)
        said = joined.logged(LINE) if line_first else []
        said += joined.copied(copy, is_whole=True)
        said += [] if line_first else joined.logged(LINE)
        assert said + joined.pass_time(LONG) == []
        assert joined.counters == joining.JoinCounters(joined=1)


def test_a_line_that_comes_before_the_first_byte_of_its_copy_waits_for_it() -> None:
    joined, copy = Joining[Copy](), Copy()
    assert joined.logged(LINE) == joined.pass_time(2.9) == []
    assert list(joined.undecided) == [LINE]
    joined.opened(copy, at=100.0)
    assert joined.copied(copy, is_whole=True) + joined.pass_time(LONG) == []
    assert list(joined.undecided) == []


def test_an_exchange_that_was_never_copied_is_a_gap_once() -> None:
    joined = Joining[Copy]()
    assert joined.logged(LINE) == joined.pass_time(2.9) == []
    assert joined.pass_time(3.0) == [GAP]
    assert joined.logged(LINE) + joined.pass_time(LONG) == []


def test_a_line_from_before_our_time_waits_for_nothing() -> None:
    joined = Joining[Copy]()
    assert joined.logged(replace(LINE, is_old=True)) == [GAP]
    joined.take_up({"1-2"}, {"1-3"})
    assert joined.logged(replace(LINE, exchange_id="1-2", is_old=True)) == []
    lost = replace(LINE, exchange_id="1-3", is_old=True)
    assert joined.logged(lost) == [replace(GAP, exchange_id="1-3", reason="partial")]
    assert joined.logged(lost) == []


def test_a_gap_that_somebody_told_is_not_told_again() -> None:
    for reason in ("restart", "request_unreadable"):
        joined, copy = Joining[Copy](), Copy(response_bytes=0)
        joined.observe(GapFound(at=1.0, session_id="s", exchange_id="1-1", reason=reason), None, ())
        if reason == "request_unreadable":
            joined.opened(copy, at=100.0)
            joined.copied(copy, is_whole=True)
        assert joined.logged(LINE) + joined.pass_time(LONG) == []


@pytest.mark.parametrize("by", ["client", "upstream", "proxy"])
def test_a_broken_exchange_ends_with_its_line_as_soon_as_all_of_it_was_seen(by: By) -> None:
    joined, copy = Joining[Copy](), Copy(response_bytes=19)
    joined.opened(copy, at=100.0)
    assert joined.logged(replace(LINE, by=by)) == []
    copy.response_bytes = 20
    assert joined.pass_time(0.5) == [Ended(copy, by, 102.5)]
    assert joined.copied(copy, is_whole=False) + joined.pass_time(LONG) == []


def test_a_copy_that_broke_off_waits_for_the_line_that_says_why() -> None:
    joined, copy = Joining[Copy](), Copy()
    joined.opened(copy, at=100.0)
    assert joined.copied(copy, is_whole=False) == joined.pass_time(1.9) == []
    assert joined.logged(BROKEN) == [Ended(copy, "client", 102.5)]


def test_a_copy_that_lacks_only_its_end_ends_well() -> None:
    joined, copy = Joining[Copy](), Copy()
    joined.opened(copy, at=100.0)
    joined.copied(copy, is_whole=False)
    assert joined.logged(LINE) == [Ended(copy, "nobody", 102.5)]


@pytest.mark.parametrize(("line", "by"), [(LINE, "unseen"), (BROKEN, "client")])
def test_a_copy_that_lacks_more_is_a_gap_of_what_is_missing(line: Line, by: By) -> None:
    joined, copy = Joining[Copy](), Copy(response_bytes=5)
    joined.opened(copy, at=100.0)
    joined.copied(copy, is_whole=False)
    gap = replace(GAP, session_id="derived", reason="partial", unseen_bytes=15)
    assert joined.logged(line) == [Ended(copy, by, 102.5), gap]
    assert joined.pass_time(LONG) == []


def test_a_copy_lost_while_its_exchange_goes_on_is_told_at_once_and_is_a_gap_when_that_ends() -> None:
    joined, copy = Joining[Copy](), Copy(response_bytes=5)
    joined.opened(copy, at=100.0)
    joined.copied(copy, is_whole=False)
    assert joined.pass_time(2.0) == [Ended(copy, "unseen", None)]
    gap = replace(GAP, session_id="derived", reason="partial", unseen_bytes=15)
    assert joined.logged(LINE) + joined.pass_time(LONG) == [gap]


def test_whole_copies_without_a_line_are_counted_and_forgotten() -> None:
    joined = Joining[Copy]()
    joined.opened(Copy(), at=100.0)
    joined.copied(Copy(), is_whole=True)
    assert joined.pass_time(LONG) == []
    assert joined.counters.unlogged == 1


def test_what_waits_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "MAX_WAITING", 10)
    joined = Joining[Copy]()
    for number in range(25):
        joined.logged(replace(LINE, exchange_id=f"line-{number}"))
        for kind, is_whole in (("whole", True), ("cut", False)):
            copy = Copy(f"{kind}-{number}")
            joined.opened(copy, at=100.0)
            joined.copied(copy, is_whole=is_whole)
    said = joined.pass_time(0.0)
    assert [each.exchange_id for each in said if isinstance(each, Gap)] == [f"line-{n}" for n in range(15)]
    ended = [each.capture.exchange_id for each in said if isinstance(each, Ended)]
    assert ended == [f"cut-{n}" for n in range(15)]
    assert joined.counters.unlogged == 15
    assert len(list(joined.undecided)) == 10


@dataclass(frozen=True)
class Fate:
    """What becomes of one exchange: its copy (None: there is none), and its line."""

    seen: int | None
    is_whole: bool
    by: By
    is_logged: bool


_fate = st.builds(
    Fate,
    seen=st.sampled_from([None, 0, 3, 30, 30]),
    is_whole=st.booleans(),
    by=st.sampled_from(["nobody", "nobody", "client", "upstream", "proxy"]),
    is_logged=st.sampled_from([True, True, False]),
)


@given(st.lists(_fate, max_size=6), st.data())
def test_in_any_order_every_exchange_is_told_once_and_rightly(fates: list[Fate], data: st.DataObject) -> None:
    """Lines come before, between and after the messages of their copies; time passes below the limits."""
    joined = Joining[Copy]()
    said: list[Ended[Copy] | Gap] = []
    copies = {str(number): Copy(str(number), None, 0, 0) for number in range(len(fates))}
    steps: list[list[str]] = []
    for name, fate in zip(copies, fates, strict=True):
        if fate.seen is not None:
            steps.append([f"open {name}", f"grow {name}", f"end {name}"])
        if fate.is_logged:
            steps.append([f"log {name}"])
    now = 0.0
    while steps := [rest for rest in steps if rest]:
        what, name = data.draw(st.sampled_from(steps)).pop(0).split()
        fate, copy = fates[int(name)], copies[name]
        match what:
            case "open":
                joined.opened(copy, at=0.0)
            case "grow":
                copy.response_bytes = fate.seen or 0
            case "end":
                said += joined.copied(copy, is_whole=fate.is_whole)
            case "log":
                line = Line(exchange_id=name, session_id="s", response_bytes=30, by=fate.by)
                said += joined.logged(line)
        now += data.draw(st.sampled_from([0.0, 0.05]))
        said += joined.pass_time(now)
    said += joined.pass_time(LONG)

    for name, fate in zip(copies, fates, strict=True):
        ends = [each.by for each in said if isinstance(each, Ended) and each.capture.exchange_id == name]
        gaps = [each for each in said if isinstance(each, Gap) and each.exchange_id == name]
        assert len(gaps) == (fate.is_logged and (fate.seen is None or fate.seen < 30)), fate
        if fate.seen is None:
            assert ends == []
        elif fate.is_whole:
            # The line of a broken exchange may end it before its last message comes; which then says nothing new.
            assert ends in ([], [fate.by])
        elif not fate.is_logged or (fate.by == "nobody" and fate.seen < 30):
            assert ends == ["unseen"]
        else:
            assert ends == [fate.by]
    assert list(joined.undecided) == []
