"""Another history in the place of this one: by the one that writes it, whole or not at all."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from clauditor.errors import HistoryError
from clauditor.hub import Hub
from clauditor.store.copying import back_up, incoming
from clauditor.store.store import Store
from support.life import Book, Life, settle

Open = Callable[[], Store]


@pytest.fixture
def recorded(open_store: Open, path: Path) -> Store:
    """A store with one turn, and an empty copy that was prepared to take its place."""
    store = open_store()
    back_up(path, incoming(path))
    Life(Hub(book=Book(), sinks=[store.sink]), "s").turn()
    settle(store)
    return store


def test_one_that_does_not_hold_the_history_replaces_nothing(
    recorded: Store, open_store: Open, path: Path
) -> None:
    second = open_store()
    before = path.stat().st_ino
    with pytest.raises(HistoryError, match="Another Clauditor"):
        second.restore().result(10)
    assert path.stat().st_ino == before
    assert incoming(path).exists()
    assert len(recorded.calls.turns("s", limit=9)) == 1


def test_where_the_copy_cannot_be_put_in_place_the_history_is_as_it_was(
    recorded: Store, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rename = Path.rename

    def failing(self: Path, target: Path) -> Path:
        if self == incoming(path):
            raise PermissionError(13, "Permission denied", str(self))
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", failing)
    with pytest.raises(
        OSError, match="could not be put in place: Permission denied; the history is as it was"
    ):
        recorded.restore().result(10)
    assert len(recorded.calls.turns("s", limit=9)) == 1
    assert not list(path.parent.glob("*.replaced-*"))
    assert recorded.problem is None


def test_what_a_restore_that_was_cut_off_left_is_gone_at_the_next_start(
    recorded: Store, open_store: Open, path: Path
) -> None:
    journal = path.with_name("clauditor.db.incoming-journal")
    journal.write_bytes(b"x")
    open_store()  # a second one, which runs without: somebody else's restore may be under way
    assert incoming(path).exists()
    recorded.close()
    open_store()
    assert not incoming(path).exists()
    assert not journal.exists()
