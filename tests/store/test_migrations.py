"""Databases of every schema there was open with this program, whole, and a broken schema is told from a sound one."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import apsw
import pytest

from clauditor.hub import Hub
from clauditor.model.packing import pack
from clauditor.store import database
from clauditor.store.database import SCHEMA_VERSION, Corrupt
from clauditor.store.restoring import Prepared, prepare
from clauditor.store.store import Store
from faults.upgrades import ASK_FILLED, FILLED, fill, kill_at_each_statement, of_schema
from support.life import NOW, Book, Life, settle
from support.sql import ask
from support.story import Story

Open = Callable[[], Store]


@pytest.fixture
def of_first_release(path: Path) -> Path:
    """Two sessions, a call's spending, a gap of one of them and one of nobody, as schema 1 kept them."""
    db = of_schema(path, 1)
    story = Story()
    story.session.session_id, story.now = "paid", NOW
    story.finish(story.ask())
    db.execute("INSERT INTO names VALUES (1, 'claude-opus-5-5'), (2, 'restart')")
    sessions = "INSERT INTO sessions VALUES (?, ?, 'webshop', 'main', 'claude-opus-5-5', ?, ?, NULL)"
    db.execute(sessions, (1, "paid", NOW, NOW + 60))
    db.execute(sessions, (2, "unpriced", NOW, NOW + 50))
    db.execute("INSERT INTO session_state VALUES (1, ?)", (zlib.compress(pack(story.session), 1),))
    today = datetime.fromtimestamp(NOW).date().isoformat()  # noqa: DTZ006 - local days
    spent = "INSERT INTO spending VALUES (?, ?, 1, 2, 1, ?, 0, 10, 20, 30, 40, 0, 0, ?)"
    db.execute(spent, (today, 1, 2, 1.25))
    db.execute(spent, ("2026-01-01", 1, 1, 0.5))
    db.execute(spent, (today, 2, 0, 0.0))
    gap = "INSERT INTO gaps (at, session, exchange_id, reason, unseen_bytes) VALUES (?, ?, ?, 2, 7)"
    db.execute(gap, (NOW, 2, "1-1"))
    db.execute(gap, (NOW, None, "2-2"))
    db.close()
    return path


@pytest.mark.usefixtures("of_first_release")
def test_a_database_of_the_first_release_is_taken_up_whole(open_store: Open) -> None:
    store = open_store()
    assert store.problem is None
    assert store.writer.quarantined == 0
    today = datetime.fromtimestamp(NOW).date().isoformat()  # noqa: DTZ006 - local days
    shots = store.history.sessions(now=NOW + 60, limit=9, sort="cost")
    assert [shot["session_id"] for shot in shots] == ["paid", "unpriced"]
    assert shots[0]["turns"] == 1
    assert store.load_session("paid") is not None
    assert [shot["session_id"] for shot in store.history.sessions(now=NOW, limit=9, verdict="ok")] == [
        "paid",
        "unpriced",
    ]
    table = store.spending.table("day", "2026-01-01")
    assert [(row["key"], row["calls"], row["cost_usd"], row["cost_complete"]) for row in table["rows"]] == [
        ("2026-01-01", 2, 0.5, True),
        (today, 4, 1.25, False),
    ]
    assert store.spending.since(today)["sessions"] == 2
    assert store.signals.signals(now=NOW, limit=9) == []


@pytest.mark.usefixtures("of_first_release")
def test_the_cost_of_old_sessions_is_known_to_the_list(path: Path, open_store: Open) -> None:
    open_store()
    assert ask(path, "SELECT session_id, cost_usd FROM sessions ORDER BY key") == [
        ("paid", 1.75),
        ("unpriced", None),
    ]


@pytest.mark.parametrize("version", range(1, SCHEMA_VERSION + 1))
def test_a_database_of_every_schema_there_was_is_taken_up_with_all_that_it_holds(
    path: Path, open_store: Open, version: int
) -> None:
    db = of_schema(path, version)
    fill(db)
    db.close()
    store = open_store()
    assert (store.problem, store.writer.quarantined) == (None, 0)
    assert ask(path, "PRAGMA user_version") == [(SCHEMA_VERSION,)]
    assert ask(path, "PRAGMA checksum_verification") == [("1",)]
    assert ask(path, ASK_FILLED) == FILLED
    Life(Hub(book=Book(), sinks=[store.sink]), "after").turn()
    settle(store)
    assert len(store.calls.turns("after", limit=9)) == 1
    assert [file.name for file in sorted(path.parent.iterdir())] == [
        "clauditor.db", "clauditor.db-shm", "clauditor.db-wal", "clauditor.db.lock",
    ]  # fmt: skip


@pytest.mark.parametrize("version", range(1, SCHEMA_VERSION))
def test_a_copy_of_every_schema_there_was_is_restored(
    tmp_path: Path, path: Path, open_store: Open, version: int
) -> None:
    store = open_store()
    old = tmp_path / "old.db"
    db = of_schema(old, version)
    fill(db)
    db.close()
    before = old.read_bytes()
    assert prepare(old, path) == Prepared(sessions=0, is_as_written=True)
    store.restore().result(10)
    assert ask(path, ASK_FILLED) == FILLED
    assert old.read_bytes() == before
    assert store.problem is None


@pytest.mark.parametrize("version", [0, 1])
def test_one_that_is_killed_at_any_statement_on_the_way_leaves_the_old_or_the_new(version: int) -> None:
    kills, complaints = kill_at_each_statement(version)
    assert complaints == []
    assert kills > 60


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE sqlite_master SET sql = replace(sql, 'exchange_us', 'exchange_ud') WHERE name = 'calls'",
        "UPDATE sqlite_master SET sql = replace(sql, 'last_activity_at REAL', 'last_activity_as REAL')",
        "UPDATE sqlite_master SET sql = CAST(replace(CAST(sql AS BLOB), 'unseen', x'ff6e7365656e') AS TEXT)",
        "DELETE FROM sqlite_master WHERE name = 'sessions_by_cost'",
    ],
)
@pytest.mark.parametrize("version", [1, SCHEMA_VERSION])
def test_a_schema_with_a_letter_changed_is_no_schema_of_ours(path: Path, version: int, damage: str) -> None:
    """SQLite's own check is content with it."""
    db = of_schema(path, version)
    if "sessions_by_cost" in damage and version == 1:
        damage = damage.replace("by_cost", "by_activity")
    db.execute("PRAGMA writable_schema = ON")
    db.execute(damage)
    db.close()
    with pytest.raises((Corrupt, apsw.Error)) as caught:
        database.open_for_writing(path)
    assert database.is_corrupt(caught.value)


def test_what_somebody_added_to_the_schema_does_no_harm(path: Path) -> None:
    db = of_schema(path, SCHEMA_VERSION)
    db.execute("CREATE INDEX mine ON calls (status)")
    db.execute("ANALYZE")
    db.close()
    database.open_for_writing(path).close()
