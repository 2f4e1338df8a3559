"""The hub: one place for state, and nothing that a sink does reaches another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from clauditor.hub import ENDED_AFTER_SECONDS, FORGET_AFTER_SECONDS, Hub
from clauditor.model.agent import IDLE_SECONDS
from clauditor.model.events import (
    AttemptFinished,
    AttemptStarted,
    ClockJumped,
    Event,
    GapFound,
    LabelFound,
    LimitsSeen,
    LimitWindow,
    Malformed,
    SessionEnded,
    ToolCalled,
)
from clauditor.model.facts import CallFact, Fact
from clauditor.model.packing import pack
from clauditor.model.privacy import without_names
from clauditor.model.session import Session
from clauditor.model.usage import Usage
from support.story import MODEL, FlatBook


class Notes:
    """A sink that remembers."""

    def __init__(self) -> None:
        self.seen: list[tuple[Event, str | None, tuple[Fact, ...]]] = []

    def observe(self, event: Event, session: Session | None, facts: Sequence[Fact]) -> None:
        self.seen.append((event, session.session_id if session else None, tuple(facts)))


class Broken:
    def observe(self, event: Event, session: Session | None, facts: Sequence[Fact]) -> None:
        raise ValueError(event)


def started(session_id: str = "s", at: float = 1.0, exchange_id: str = "x") -> AttemptStarted:
    return AttemptStarted(
        at=at,
        session_id=session_id,
        exchange_id=exchange_id,
        identity="header",
        request_class="main",
        model=MODEL,
        messages_digest=exchange_id,
    )


def finished(session_id: str = "s", at: float = 2.0, exchange_id: str = "x") -> AttemptFinished:
    return AttemptFinished(
        at=at, session_id=session_id, exchange_id=exchange_id, model=MODEL, usage=Usage(input=3)
    )


def test_sinks_see_the_event_the_session_it_changed_and_the_facts_it_completed() -> None:
    notes = Notes()
    hub = Hub(book=FlatBook(), sinks=(notes,))
    hub.publish(started())
    hub.publish(finished())
    assert [(type(event).__name__, who, len(facts)) for event, who, facts in notes.seen] == [
        ("AttemptStarted", "s", 0),
        ("AttemptFinished", "s", 1),
    ]


def test_a_broken_sink_costs_nobody_else_an_event() -> None:
    notes = Notes()
    hub = Hub(book=FlatBook(), sinks=(Broken(), notes))
    hub.publish(started())
    assert len(notes.seen) == 1
    assert hub.errors == {"Broken": 1}
    assert hub.snapshot("s", 1.0) is not None


def test_malformed_input_of_no_session_makes_no_session() -> None:
    notes = Notes()
    hub = Hub(book=FlatBook(), sinks=(notes,))
    hub.publish(Malformed(at=1.0, session_id="", where="request_json", reason="truncated"))
    assert not hub.sessions
    assert notes.seen[0][1] is None


def test_the_label_lives_in_the_snapshot_but_not_in_what_is_packed() -> None:
    hub = Hub(book=FlatBook())
    hub.publish(started())
    hub.publish(LabelFound(at=1.0, session_id="s", label="fix the login test"))
    shot = hub.snapshot("s", 1.0)
    assert shot is not None
    assert shot["label"] == "fix the login test"
    assert b"login" not in pack(hub.sessions["s"])


def test_labels_are_stored_only_where_asked_for_and_can_be_left_out() -> None:
    label = LabelFound(at=1.0, session_id="s", label="fix the login test")
    storing = Hub(book=FlatBook(), labels="store")
    storing.publish(started())
    storing.publish(label)
    assert b"login" in pack(storing.sessions["s"])
    silent = Hub(book=FlatBook(), labels="off")
    silent.publish(started())
    silent.publish(label)
    shot = silent.snapshot("s", 1.0)
    assert shot is not None
    assert shot["label"] is None


def test_the_first_label_stays() -> None:
    hub = Hub(book=FlatBook())
    for label in ("first", "second"):
        hub.publish(LabelFound(at=1.0, session_id="s", label=label))
    shot = hub.snapshot("s", 1.0)
    assert shot is not None
    assert shot["label"] == "first"


def test_strict_privacy_takes_names_out_of_events() -> None:
    event = without_names(replace(started(), project="webshop", branch="main"))
    assert isinstance(event, AttemptStarted)
    assert (event.project, event.branch, event.model) == (None, None, MODEL)
    called = ToolCalled(at=1.0, session_id="s", tool_use_id="t", name="Read", target="secret.txt")
    assert without_names(called) == replace(called, target=None)


def test_limits_are_the_accounts_and_shown_with_each_of_its_sessions() -> None:
    hub = Hub(book=FlatBook())
    for session_id in ("one", "two"):
        hub.publish(started(session_id))
        hub.publish(
            LimitsSeen(
                at=2.0,
                session_id=session_id,
                account="acc",
                billing="plan",
                windows=(LimitWindow(name="five_hour", used_ratio=0.5 if session_id == "one" else 0.6),),
            )
        )
    for shot in hub.snapshots(2.0):
        assert shot["limits"]["five_hour"]["used_ratio"] == 0.6
        assert shot["billing"] == "plan"


def test_a_day_of_silence_ends_a_session_and_then_it_leaves_memory() -> None:
    notes = Notes()
    hub = Hub(book=FlatBook(), sinks=(notes,))
    hub.publish(started())
    hub.publish(finished())
    assert hub.tick(2.0 + ENDED_AFTER_SECONDS - 1) == ["s"]  # it became idle on the way
    assert "s" in hub.sessions
    end = 2.0 + ENDED_AFTER_SECONDS
    assert hub.tick(end) == ["s"]
    assert isinstance(notes.seen[-1][0], SessionEnded)
    assert hub.tick(end + FORGET_AFTER_SECONDS - 1) == []
    assert hub.tick(end + FORGET_AFTER_SECONDS) == ["s"]
    assert not hub.sessions


def test_a_tick_names_just_the_sessions_that_time_changed() -> None:
    hub = Hub(book=FlatBook())
    hub.publish(started("quiet"))
    hub.publish(finished("quiet"))
    hub.publish(started("busy", at=100.0))
    assert hub.tick(101.0) == []
    hub.publish(finished("busy", at=800.0))
    assert hub.tick(2.0 + IDLE_SECONDS) == ["quiet"]
    shot = hub.snapshot("quiet", 2.0 + IDLE_SECONDS)
    assert shot is not None
    assert shot["state"] == "idle"
    assert hub.tick(3.0 + IDLE_SECONDS) == []


def test_a_session_that_left_memory_goes_on_with_its_totals() -> None:
    kept = Session(session_id="s", started_at=0.0, last_activity_at=0.0, turns=41)
    hub = Hub(book=FlatBook(), revive=lambda session_id: kept if session_id == "s" else None)
    hub.publish(started())
    assert hub.sessions["s"].turns == 42


def test_a_store_that_cannot_answer_does_not_stop_a_new_session() -> None:
    def broken(_: str) -> Session | None:
        raise OSError("disk")

    hub = Hub(book=FlatBook(), revive=broken)
    hub.publish(started())
    assert hub.sessions["s"].turns == 1
    assert hub.errors == {"revive": 1}


def test_calls_under_way_at_a_restart_become_gaps_not_failures() -> None:
    session = Hub(book=FlatBook())
    session.publish(started())
    notes = Notes()
    hub = Hub(book=FlatBook(), sinks=(notes,))
    hub.restore([session.sessions["s"]], at=5.0)
    shot = hub.snapshot("s", 5.0)
    assert shot is not None
    assert (shot["attempts"], shot["failed_attempts"], shot["unobserved"]["exchanges"]) == (1, 0, 1)
    assert not shot["cost_complete"]
    event, _, facts = notes.seen[0]
    assert isinstance(event, GapFound)
    assert isinstance(facts[0], CallFact)
    assert facts[0].error_type == "unobserved"


def test_a_clock_jump_reaches_every_session() -> None:
    hub = Hub(book=FlatBook())
    hub.publish(started("one"))
    hub.publish(started("two"))
    hub.publish(ClockJumped(at=1.0, session_id="", seconds=100.0))
    assert {shot["state_since"] for shot in hub.snapshots(101.0)} == {101.0}


def test_the_one_that_needs_a_person_comes_first_and_totals_say_what_all_do() -> None:
    hub = Hub(book=FlatBook())
    hub.publish(started("busy"))
    hub.publish(started("done", exchange_id="y"))
    hub.publish(finished("done", exchange_id="y"))
    assert [shot["session_id"] for shot in hub.snapshots(3.0)] == ["busy", "done"]
    assert hub.totals(3.0)["states"] == {"thinking": 1, "waiting": 1}
