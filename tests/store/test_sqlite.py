"""The SQLite that comes with us: its rows, its version, and what happens where its checksums are missing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import apsw.sqlite_extra
import pytest

from clauditor.store import sqlite
from clauditor.store.sqlite import connect, in_memory
from clauditor.store.store import Store


def test_a_row_answers_by_place_and_by_name() -> None:
    db = in_memory()
    (row,) = db.execute("SELECT 1 AS one, 'b' AS two")
    assert (row[0], row["two"], list(row), dict(row)) == (1, "b", [1, "b"], {"one": 1, "two": "b"})
    with pytest.raises(KeyError):
        row["three"]


def test_statements_without_rows_have_none() -> None:
    db = in_memory()
    assert db.execute("CREATE TABLE t (x); INSERT INTO t VALUES (1)").fetchone() is None
    assert db.execute("SELECT x FROM t WHERE x = 2").fetchall() == []


def test_it_is_one_that_does_not_lose_what_is_written_while_the_log_begins_anew() -> None:
    """Fixed in 3.51.3."""
    assert tuple(map(int, apsw.sqlite_lib_version().split("."))) >= (3, 51, 3)


def test_a_connection_makes_no_file(path: Path) -> None:
    with pytest.raises(apsw.CantOpenError):
        connect(path)
    assert not path.exists()


def test_an_installation_without_checksums_runs_without_history_and_says_so(
    open_store: Callable[[], Store], monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(db: object, name: str) -> None:
        raise apsw.sqlite_extra.NotAvailable(f"{name} is not included")

    monkeypatch.setattr(apsw.sqlite_extra, "load", missing)
    sqlite._have_checksums.cache_clear()
    store = open_store()
    assert "checksums are not installed" in str(store.problem)
    assert not store.writer.is_sound
