"""What is broken is noticed while everything runs; what others may rightly do to the file is no damage."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import apsw
import pytest

from clauditor.errors import HistoryError
from clauditor.hub import Hub
from clauditor.store.database import Corrupt, empty_log, is_corrupt, open_for_reading, open_for_writing
from clauditor.store.restoring import Prepared, prepare
from clauditor.store.store import Store
from support.life import NOW, Book, Life, settle
from support.waiting import until

Open = Callable[[], Store]


def live(store: Store, turns: int = 60, session_id: str = "s") -> Life:
    life = Life(Hub(book=Book(), sinks=[store.sink], revive=store.load_session), session_id)
    for _ in range(turns):
        life.turn()
    settle(store)
    return life


def as_after_a_kill(path: Path, tmp_path: Path) -> Path:
    killed = tmp_path / "killed.db"
    for part in ("", "-wal"):
        shutil.copy(path.with_name(path.name + part), killed.with_name(killed.name + part))
    return killed


def damage(path: Path, places: range) -> None:
    """One bit of each page: written by another process, for a file that is closed here lets go of its locks."""
    flip = (
        "import sys\nwith open(sys.argv[1], 'r+b') as file:\n for place in map(int, sys.argv[2:]):\n"
        "  file.seek(place + 4000); one = file.read(1)[0]; file.seek(place + 4000); file.write(bytes([one ^ 4]))"
    )
    subprocess.run([sys.executable, "-c", flip, str(path), *map(str, places)], check=True)


def turns(store: Store, session_id: str = "s") -> int:
    return len(store.calls.turns(session_id, limit=5000))


def test_a_reader_that_stumbles_has_the_file_looked_at(path: Path, store: Store) -> None:
    live(store)
    assert store.writer.perform(lambda own: empty_log(own.tables.db)).result(10)
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * (path.stat().st_size - 4096))
    with pytest.raises(HistoryError):
        store.history.sessions(now=NOW, limit=9)
    until(lambda: store.writer.quarantined == 1 and store.writer.is_sound)
    assert store.history.sessions(now=NOW, limit=9) == []


def test_an_error_of_a_reader_alone_moves_nothing_aside(store: Store) -> None:
    live(store)
    store.writer.doubt(apsw.SQLError("not the file's fault"))
    until(lambda: store.writer.is_idle)
    assert (store.writer.quarantined, turns(store)) == (0, 60)


def test_another_program_may_look_at_a_file_that_is_closed(path: Path, open_store: Open) -> None:
    store = open_store()
    live(store)
    store.close()
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("SELECT count(*) FROM calls").fetchone()[0] == 60
    again = open_store()
    assert (again.problem, again.writer.quarantined, turns(again)) == (None, 0, 60)


def test_another_program_may_look_at_what_a_killed_one_left_if_it_says_that_it_only_reads(
    tmp_path: Path, path: Path, store: Store
) -> None:
    live(store)
    killed = as_after_a_kill(path, tmp_path)
    with closing(sqlite3.connect(f"file:{killed}?mode=ro", uri=True)) as db:
        assert db.execute("SELECT count(*) FROM calls").fetchone()[0] == 60
    again = Store(killed)
    assert (again.problem, again.writer.quarantined, turns(again)) == (None, 0, 60)
    again.close()


def test_what_another_program_wrote_into_the_file_is_not_shown_until_somebody_takes_it_back(
    tmp_path: Path, path: Path, store: Store
) -> None:
    """It knows no checksums. Here it emptied the log that a killed process left, as it does when it closes."""
    live(store)
    killed = as_after_a_kill(path, tmp_path)
    with closing(sqlite3.connect(killed)) as db:
        assert db.execute("SELECT count(*) FROM calls").fetchone()[0] == 60
    again = Store(killed)
    assert (again.writer.quarantined, turns(again)) == (1, 0)
    prepared = prepare(tmp_path / "killed.db.broken-1", killed)
    assert prepared == Prepared(sessions=1, is_as_written=False)
    assert "clauditor restore" in str(again.problem)
    again.restore().result(10)
    assert (again.problem, turns(again)) == (None, 60)
    again.close()
    once_more = Store(killed)
    assert (once_more.problem, turns(once_more)) == (None, 60)
    once_more.close()


def test_one_flipped_bit_in_a_number_is_no_row_that_is_shown(path: Path, open_store: Open) -> None:
    """SQLite's own check of the structure is content with it."""
    store = open_store()
    live(store)
    store.close()
    whole = path.read_bytes()
    place = whole.index(b"toolu_1") if b"toolu_1" in whole else len(whole) // 2
    path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
    again = open_store()
    assert (again.writer.quarantined, turns(again)) == (1, 0)
    assert "was broken" in str(again.problem)


def test_a_bit_that_flips_while_everything_runs_is_found_by_whoever_reads_it(
    path: Path, store: Store
) -> None:
    live(store)
    assert store.writer.perform(lambda own: empty_log(own.tables.db)).result(10)
    damage(path, range(4096, path.stat().st_size, 4096))
    with pytest.raises(HistoryError, match="checksum"):
        turns(store)
    until(lambda: store.writer.quarantined == 1 and store.writer.is_sound)
    assert turns(store) == 0


def test_a_page_that_does_not_fit_is_believed_where_there_is_no_time_to_look_at_all(
    path: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("clauditor.store.writer.check_pages", lambda path: False)
    live(store)
    store.writer.doubt(apsw.SQLError("not the file's fault"))
    until(lambda: store.writer.is_idle)
    assert store.writer.quarantined == 0
    monkeypatch.setattr("clauditor.store.writer.DOUBT_SECONDS", 0.0)
    assert store.writer.perform(lambda own: empty_log(own.tables.db)).result(10)
    damage(path, range(4096, path.stat().st_size, 4096))
    with pytest.raises(HistoryError, match="checksum"):
        turns(store)
    until(lambda: store.writer.quarantined == 1 and store.writer.is_sound)


def test_no_bit_of_the_head_can_turn_the_checksums_off(path: Path, open_store: Open) -> None:
    store = open_store()
    live(store, 3)
    store.close()
    whole = path.read_bytes()
    for place in range(100):
        for bit in (0, 3):
            path.write_bytes(whole[:place] + bytes([whole[place] ^ 1 << bit]) + whole[place + 1 :])
            with pytest.raises((apsw.Error, Corrupt)) as caught:
                open_for_writing(path)
            assert is_corrupt(caught.value), (place, bit, caught.value)
            with pytest.raises((apsw.Error, Corrupt)), closing(open_for_reading(path)) as db:
                db.execute("SELECT * FROM sessions").fetchall()


@pytest.mark.parametrize("is_removed", [True, False])
def test_a_file_that_is_removed_or_replaced_while_it_is_in_use_is_noticed_at_once(
    tmp_path: Path, path: Path, store: Store, is_removed: bool
) -> None:
    other = Store(tmp_path / "other.db")
    live(other, 7, "of-another-machine")
    other.close()
    life = live(store)
    if is_removed:
        path.unlink()
    else:
        (tmp_path / "other.db").rename(path)
    with pytest.raises(HistoryError):
        turns(store)  # no mixture of the one and the other's log
    store.tick(NOW)
    until(lambda: store.writer.is_sound)
    assert "removed or replaced" in str(store.problem)
    life.turn()
    settle(store)
    assert turns(store, "of-another-machine") == (0 if is_removed else 7)
    assert turns(store) > 0
    assert (store.writer.errors, store.writer.quarantined) == (0, 0)


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
