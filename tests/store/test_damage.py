"""What is broken is noticed while everything runs; what others may rightly do to the file is no damage."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from clauditor.hub import Hub
from clauditor.store.database import empty_log, open_for_reading
from clauditor.store.store import Store
from support.life import NOW, Book, Life, settle, until

Open = Callable[[], Store]


def live(store: Store, turns: int = 60, session_id: str = "s") -> Life:
    life = Life(Hub(book=Book(), sinks=[store.sink], revive=store.load_session), session_id)
    for _ in range(turns):
        life.turn()
    settle(store)
    return life


def turns(store: Store, session_id: str = "s") -> int:
    return len(store.calls.turns(session_id, limit=5000))


def test_a_reader_that_stumbles_has_the_file_looked_at(path: Path, store: Store) -> None:
    live(store)
    assert store.writer.perform(lambda own: empty_log(own.tables.db)).result(10)
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * (path.stat().st_size - 4096))
    with pytest.raises(sqlite3.Error):
        store.history.sessions(now=NOW, limit=9)
    until(lambda: store.writer.quarantined == 1 and store.writer.is_sound)
    assert store.history.sessions(now=NOW, limit=9) == []


def test_an_error_of_a_reader_alone_moves_nothing_aside(store: Store) -> None:
    live(store)
    store.writer.doubt(sqlite3.DatabaseError("not the file's fault"))
    until(lambda: store.writer.is_idle)
    assert (store.writer.quarantined, turns(store)) == (0, 60)


@pytest.mark.parametrize("has_log", [True, False])
def test_another_program_may_look_at_the_file_and_empty_its_log(
    tmp_path: Path, path: Path, store: Store, has_log: bool
) -> None:
    live(store)
    if not has_log:
        assert store.writer.perform(lambda own: empty_log(own.tables.db)).result(10)
    killed = tmp_path / "killed.db"
    for part in ("", "-wal"):
        shutil.copy(path.with_name(path.name + part), killed.with_name(killed.name + part))
    with closing(sqlite3.connect(killed)) as db:  # checkpoints when it closes
        assert db.execute("SELECT count(*) FROM calls").fetchone()[0] == 60
    again = Store(killed)
    assert (again.problem, again.writer.quarantined, turns(again)) == (None, 0, 60)
    again.close()


def test_another_program_that_looks_at_a_file_in_use_and_goes_takes_nothing_with_it(
    path: Path, store: Store
) -> None:
    """Only the last to close a database removes its log: the file must stay locked whatever is read of it."""
    live(store)
    assert store.writer.perform(lambda own: empty_log(own.tables.db)).result(10)
    life = live(store, 5, "before")
    look = "import sqlite3, sys; db = sqlite3.connect(sys.argv[1]); db.execute('SELECT * FROM calls').fetchall(); db.close()"
    subprocess.run([sys.executable, "-c", look, str(path)], check=True)
    assert path.with_name(path.name + "-shm").exists()
    for _ in range(5):
        life.turn()
    settle(store)
    assert (store.writer.errors, turns(store, "before")) == (0, 10)


def test_a_file_that_somebody_put_in_its_place_is_taken_up(
    tmp_path: Path, path: Path, open_store: Open
) -> None:
    other = Store(tmp_path / "other.db")
    live(other, 7, "of-another-machine")
    other.close()
    store = open_store()
    live(store)
    store.close()
    shutil.copy(tmp_path / "other.db", path)
    again = open_store()
    assert (again.problem, again.writer.quarantined, turns(again, "of-another-machine")) == (None, 0, 7)


def test_a_reader_puts_a_checkpoint_off_and_nothing_is_taken_for_broken(path: Path, store: Store) -> None:
    life = live(store, 5)
    store.writer.perform(lambda own: own.tables.db.execute("PRAGMA wal_autocheckpoint = 10")).result(10)
    with closing(open_for_reading(path)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM calls").fetchone()
        for _ in range(30):
            life.turn()
            settle(store)
        store.writer.tidy(NOW)
        settle(store)
    life.turn()
    settle(store)
    store.writer.tidy(NOW)
    settle(store)
    assert (store.problem, store.writer.quarantined, turns(store)) == (None, 0, 36)
