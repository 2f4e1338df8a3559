"""A byte of the file that changed without us is found; what others may rightly do to the file is no damage."""

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
from clauditor.store import checkpoint, writer
from clauditor.store.checkpoint import Corrupt
from clauditor.store.database import open_checked, open_for_reading
from clauditor.store.store import Store
from support.life import NOW, Book, Life, settle, until

Open = Callable[[], Store]
AN_OUTPUT = 200  # tokens, in every call


def live(store: Store, turns: int = 60, session_id: str = "s") -> Life:
    life = Life(Hub(book=Book(), sinks=[store.sink], revive=store.load_session), session_id)
    for _ in range(turns):
        life.turn()
    settle(store)
    return life


def turns(store: Store, session_id: str = "s") -> int:
    return len(store.calls.turns(session_id, limit=5000))


def change_a_number(path: Path) -> None:
    """One bit of a row that SQLite's own check does not miss."""
    content = bytearray(path.read_bytes())
    place = content.rindex(b"msg_1")
    content[place + 4] ^= 1
    path.write_bytes(content)
    with closing(sqlite3.connect(f"{path.as_uri()}?immutable=1", uri=True)) as db:
        assert db.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
        assert db.execute("SELECT count(*) FROM calls WHERE message_id = 'msg_0'").fetchone()[0] == 1


def test_one_bit_of_a_row_is_found_at_the_start(path: Path, open_store: Open) -> None:
    store = open_store()
    live(store)
    store.close()
    change_a_number(path)
    again = open_store()
    assert again.writer.quarantined == 1
    assert "The history was broken" in str(again.problem)
    assert again.history.sessions(now=NOW, limit=9) == []


def test_and_within_the_hour_of_a_store_that_runs(path: Path, store: Store) -> None:
    live(store)
    store.writer.perform(lambda own: own.checkpoints.run()).result(10)
    change_a_number(path)
    store.writer.tidy(NOW)
    until(lambda: store.writer.quarantined == 1)
    live(store, 3, "after")
    assert turns(store, "after") == 3


def test_a_reader_that_stumbles_has_the_file_looked_at(path: Path, store: Store) -> None:
    live(store)
    store.writer.perform(lambda own: own.checkpoints.run()).result(10)
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
        store.writer.perform(lambda own: own.checkpoints.run()).result(10)
    killed = tmp_path / "killed.db"
    for part in ("", "-wal", "-sums"):
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
    store.writer.perform(lambda own: own.checkpoints.run()).result(10)
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


def test_sums_that_are_lost_or_broken_cost_nothing(path: Path, open_store: Open) -> None:
    sums = path.with_name(path.name + "-sums")
    for number, content in enumerate((None, b"", b"x" * 100, b"\0" * 5000)):
        store = open_store()
        live(store, 3, f"s{number}")
        store.close()
        if content is None:
            sums.unlink()
        else:
            sums.write_bytes(content)
        again = open_store()
        assert (again.problem, again.writer.quarantined) == (None, 0)
        assert [turns(again, f"s{earlier}") for earlier in range(number + 1)] == [3] * (number + 1)
        again.close()
        assert len(sums.read_bytes()) > 100


def test_a_reader_puts_a_checkpoint_off_and_nothing_is_taken_for_broken(
    path: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoint, "LOG_PAGES", 10)
    life = live(store, 5)
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
    assert path.with_name(path.name + "-wal").stat().st_size < 50 * 4096


def test_a_history_of_many_checkpoints_is_as_it_was_written(
    path: Path, open_store: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoint, "LOG_PAGES", 5)
    store = open_store()
    life = live(store, 1)
    for _ in range(80):
        life.turn()
        settle(store)
    store.close()
    db, checkpoints = open_checked(path)
    assert list(checkpoints.look()) == [0]
    db.close()
    change_a_number(path)
    with pytest.raises(Corrupt):
        open_checked(path)


def test_a_full_disk_below_the_sums_loses_no_batch(
    path: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoint, "LOG_PAGES", 1)
    monkeypatch.setattr(writer, "RETRY_SECONDS", 0.05)
    path.with_name(path.name + "-sums.new").mkdir()  # they cannot be written
    live(store, 10)
    assert store.writer.errors > 0
    path.with_name(path.name + "-sums.new").rmdir()
    live(store, 1, "after")
    assert (store.problem, turns(store), turns(store, "after")) == (None, 10, 1)
