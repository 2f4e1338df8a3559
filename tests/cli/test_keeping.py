"""export, restore and purge: as processes, on the file itself and through a sidecar that runs."""

from __future__ import annotations

import csv
import http.client
import io
import json
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from clauditor.hub import Hub
from clauditor.store.store import Store
from privacy.test_page import undocumented
from support.life import NOW, Book, Life, settle
from support.sql import ask
from support.waiting import until

FOREIGN = "import sqlite3, sys; db = sqlite3.connect(sys.argv[1]); db.execute('UPDATE sessions SET branch = 1'); db.commit()"
Cli = Callable[..., "subprocess.CompletedProcess[str]"]
IDS = ("5f0c1e9a-7d1f-4c57-9d55-4b1f1f6b2a10", "6a0c1e9a-7d1f-4c57-9d55-4b1f1f6b2a10")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def recorded(data: Path) -> Path:
    """Two sessions of two projects, by a Clauditor that has ended."""
    data.mkdir(mode=0o700)
    store = Store(data / "clauditor.db")
    hub = Hub(book=Book(), sinks=[store.sink])
    for session_id, project in zip(IDS, ("webshop", "=cmd()"), strict=True):
        life = Life(hub, session_id, NOW)
        for number in range(3):
            life.answer(life.start(project=project), tools=(f"toolu_{session_id}_{number}",))
    settle(store)
    store.close()
    return data


def ids(cli: Cli) -> set[str]:
    rows = [json.loads(line) for line in cli("export", "--kind", "session").stdout.splitlines()]
    return {row["session_id"] for row in rows}


def files_with(directory: Path, word: str) -> list[str]:
    return sorted(
        str(file.relative_to(directory))
        for file in directory.rglob("*")
        if file.is_file() and word.encode() in file.read_bytes()
    )


@pytest.mark.usefixtures("recorded")
def test_export_writes_rows_for_programs_and_spreadsheets(cli: Cli, tmp_path: Path) -> None:
    done = cli("export")
    assert (done.returncode, done.stderr) == (0, "")
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    kinds = [row["kind"] for row in rows]
    assert (kinds.count("session"), kinds.count("call"), kinds.count("tool_call")) == (2, 6, 6)
    call = next(row for row in rows if row["kind"] == "call")
    assert (call["output"], call["model_served"], call["outcome"]) == (200, "claude-opus-5-5", "ok")
    done = cli("export", "calls.csv", "--csv", "--session", "5f0c")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    file = tmp_path / "work" / "calls.csv"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [row["session_id"] for row in csv.DictReader(io.StringIO(file.read_text()))] == [IDS[0]] * 3
    harmless = cli("export", "--csv", "--kind", "session", "--project", "=CMD()").stdout
    assert "'=cmd()" in harmless


# What a column is called in a row that a person reads; None: it says nothing beside the others.
EXPORTED_AS = {
    "session": "session_id",
    "key": "session_id",
    "exchange_us": "exchange_id",
    "exchange_connection": "exchange_id",
    "turn_us": "turn_id",
    "turn_connection": "turn_id",
    "extra": None,  # counted in the tokens
}


@pytest.mark.parametrize(
    ("kind", "table"),
    [("call", "calls"), ("tool_call", "tool_calls"), ("session", "sessions"), ("day", "day_totals")],
)
def test_export_has_every_column(cli: Cli, recorded: Path, kind: str, table: str) -> None:
    database = recorded / "clauditor.db"
    ask(database, "UPDATE calls SET limited_by = 1, geography = model_served, context_tokens = 7")
    columns = [row[1] for row in ask(database, f"PRAGMA table_info({table})")]
    row = json.loads(cli("export", "--kind", kind).stdout.splitlines()[0])
    for column in columns:
        name = EXPORTED_AS.get(column, column)
        spellings = {name, f"call_{name}", *(str(name).replace("_ms", end) for end in ("_at", "_seconds"))}
        assert name is None or spellings & set(row), column
    if kind == "call":
        told = (row["limited_by"], row["geography"], row["context_tokens"])
        assert told == ("service", "claude-opus-5-5", 7)


@pytest.mark.usefixtures("recorded")
def test_export_replaces_nothing_unless_told(cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / "work" / "mine"
    file.write_text("precious")
    for more in ((), ("--csv",), ("--sqlite",)):
        done = cli("export", "mine", *more)
        assert done.returncode == 1
        assert done.stderr.count("\n") == 1
        assert file.read_text() == "precious"
    assert cli("export", "mine", "--force").returncode == 0
    assert file.read_text().startswith('{"kind": "session"')
    assert [each.name for each in file.parent.iterdir()] == ["mine"]


@pytest.mark.usefixtures("recorded")
@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("export", "--csv", "--sqlite"), 2),
        (("export", "--sqlite"), 2),
        (("export", "x", "--sqlite", "--days", "3"), 2),
        (("export", "--session", "nobody"), 1),
        (("export", "nowhere/at/all"), 1),
        (("purge",), 2),
        (("purge", "--all", "--project", "x"), 2),
        (("purge", "--older-than", "-3"), 2),
        (("purge", "--older-than", "1e300", "--yes"), 2),
        (("purge", "--older-than", "nan", "--yes"), 2),
        (("purge", "--session", "nobody", "--yes"), 1),
        (("purge", "--all"), 1),  # nobody can be asked
        (("restore", "nothing.db", "--yes"), 1),
        (("restore",), 2),
    ],
)
def test_what_cannot_be_done_is_one_sentence(cli: Cli, arguments: tuple[str, ...], code: int) -> None:
    done = cli(*arguments)
    assert (done.returncode, done.stdout) == (code, "")
    assert done.stderr.startswith("clauditor: ")
    assert done.stderr.count("\n") == 1
    assert ids(cli) == set(IDS)


def test_where_nothing_was_recorded_they_say_so(cli: Cli) -> None:
    for command in (("export",), ("purge", "--all", "--yes")):
        done = cli(*command)
        assert (done.returncode, done.stderr.count("Nothing was recorded")) == (1, 1)


def test_a_copy_is_restored_and_what_was_is_kept(cli: Cli, recorded: Path, tmp_path: Path) -> None:
    assert cli("export", "copy.db", "--sqlite").returncode == 0
    copy = tmp_path / "work" / "copy.db"
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    assert [each.name for each in copy.parent.iterdir()] == ["copy.db"]
    assert cli("purge", "--session", "5f0c", "--yes").stdout == "Gone: 1 session.\n"
    assert ids(cli) == {IDS[1]}
    done = cli("restore", "copy.db", "--yes")
    assert (done.returncode, done.stderr) == (0, "")
    assert "Restored 2 sessions" in done.stdout
    assert ids(cli) == set(IDS)
    assert ask(recorded / "clauditor.db.replaced-1", "SELECT count(*) FROM sessions") == [(1,)]
    store = Store(recorded / "clauditor.db")
    assert (store.problem, store.writer.quarantined) == (None, 0)
    store.close()


@pytest.mark.usefixtures("recorded")
def test_what_another_program_wrote_is_taken_back_and_said(cli: Cli, tmp_path: Path) -> None:
    assert cli("export", "copy.db", "--sqlite").returncode == 0
    subprocess.run([sys.executable, "-c", FOREIGN, tmp_path / "work" / "copy.db"], check=True)
    done = cli("restore", "copy.db", "--yes")
    assert (done.returncode, done.stderr) == (0, "")
    assert "Restored 2 sessions" in done.stdout
    assert "numbers may be wrong" in done.stdout
    assert ids(cli) == set(IDS)


def test_what_another_program_wrote_into_the_history_is_not_exported(cli: Cli, recorded: Path) -> None:
    subprocess.run([sys.executable, "-c", FOREIGN, recorded / "clauditor.db"], check=True)
    done = cli("export", "--kind", "session")
    assert (done.returncode, "a checksum does not fit" in done.stderr) == (1, True)


@pytest.mark.parametrize("content", [b"hello", b"SQLite format 3\0" + bytes(9000), b""])
def test_what_is_no_history_is_not_restored(cli: Cli, recorded: Path, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "work" / "bad.db").write_bytes(content)
    before = (recorded / "clauditor.db").read_bytes()
    done = cli("restore", "bad.db", "--yes")
    if content:
        assert done.returncode == 1
        assert "nothing was changed" in done.stderr
        assert (recorded / "clauditor.db").read_bytes() == before
    assert not list(recorded.glob("*.incoming*"))


def test_purged_on_the_file_no_byte_is_left(cli: Cli, recorded: Path) -> None:
    (recorded / "run").mkdir(mode=0o700)
    for name in ("access.log", "access.log.1"):
        (recorded / "run" / name).write_text(
            json.dumps({"session_id": IDS[0], "path": "/v1/messages"}) + "\n"
        )
    assert len(files_with(recorded, IDS[0])) == 3
    done = cli("purge", "--session", "5f0c", "--yes", "--json")
    assert json.loads(done.stdout) == {"schema_version": 1, "sessions": 1, "whole": True}
    assert files_with(recorded, IDS[0]) == files_with(recorded, "webshop") == []
    assert ids(cli) == {IDS[1]}


def test_purged_through_the_sidecar_no_byte_is_left_and_it_goes_on(cli: Cli, data: Path) -> None:
    assert cli("up").returncode == 0
    url = urlsplit(json.loads(cli("status", "--json").stdout)["proxy"]["url"])

    def call(session_id: str) -> None:
        connection = http.client.HTTPConnection(url.hostname or "", url.port, timeout=10)
        body = {
            "model": "claude-opus-5-5", "max_tokens": 9,
            "system": "Primary working directory: /home/me/topsecretproject\n",
            "messages": [{"role": "user", "content": "topsecretprompt"}],
        }  # fmt: skip
        headers = {"content-type": "application/json", "x-claude-code-session-id": session_id}
        connection.request("POST", "/v1/messages?key=topsecretquery", json.dumps(body), headers)
        assert connection.getresponse().status == 503
        connection.close()

    def is_recorded(session_id: str) -> bool:
        known = json.loads(cli("sessions", "--json").stdout)["sessions"]
        has_all = {"run/access.log"} < set(files_with(data, session_id))
        return has_all and session_id in {each["session_id"] for each in known}

    for session_id in IDS:
        call(session_id)
    until(lambda: all(is_recorded(session_id) for session_id in IDS))
    assert files_with(data, "topsecretprompt") == files_with(data, "topsecretquery") == []
    done = cli("purge", "--session", "5f0c", "--yes")
    assert (done.returncode, done.stdout, done.stderr) == (0, "Gone: 1 session.\n", "")
    assert files_with(data, IDS[0]) == []
    assert [each["session_id"] for each in json.loads(cli("sessions", "--json").stdout)["sessions"]] == [
        IDS[1]
    ]
    call(IDS[0])
    until(lambda: is_recorded(IDS[0]))
    assert undocumented(data) == []
    done = cli("purge", "--all", "--yes")
    assert (done.returncode, done.stderr) == (0, "")
    assert files_with(data, IDS[0]) == files_with(data, IDS[1]) == files_with(data, "topsecret") == []
    assert json.loads(cli("sessions", "--json").stdout)["sessions"] == []


def test_a_copy_is_restored_into_a_running_sidecar(cli: Cli, recorded: Path, tmp_path: Path) -> None:
    assert cli("export", "copy.db", "--sqlite").returncode == 0
    assert cli("purge", "--all", "--yes").returncode == 0
    assert cli("up").returncode == 0
    done = cli("restore", "copy.db", "--yes")
    assert (done.returncode, done.stderr) == (0, "")
    assert {each["session_id"] for each in json.loads(cli("sessions", "--json").stdout)["sessions"]} == set(
        IDS
    )
    assert [each.name for each in (tmp_path / "work").iterdir()] == ["copy.db"]
    assert (recorded / "clauditor.db.replaced-1").exists()
