"""The writer under trouble: kills, locks, full disks, broken and foreign files. The live view never notices."""

from __future__ import annotations

import contextlib
import os
import random
import resource
import signal
import stat
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import apsw
import pytest

from clauditor.errors import HistoryError
from clauditor.hub import Hub
from clauditor.model.events import GapFound
from clauditor.store import buffer, database, writer
from clauditor.store.batch import SessionRow
from clauditor.store.database import SCHEMA_VERSION, Corrupt
from clauditor.store.sqlite import connect
from clauditor.store.store import Store
from support.life import NOW, Book, Life, settle
from support.sql import ask
from support.waiting import until

Open = Callable[[], Store]

# Writes turns for ever and tells, a line each, what was committed.
WRITE_FOR_EVER = """
import sys
from pathlib import Path
from clauditor.errors import HistoryError
from clauditor.hub import Hub
from clauditor.store.store import Store
from support.life import Book, Life, settle
store = Store(Path(sys.argv[1]))
hub = Hub(book=Book(), sinks=[store.sink], revive=store.load_session)
hub.restore(store.load_open_sessions(1_790_000_000.0), 1_790_000_000.0)
life = Life(hub, "session-of-the-killed")
life.calls = int(sys.argv[2])
life.at += 10 * life.calls
while True:
    life.turn()
    settle(store)
    session = hub.sessions[life.session_id]
    print(life.calls, session.turns, session.tokens.output, flush=True)
"""


def turns_of(store: Store, session_id: str = "session-of-the-killed") -> int:
    return len(store.calls.turns(session_id, limit=5_000))


def live(store: Store) -> Hub:
    return Hub(book=Book(), sinks=[store.sink], revive=store.load_session)


def test_files_are_private_whatever_the_umask(path: Path) -> None:
    before = os.umask(0o000)
    try:
        store = Store(path)
        Life(live(store), "s").turn()
        settle(store)
        modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}
    finally:
        os.umask(before)
    store.close()
    assert {"clauditor.db", "clauditor.db-wal", "clauditor.db-shm"} <= set(modes)
    assert set(modes.values()) == {0o600}


def test_a_file_others_could_read_is_closed_to_them(path: Path, open_store: Open) -> None:
    open_store().close()
    path.chmod(0o644)
    open_store()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_nothing_acknowledged_is_lost_to_a_sigkill(path: Path, open_store: Open) -> None:
    """Ten kills at random moments; each life goes on where the one before was cut."""
    rolled = random.Random(7)  # noqa: S311 - moments, not secrets
    calls = turns = output = 0
    for _ in range(10):
        command = [sys.executable, "-c", WRITE_FOR_EVER, str(path), str(calls + 1)]
        environ = os.environ | {"PYTHONPATH": os.pathsep.join(["tests", "."])}
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environ) as process:
            assert process.stdout is not None
            for _ in range(rolled.randint(1, 12)):
                calls, turns, output = map(int, process.stdout.readline().split())
            process.send_signal(signal.SIGKILL)
            for line in process.stdout:
                if line.endswith("\n"):
                    calls, turns, output = map(int, line.split())
        store = open_store()
        assert store.problem is None
        (session,) = store.load_open_sessions(NOW + 10 * calls)
        assert turns <= session.turns <= turns + 1
        assert output <= session.tokens.output <= output + 200
        assert turns_of(store) == session.turns
        assert store.spending.since("2000-01-01")["turns"] == session.turns
        calls, turns, output = calls + 1, session.turns, session.tokens.output
        store.close()
    assert ask(path, "PRAGMA integrity_check") == [("ok",)]


def test_a_second_writer_runs_without_history_until_the_first_is_gone(
    path: Path, open_store: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "RETRY_SECONDS", 0.05)
    first = open_store()
    second = open_store()
    assert "Another Clauditor keeps the history" in str(second.problem)
    Life(live(second), "s").turn()
    second.sink.flush()
    assert second.load_open_sessions(NOW) == []
    first.close()
    until(lambda: second.writer.is_idle)
    assert second.problem is None
    assert turns_of(second, "s") == 1


def test_a_newer_schema_is_left_alone(path: Path, open_store: Open) -> None:
    open_store().close()
    ask(path, f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    before = path.read_bytes()
    store = open_store()
    assert (
        f"written by a newer Clauditor (schema {SCHEMA_VERSION + 1}, this one knows {SCHEMA_VERSION})"
        in str(store.problem)
    )
    life = Life(live(store), "s")
    life.turn()
    store.sink.flush()
    assert store.writer.is_idle  # nothing is hoarded
    assert store.load_session("s") is None
    with pytest.raises(HistoryError, match="newer Clauditor"):
        store.history.sessions(now=NOW, limit=1)
    assert path.read_bytes() == before


@pytest.mark.parametrize("target", ["elsewhere.db", "nowhere.db"])
def test_a_symbolic_link_is_not_followed(path: Path, open_store: Open, target: str) -> None:
    elsewhere = path.with_name("elsewhere.db")
    elsewhere.write_bytes(b"precious")
    path.symlink_to(path.with_name(target))
    store = open_store()
    assert "symbolic link" in str(store.problem)
    assert elsewhere.read_bytes() == b"precious"
    assert not path.with_name("nowhere.db").exists()


def written_database(path: Path, turns: int = 300) -> None:
    store = Store(path)
    life = Life(live(store), "before")
    for _ in range(turns):
        life.turn()
    settle(store)
    store.close()


BREAKS: dict[str, Callable[[bytes], bytes]] = {
    "not a database": lambda _: b"hello, I am a text file\n" * 500,
    "a header of zeros": lambda content: bytes(100) + content[100:],
    "cut in the middle of a page": lambda content: content[: len(content) // 2 + 17],
    "cut to its header": lambda content: content[:100],
    "a page of zeros": lambda content: content[:8192] + bytes(8192) + content[16384:],
    "the schema overwritten": lambda content: content[:100] + b"\xff" * 100 + content[200:],
}


@pytest.mark.parametrize("kind", BREAKS)
def test_a_broken_file_is_moved_aside_and_a_new_one_begun(path: Path, open_store: Open, kind: str) -> None:
    written_database(path)
    path.write_bytes(BREAKS[kind](path.read_bytes()))
    store = open_store()
    assert store.writer.problem is None
    assert store.writer.quarantined == 1
    (aside,) = path.parent.glob("clauditor.db.broken-*")
    assert stat.S_IMODE(aside.stat().st_mode) == 0o600
    assert store.history.sessions(now=NOW, limit=9) == []
    Life(live(store), "after").turn()
    settle(store)
    assert turns_of(store, "after") == 1


@pytest.mark.parametrize("content", [b"", b"x"])
def test_an_empty_file_is_a_new_database(path: Path, open_store: Open, content: bytes) -> None:
    path.write_bytes(content)
    store = open_store()
    assert (store.problem, store.writer.quarantined) == (None, 0)


def test_somebody_elses_database_is_moved_aside_whole(path: Path, open_store: Open) -> None:
    path.touch()
    ask(path, "CREATE TABLE precious (x)")
    content = path.read_bytes()
    store = open_store()
    assert store.writer.problem is None
    assert path.with_name("clauditor.db.broken-1").read_bytes() == content


def test_broken_files_do_not_overwrite_each_other(path: Path, open_store: Open) -> None:
    for _ in range(3):
        path.write_bytes(b"x" * 5000)
        open_store().close()
    assert len(list(path.parent.glob("clauditor.db.broken-*"))) == 3


def test_any_flipped_bytes_leave_a_store_that_works(path: Path) -> None:
    """Whatever is flipped, opening and asking never raise anything but what callers expect."""
    written_database(path, turns=60)
    sound = path.read_bytes()
    rolled = random.Random(11)  # noqa: S311 - positions, not secrets
    quarantined = 0
    for number in range(60):
        broken = bytearray(sound)
        for _ in range(rolled.choice([1, 4, 64])):
            broken[rolled.randrange(len(broken))] ^= rolled.randint(1, 255)
        target = path.with_name(f"flip{number}.db")
        target.write_bytes(broken)
        store = Store(target)
        assert store.writer.is_sound
        quarantined += store.writer.quarantined
        hub = live(store)
        hub.restore(store.load_open_sessions(NOW), NOW)
        for question in (
            lambda store=store: store.history.sessions(now=NOW, limit=9),
            lambda store=store: turns_of(store, "before"),
            lambda store=store: store.spending.since("2000-01-01"),
        ):
            with contextlib.suppress(HistoryError):
                question()
        Life(hub, "after").turn()
        settle(store)
        store.close()
    assert quarantined > 5


def test_a_write_ahead_log_cut_anywhere_opens_with_a_beginning_of_what_was_written(path: Path) -> None:
    """What a power cut may leave: any prefix of the log."""
    store = Store(path)
    life = Life(live(store), "before")
    for _ in range(40):
        life.turn()
        settle(store)
    log = path.with_name("clauditor.db-wal")
    copies = (path.read_bytes(), log.read_bytes())
    store.close()
    found: list[int] = []
    for number in range(61):
        target = path.with_name(f"cut{number}.db")
        target.write_bytes(copies[0])
        target.with_name(target.name + "-wal").write_bytes(copies[1][: len(copies[1]) * number // 60])
        opened = Store(target)
        assert opened.problem is None
        turns = turns_of(opened, "before")
        restored = opened.load_open_sessions(NOW)
        assert [session.turns for session in restored] == ([turns] if turns else [])
        found.append(turns)
        opened.close()
    assert found == sorted(found)
    assert found[-1] == 40


def test_a_file_that_breaks_while_it_is_used_is_replaced(
    path: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "RETRY_SECONDS", 0.05)
    life = Life(live(store), "s")
    for _ in range(200):
        life.turn()
    settle(store)
    ask(path, "PRAGMA wal_checkpoint(TRUNCATE)")
    with path.open("r+b") as file:
        for page in range(1, path.stat().st_size // 4096):
            file.seek(page * 4096)
            file.write(b"\xff" * 4096)
    until(lambda: keep_calling(life, store) and store.writer.quarantined == 1)
    settle(store)
    assert store.writer.problem is None
    assert store.writer.is_sound
    assert turns_of(store, "s") >= 1


def keep_calling(life: Life, store: Store) -> bool:
    life.turn()
    store.sink.flush()
    return True


def test_a_locked_database_is_waited_for_and_nothing_is_lost(
    path: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "RETRY_SECONDS", 0.05)
    store.writer._tables.db.execute("PRAGMA busy_timeout = 50")  # type: ignore[union-attr]  # it is open
    other = connect(path)
    other.execute("BEGIN IMMEDIATE")
    life = Life(live(store), "s")
    life.turn()
    store.sink.flush()
    until(lambda: store.writer.errors)
    assert "tried again" in str(store.problem)
    life.turn()
    store.sink.flush()
    other.execute("ROLLBACK")
    other.close()
    settle(store)
    assert store.problem is None
    assert turns_of(store, "s") == 2
    assert store.writer.rows_dropped == 0


def test_what_the_buffer_cannot_hold_is_dropped_oldest_first_and_counted(
    path: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "RETRY_SECONDS", 0.05)
    monkeypatch.setattr(buffer, "MAX_WAITING_ROWS", 10)
    store.writer._tables.db.execute("PRAGMA busy_timeout = 0")  # type: ignore[union-attr]  # it is open
    other = connect(path)
    other.execute("BEGIN IMMEDIATE")
    life = Life(live(store), "s")
    for _ in range(25):
        life.turn()
        store.sink.flush()
    until(lambda: store.writer.rows_dropped == 15)
    other.close()
    settle(store)
    numbers = [int(call["exchange_id"].split("-")[0]) for call in store.calls.calls("s")]
    assert numbers == list(range(16, 26))
    assert store.load_session("s").turns == 25  # type: ignore[union-attr]  # it was written


def test_a_row_that_can_never_be_written_does_not_hold_up_the_others(store: Store) -> None:
    hub = live(store)
    life = Life(hub, "s")
    life.turn()
    settle(store)
    bad = GapFound(at=float("nan"), session_id="", exchange_id="1-1", reason="restart")
    row = SessionRow(
        session_id="bad", project=None, branch=None, model=None, started_at=float("nan"), last_activity_at=0.0,
        ended_at=None, label=None, billing=None, cost_usd=None, context_ratio=None, packed=b"",
    )  # fmt: skip
    store.writer.submit([row, replace(row, session_id="good", started_at=1.0)], [bad, replace(bad, at=1.0)])
    settle(store)
    assert store.writer.rows_dropped == 2
    assert [gap["at"] for gap in store.history.gaps(since=0.0, limit=9)] == [1.0]
    assert store.history.ids_starting_with("good") == ["good"]


def test_numbers_and_names_no_column_expects_are_stored_all_the_same(store: Store) -> None:
    life = Life(live(store), "s")
    exchange_id = life.start(project="x" * 100_000, agent_id="\ud800\x00")
    life.answer(exchange_id, tools=("t" * 100_000, "\ud800"))
    store.sink.flush()
    settle(store)


FULL_DISK = """
import resource, signal, sys, time
from pathlib import Path
from clauditor.errors import HistoryError
from clauditor.hub import Hub
from clauditor.store import writer
from clauditor.store.store import Store
from support.life import Book, Life, settle
from support.waiting import until
writer.RETRY_SECONDS = 0.05
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # as on a full disk, the write fails and the process lives
store = Store(Path(sys.argv[1]))
life = Life(Hub(book=Book(), sinks=[store.sink]), "s")
life.turn(); settle(store)
soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (4096 * 40, hard))
while not store.writer.errors:
    life.turn(); store.sink.flush(); time.sleep(0.001)
for _ in range(50):
    life.turn(); store.sink.flush()
resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
settle(store)
assert store.problem is None
print(life.calls, len(store.calls.calls("s")), store.writer.rows_dropped)
"""


def test_a_full_disk_is_waited_out(path: Path) -> None:
    environ = os.environ | {"PYTHONPATH": os.pathsep.join(["tests", "."])}
    command = [sys.executable, "-c", FULL_DISK, str(path)]
    ran = subprocess.run(command, capture_output=True, text=True, env=environ, timeout=60, check=False)
    assert ran.returncode == 0, ran.stderr
    calls, stored, dropped = map(int, ran.stdout.split())
    assert (stored, dropped) == (calls, 0)
    assert resource.getrlimit(resource.RLIMIT_FSIZE)  # ours was never touched


def test_a_directory_that_appears_later_is_used_then(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "RETRY_SECONDS", 0.05)
    store = Store(tmp_path / "later" / "clauditor.db")
    assert "cannot be opened" in str(store.problem)
    Life(live(store), "s").turn()
    store.sink.flush()
    (tmp_path / "later").mkdir()
    settle(store)
    assert store.problem is None
    assert turns_of(store, "s") == 1
    store.close()


def test_a_reader_cannot_write(path: Path, store: Store) -> None:
    db = database.open_for_reading(path)
    with pytest.raises(apsw.ReadOnlyError):
        db.execute("DELETE FROM calls")
    db.close()


def test_errors_that_break_nothing_are_told_from_those_that_do() -> None:
    assert database.is_corrupt(Corrupt("x"))
    assert not database.is_corrupt(apsw.BusyError("database is locked"))
    assert not database.is_corrupt(OSError(28, "No space left on device"))


def test_a_state_begun_while_the_kept_one_could_not_be_read_does_not_replace_it(
    path: Path, open_store: Open
) -> None:
    store = open_store()
    life = Life(live(store), "s")
    for _ in range(3):
        life.turn()
    settle(store)
    store.close()
    later = open_store()
    blind = Hub(book=Book(), sinks=[later.sink])  # as if the file had been locked when the session came back
    Life(blind, "s", at=life.at).turn()
    settle(later)
    kept = later.load_session("s")
    assert kept is not None
    assert kept.turns == 3
    assert later.writer.rows_dropped == 1


def test_a_job_that_nobody_waits_for_any_more_is_left_out_and_the_writer_goes_on(store: Store) -> None:
    begun, release = threading.Event(), threading.Event()
    done: list[str] = []

    def wait(_: writer.Writer) -> None:
        begun.set()
        release.wait(20)

    slow = store.writer.perform(wait)
    assert begun.wait(10)
    unwanted = store.writer.perform(lambda _: done.append("unwanted"))
    assert unwanted.cancel()
    release.set()
    slow.result(10)
    store.writer.perform(lambda _: done.append("next")).result(10)
    Life(live(store), "s").turn()
    settle(store)
    assert done == ["next"]
    assert turns_of(store, "s") == 1
