"""SQLite as it is used here: every page of a file carries a checksum that is looked at whenever the page is read.

Sources: SQLite's page on its checksum VFS (cksumvfs, 3.54), which keeps eight bytes at the end of each page and answers
SQLITE_IOERR_DATA for one that does not fit; APSW's documentation: its package brings SQLite and that VFS. A page in the
log has the log's own checksum instead, and gets this one when it is copied into the file.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import closing
from functools import cache
from pathlib import Path
from typing import Any, Final, Protocol, cast

import apsw
import apsw.sqlite_extra

Error = apsw.Error
ReadOnlyError = apsw.ReadOnlyError

CHECKSUM_BYTES: Final = 8  # kept free at the end of each page; any other number turns checksums off
BUSY_MILLISECONDS: Final = 2000


class Row:
    """Values of a row by their place, and by the name of their column."""

    __slots__ = ("_places", "_values")

    def __init__(self, places: dict[str, int], values: tuple[Any, ...]) -> None:
        self._places = places
        self._values = values

    def __getitem__(self, key: str | int) -> Any:
        return self._values[self._places[key] if isinstance(key, str) else key]

    def __iter__(self) -> Iterator[Any]:
        return iter(self._values)

    def keys(self) -> Iterable[str]:
        """The names of its columns, so that `dict(row)` works."""
        return self._places.keys()


class Rows(Protocol):
    """What a statement answers, read as it is asked for."""

    def __iter__(self) -> Iterator[Row]: ...
    def fetchone(self) -> Any: ...
    def fetchall(self) -> list[Any]: ...


class Connection(apsw.Connection):
    """One whose rows are `Row`s. Outside a transaction each statement is one of its own."""

    def execute(self, statements: str, bindings: apsw.Bindings | None = None) -> Rows:  # type: ignore[override]  # of tuples
        return cast("Rows", super().execute(statements, bindings))


def connect(path: Path, *, read_only: bool = False) -> Connection:
    """A connection to a file that is there, whose rows are `Row`s. What is deleted is overwritten. Raises Error."""
    _have_checksums()
    flags = apsw.SQLITE_OPEN_READONLY if read_only else apsw.SQLITE_OPEN_READWRITE
    db = Connection(str(path), flags=flags)
    try:
        db.exec_trace = _name_columns
        db.set_busy_timeout(BUSY_MILLISECONDS)
        db.execute("PRAGMA trusted_schema = OFF")
        db.execute("PRAGMA query_only = ON" if read_only else "PRAGMA secure_delete = ON")
    except BaseException:
        db.close()
        raise
    return db


def in_memory() -> Connection:
    db = Connection(":memory:")
    db.exec_trace = _name_columns
    return db


def has_checksums(db: Connection) -> bool:
    """Whether pages are looked at when they are read, as the head of the file wants it."""
    return str(db.pragma("checksum_verification")) == "1"


def is_broken(error: Exception) -> bool:
    """Whether an error says that the file itself is broken (and not the disk full, locked or read-only)."""
    # Text that is none: nothing is written without being encoded.
    return _is_misfit(error) or isinstance(error, apsw.CorruptError | apsw.NotADBError | UnicodeDecodeError)


def in_words(error: Exception) -> str:
    """What an error says, as a part of a sentence."""
    if _is_misfit(error):
        return (
            "a checksum does not fit: something but Clauditor changed the file"  # SQLite says: disk I/O error
        )
    return str(error)


def _is_misfit(error: Exception) -> bool:
    return getattr(error, "extendedresult", None) == apsw.SQLITE_IOERR_DATA


@cache
def _have_checksums() -> None:
    """Make SQLite look at checksums in all connections from now on."""
    try:
        with closing(in_memory()) as db:
            apsw.sqlite_extra.load(db, "cksumvfs")
    except (apsw.sqlite_extra.NotAvailable, LookupError) as error:
        raise apsw.ExtensionLoadingError(f"SQLite's checksums are not installed: {error}") from error


def _name_columns(cursor: apsw.Cursor, _statement: str, _bindings: apsw.Bindings | None) -> bool:
    places = {column[0]: place for place, column in enumerate(cursor.get_description())}
    if places:
        cursor.row_trace = lambda _cursor, values: Row(places, values)
    return True
