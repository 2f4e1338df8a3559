"""What is past its time goes, in small steps on the writer's thread; sums and what is young stay."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from clauditor.hub import Hub
from clauditor.model.events import GapFound, LimitsSeen, LimitWindow, SignalRaised
from clauditor.store import retention, words
from clauditor.store.database import open_for_writing
from clauditor.store.retention import Retention, steps
from clauditor.store.rows import Names
from clauditor.store.sqlite import connect
from clauditor.store.store import FIRST_TIDY_SECONDS, TIDY_SECONDS, Store
from clauditor.store.writer import Writer
from support.life import NOW, Book, Life, settle
from support.sql import ask
from support.waiting import until

DAY = 86_400.0
Open = Callable[..., Store]
FACTS = ("calls", "tool_calls", "signals", "limits", "gaps")


@pytest.fixture
def opened(path: Path) -> Iterator[Open]:
    stores: list[Store] = []

    def open_one(**limits: int) -> Store:
        stores.append(Store(path, Retention(**limits)))
        believe(stores[-1], NOW)
        return stores[-1]

    yield open_one
    for store in stores:
        store.close()


def believe(store: Store, now: float) -> None:
    """As if the clock had been looked at all along."""

    def told(writer: Writer) -> None:
        writer.tables.db.execute("REPLACE INTO clock (key, believed_at) VALUES (1, ?)", (now,))

    store.writer.perform(told).result(10)


def live_through(store: Store, session_id: str, at: float, *, turns: int = 3) -> None:
    """A session that leaves something in every table."""
    hub = Hub(book=Book(), sinks=[store.sink])
    life = Life(hub, session_id, at)
    for number in range(turns):
        life.answer(life.start(), tools=(f"toolu_{session_id}_{number}",))
    window = LimitWindow(name="five_hour", used_ratio=0.5, resets_at=at + 60)
    common: Any = {"at": at, "session_id": session_id}
    hub.publish(LimitsSeen(account="acc", billing="plan", windows=(window,), **common))
    hub.publish(GapFound(exchange_id=f"1-{session_id}", reason="restart", **common))
    signal = SignalRaised(
        name="stalled", severity="watch", evidence="measured", summary="s", short="s", next_step="",
        agent_id=f"agent-of-{session_id}", **common,
    )  # fmt: skip
    store.sink.observe(signal, None, ())
    settle(store)


def tidied(store: Store, now: float = NOW) -> None:
    store.writer.tidy(now)
    settle(store)
    assert store.problem is None


def counts(path: Path, *tables: str) -> dict[str, int]:
    return {table: ask(path, f"SELECT count(*) FROM {table}")[0][0] for table in tables}  # noqa: S608


def test_facts_go_after_ninety_days_and_sessions_after_four_hundred(path: Path, opened: Open) -> None:
    store = opened()
    for session_id, days in (("ancient", 401), ("old", 91), ("young", 89)):
        live_through(store, session_id, NOW - days * DAY)
    everything = store.spending.table("project", "2000-01-01")
    before = counts(path, *FACTS)
    tidied(store)
    assert {table: before[table] - left for table, left in counts(path, *FACTS).items()} == {
        table: before[table] * 2 // 3 for table in FACTS
    }
    assert [shot["session_id"] for shot in store.history.sessions(now=NOW, limit=9)] == ["young", "old"]
    assert len(store.calls.turns("young", limit=9)) == 3
    assert store.calls.turns("old", limit=9) == []
    assert store.history.session("old", NOW)["turns"] == 3  # type: ignore[index]  # it is there
    assert [shot["session_id"] for shot in store.history.sessions(now=NOW, limit=9, signal="stalled")] == [
        "young",
        "old",
    ]
    assert store.spending.table("project", "2000-01-01") == everything
    assert counts(path, "session_state") == {"session_state": 2}
    removed = store.writer.rows_expired
    assert removed > 0
    tidied(store)
    assert store.writer.rows_expired == removed


def test_a_long_session_loses_its_old_calls_only(opened: Open) -> None:
    store = opened()
    hub = Hub(book=Book(), sinks=[store.sink])
    life = Life(hub, "long", NOW - 95 * DAY)
    for days in (95, 93, 20, 0.1):
        life.at = NOW - days * DAY
        life.answer(life.start(), tools=(f"toolu_{days}",))
    settle(store)
    tidied(store)
    assert [tool["tool_use_id"] for turn in store.calls.turns("long", limit=9) for tool in turn["tools"]] == [
        "toolu_20",
        "toolu_0.1",
    ]


def test_a_session_that_comes_back_after_its_calls_were_forgotten_is_tidied_again(
    path: Path, opened: Open
) -> None:
    store = opened()
    live_through(store, "back", NOW - 200 * DAY)
    tidied(store)
    hub = Hub(book=Book(), sinks=[store.sink], revive=store.load_session)
    Life(hub, "back", NOW - 95 * DAY).turn()
    settle(store)
    assert counts(path, "calls") == {"calls": 1}
    tidied(store)
    assert counts(path, "calls") == {"calls": 0}


def test_a_session_begun_anew_after_it_was_forgotten_is_whole(opened: Open) -> None:
    """What the writer remembers of keys must not outlive the rows."""
    store = opened()
    live_through(store, "again", NOW - 500 * DAY)
    tidied(store)
    assert store.load_session("again") is None
    live_through(store, "again", NOW)
    assert len(store.calls.turns("again", limit=9)) == 3
    assert len(store.signals.signals(now=NOW, limit=9, session_id="again", name="stalled")) == 1


def test_too_large_a_file_loses_its_oldest_calls_and_shrinks(path: Path, opened: Open) -> None:
    store = opened(max_bytes=600_000)
    for number in range(60):
        live_through(store, f"s{number:03}", NOW - (60 - number) * DAY, turns=60)
    everything = store.spending.table("day", "2000-01-01")
    store.writer.tidy(NOW)
    settle(store)
    store.close()
    assert 450_000 < path.stat().st_size <= 540_000
    again = opened()
    have_calls = [number for number in range(60) if again.calls.turns(f"s{number:03}", limit=1)]
    assert have_calls == list(range(have_calls[0], 60)), "the oldest went first"
    assert len(again.history.sessions(now=NOW, limit=99)) == 60
    assert again.spending.table("day", "2000-01-01") == everything


def test_without_calls_to_spare_whole_sessions_go_but_not_those_of_today(path: Path, opened: Open) -> None:
    store = opened(max_bytes=1)
    for session_id, days in (("a", 300.0), ("b", 2.0), ("today", 0.5)):
        live_through(store, session_id, NOW - days * DAY)
    turns = store.spending.since("2000-01-01")["turns"]
    tidied(store)
    assert [shot["session_id"] for shot in store.history.sessions(now=NOW, limit=9)] == ["today"]
    assert counts(path, *FACTS) == dict.fromkeys(FACTS, 0)
    assert store.spending.since("2000-01-01")["turns"] == turns


def test_steps_are_small_and_writing_goes_on_between_them(
    path: Path, opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "STEP_ROWS", 10)
    store = opened()
    live_through(store, "old", NOW - 100 * DAY, turns=100)
    had = sum(counts(path, *FACTS).values())
    db = open_for_writing(path)
    removed = []
    for step in steps(db, Names(db), Retention(), NOW):
        assert not db.in_transaction
        removed.append(step)
    db.close()
    assert max(removed) == 10
    assert sum(removed) == had > 200


def test_a_run_that_fails_is_told_and_ends_until_the_next(path: Path, opened: Open) -> None:
    store = opened()
    live_through(store, "old", NOW - 100 * DAY)
    store.writer._tables.db.execute("PRAGMA busy_timeout = 0")  # type: ignore[union-attr]  # it is open
    other = connect(path)
    other.execute("BEGIN IMMEDIATE")
    store.writer.tidy(NOW)
    until(lambda: store.writer.errors)
    other.execute("ROLLBACK")
    other.close()
    settle(store)
    tidied(store)
    assert counts(path, "calls") == {"calls": 0}


def test_it_runs_shortly_after_the_start_then_hourly_whatever_the_clock_does(opened: Open) -> None:
    store = opened()
    runs: list[float] = []
    store.writer.tidy = runs.append  # type: ignore[method-assign,assignment]  # only when is asked here
    for second in range(0, 8_000, 10):
        store.tick(NOW + second)
    assert runs == [NOW + FIRST_TIDY_SECONDS, NOW + FIRST_TIDY_SECONDS + TIDY_SECONDS, *runs[2:]]
    assert len(runs) == 3
    for second in range(0, 100, 10):  # the clock was set back
        store.tick(NOW - 10 * DAY + second)
    assert runs[3:] == [NOW - 10 * DAY + FIRST_TIDY_SECONDS]


def test_words_nobody_uses_go_and_those_in_use_stay(path: Path, opened: Open) -> None:
    store = opened()
    for number in range(30):
        live_through(store, f"old{number}", NOW - 120 * DAY)
    live_through(store, "young", NOW)
    tidied(store)
    today = datetime.fromtimestamp(NOW).date().isoformat()  # noqa: DTZ006 - local days

    def answers() -> list[Any]:
        return [
            store.calls.turns("young", limit=9),
            store.signals.signals(now=NOW, limit=99),
            store.spending.table("model", "2000-01-01"),
            store.spending.since(today),
            store.history.gaps(since=0, limit=9),
            store.history.limits(),
            store.history.sessions(now=NOW, limit=99, signal="stalled"),
        ]

    before, had = answers(), counts(path, "names")["names"]
    db = open_for_writing(path)
    names = Names(db)
    sweep = words.drop_unused(db, names, beyond=10)
    next(sweep)
    late = names.key("agent-of-old3")  # a word that was without use is written again meanwhile
    for _ in sweep:
        pass
    assert db.execute("SELECT name FROM names WHERE key = ?", (late,)).fetchone()[0] == "agent-of-old3"
    db.close()
    assert counts(path, "names")["names"] == had - 29
    assert answers() == before


def test_a_sweep_of_words_that_forgot_what_was_written_removes_nothing(path: Path, opened: Open) -> None:
    store = opened()
    live_through(store, "old", NOW - 120 * DAY)
    tidied(store)
    had = counts(path, "names")
    db = open_for_writing(path)
    names = Names(db)
    sweep = words.drop_unused(db, names, beyond=1)
    next(sweep)
    names.forget()
    assert sum(sweep) == 0
    db.close()
    assert counts(path, "names") == had


def test_a_long_removal_does_not_hold_up_what_happens_now(
    opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "STEP_ROWS", 5)
    store = opened()
    for number in range(20):
        live_through(store, f"old{number}", NOW - 120 * DAY, turns=60)
    store.writer.tidy(NOW)
    Life(Hub(book=Book(), sinks=[store.sink]), "now", NOW).turn()
    store.sink.flush()
    deadline = time.monotonic() + 10
    while not store.calls.turns("now", limit=1):
        assert time.monotonic() < deadline
    assert not store.writer.is_idle, "the call was there before all was removed"
    settle(store)
