"""What somebody wants to be gone is in no byte of any file afterwards, and the rest is as it was."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from clauditor.errors import HistoryError
from clauditor.hub import Hub
from clauditor.model.events import GapFound, LabelFound, SignalRaised
from clauditor.store.aside import set_aside
from clauditor.store.database import open_for_reading
from clauditor.store.store import Store
from support.life import NOW, USAGE, Book, Life, settle
from support.sql import ask

DAY = 86_400.0
Purge = Callable[..., Any]
KINDS: dict[str, dict[str, Any]] = {
    "session": {"session_ids": frozenset({"0a1b2c3d-secret-session"})},
    "project": {"project": "TOPSECRETPROJECT"},
    "age": {"before": NOW - 30 * DAY},
    "all": {"everything": True},
}


@pytest.fixture
def opened(path: Path) -> Iterator[Store]:
    store = Store(path)
    yield store
    store.close()


def live(store: Store, session_id: str, word: str, at: float) -> Hub:
    """A session whose word is in every place that can hold one."""
    hub = Hub(book=Book(), sinks=[store.sink], labels="store", revive=store.load_session)
    life = Life(hub, session_id, at)
    for number in range(30):
        exchange_id = life.start(project=f"{word}project")
        life.answer(exchange_id, tools=(f"{word}tool{number}",), usage=USAGE)
        hub.publish(LabelFound(at=life.at, session_id=session_id, label=f"{word}label"))
    hub.publish(GapFound(at=life.at, session_id=session_id, exchange_id=f"{word}gap", reason=f"{word}reason"))
    raised = SignalRaised(
        at=life.at, session_id=session_id, name="stalled", severity="watch", evidence="measured",
        summary=f"{word}summary", short="s", next_step="",
    )  # fmt: skip
    store.sink.observe(raised, None, ())
    settle(store)
    return hub


def purged(store: Store, **what: Any) -> Any:
    asked = {"session_ids": frozenset(), "project": None, "before": None, "everything": False} | what
    found = store.purge(**asked).result(20)
    settle(store)
    return found


def files_with(directory: Path, word: str) -> list[str]:
    return sorted(
        file.name
        for file in directory.rglob("*")
        if file.is_file() and word.lower().encode() in file.read_bytes().lower()
    )


@pytest.mark.parametrize("kind", KINDS)
def test_no_byte_of_it_is_left(path: Path, opened: Store, kind: str) -> None:
    for number in range(8):  # before and after in the file
        live(opened, f"other-{number}", "plain", NOW)
    live(opened, "0a1b2c3d-secret-session", "topsecret", NOW - 100 * DAY)
    for number in range(8, 16):
        live(opened, f"other-{number}", "plain", NOW)
    aside = path.with_name(path.name + ".broken-1")
    aside.write_bytes(b"topsecret as well")
    before = [opened.calls.turns(f"other-{number}", limit=99) for number in range(16)]
    assert len(before[0]) == len(before[15]) == 30
    assert {"clauditor.db-wal", "clauditor.db.broken-1"} <= set(files_with(path.parent, "topsecret"))
    done = purged(opened, **KINDS[kind])
    assert (done.sessions, done.is_whole) == (17 if kind == "all" else 1, True)
    for word in ("topsecret", "0a1b2c3d-secret"):
        assert files_with(path.parent, word) == []
    assert not aside.exists()
    assert opened.problem is None
    after = [opened.calls.turns(f"other-{number}", limit=99) for number in range(16)]
    assert after == ([[]] * 16 if kind == "all" else before)
    opened.close()
    assert files_with(path.parent, "topsecret") == []
    assert ask(path, "PRAGMA integrity_check") == [("ok",)]


def test_it_does_not_come_back_with_what_waited(opened: Store, path: Path) -> None:
    hub = live(opened, "0a1b2c3d-secret-session", "topsecret", NOW)
    Life(hub, "0a1b2c3d-secret-session", NOW + 1000).turn()  # not flushed yet
    hub.forget(["0a1b2c3d-secret-session"])
    purged(opened, session_ids=frozenset({"0a1b2c3d-secret-session"}))
    assert opened.load_session("0a1b2c3d-secret-session") is None
    assert files_with(path.parent, "0a1b2c3d-secret") == []


def test_a_session_that_goes_on_begins_anew(opened: Store) -> None:
    hub = live(opened, "on", "plain", NOW)
    hub.forget(["on"])
    purged(opened, session_ids=frozenset({"on"}))
    Life(hub, "on", NOW + 1000).turn()
    settle(opened)
    assert len(opened.calls.turns("on", limit=99)) == 1


def test_while_it_is_under_way_no_session_is_revived(opened: Store) -> None:
    live(opened, "on", "plain", NOW)
    future = opened.purge(session_ids=frozenset({"on"}), project=None, before=None, everything=False)
    kept = opened.load_session("on")
    assert kept is None
    future.result(20)


def test_sums_of_the_purged_are_gone_and_those_of_the_others_stay(opened: Store) -> None:
    live(opened, "a", "plain", NOW)
    live(opened, "b", "topsecret", NOW)
    assert [row["key"] for row in opened.spending.table("project", "2000-01-01")["rows"]] == [
        "plainproject",
        "topsecretproject",
    ]
    purged(opened, project="topsecretproject")
    (row,) = opened.spending.table("project", "2000-01-01")["rows"]
    assert (row["key"], row["calls"]) == ("plainproject", 30)


def test_what_is_older_goes_from_sessions_that_go_on_too(opened: Store) -> None:
    hub = Hub(book=Book(), sinks=[opened.sink])
    life = Life(hub, "long", NOW - 60 * DAY)
    life.turn()
    life.at = NOW - DAY
    life.turn()
    settle(opened)
    assert purged(opened, before=NOW - 30 * DAY).sessions == 0
    assert len(opened.calls.turns("long", limit=9)) == 1
    assert len(opened.spending.table("day", "2000-01-01")["rows"]) == 1


def test_a_reader_that_holds_the_log_is_told(
    opened: Store, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("clauditor.store.purging.READERS_SECONDS", 0.2)
    live(opened, "a", "topsecret", NOW)
    reader = open_for_reading(path)
    reader.execute("BEGIN")
    assert reader.execute("SELECT count(*) FROM calls").fetchone()[0] == 30
    assert not purged(opened, session_ids=frozenset({"a"})).is_whole
    reader.close()
    assert purged(opened, session_ids=frozenset({"a"})).is_whole
    assert files_with(path.parent, "topsecret") == []


def test_a_history_that_cannot_be_opened_says_so(tmp_path: Path) -> None:
    store = Store(tmp_path / "nowhere" / "clauditor.db")
    with pytest.raises(HistoryError, match="cannot be opened"):
        store.purge(session_ids=frozenset(), project=None, before=None, everything=True).result(10)
    store.close()


def test_a_quarantined_file_of_any_number_goes(opened: Store, path: Path) -> None:
    for number in (1, 2, 13):
        for part in ("", "-wal"):
            path.with_name(f"{path.name}.broken-{number}{part}").write_bytes(b"x")
    purged(opened, before=0.0)
    assert [file.name for file in path.parent.glob("clauditor.db.*")] == ["clauditor.db.lock"]


@pytest.mark.parametrize("what", [{"before": 0.0}, {"everything": True}])
def test_files_of_a_persons_own_stay_and_a_half_done_restore_goes(
    opened: Store, path: Path, what: dict[str, Any]
) -> None:
    own = ("mine", "backup-2026-11-23", "broken-1.gz", "broken-1-wal-2", "my.broken-1", "replaced-new")
    for end in (*own, "replaced-1", "replaced-1-shm", "incoming", "incoming-journal"):
        path.with_name(f"clauditor.db.{end}").write_bytes(b"x")
    path.with_name("clauditor.db.broken-1").mkdir()
    assert [file.name for file in set_aside(path)] == ["clauditor.db.replaced-1"]
    purged(opened, **what)
    left = {file.name.removeprefix("clauditor.db.") for file in path.parent.glob("clauditor.db.*")}
    assert left == {*own, "lock", "broken-1"}
