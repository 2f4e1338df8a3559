"""A copy of a history takes the place of the one that is kept, which is moved aside.

The copy is made and looked at by whoever asks (`prepare`), in the data directory under a name of its own; only the
writer puts it in place (`take_over`), so that there is one writer at any time.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing, suppress
from pathlib import Path
from typing import Final

from clauditor.errors import ClauditorError
from clauditor.store.database import SCHEMA_VERSION, Corrupt, Unusable, move_aside, open_for_writing
from clauditor.store.writer import Writer

_PAGES_AT_ONCE: Final = 4096
_INCOMING: Final = ".incoming"
_JOURNALS: Final = ("-wal", "-shm", "-journal")


def back_up(source: Path, target: Path) -> None:
    """A whole copy as of now of a database that others may write meanwhile (SQLite's backup); `target` is made 0600.

    Raises sqlite3.Error, or OSError (FileExistsError where there is something).
    """
    os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600))
    try:
        uri = f"{source.absolute().as_uri()}?mode=ro"
        with closing(sqlite3.connect(uri, uri=True)) as old, closing(sqlite3.connect(target)) as new:
            old.backup(new, pages=_PAGES_AT_ONCE)
            new.execute("PRAGMA journal_mode = DELETE")  # one file, that can be carried about
    except BaseException:
        target.unlink(missing_ok=True)
        raise


def incoming(path: Path) -> Path:
    return path.with_name(path.name + _INCOMING)


def discard(path: Path) -> None:
    """Remove a copy that was prepared for the database at `path`, or a part of one. Raises OSError."""
    copy = incoming(path)
    for part in ("", *_JOURNALS):
        copy.with_name(copy.name + part).unlink(missing_ok=True)


def prepare(source: Path, path: Path) -> int:
    """Copy `source` beside the database at `path` and look at all of it; returns how many sessions it holds.

    Raises ClauditorError, saying why it cannot be taken.
    """
    if not source.is_file():
        raise ClauditorError(f"There is no file {source}.")
    copy = incoming(path)
    try:
        discard(path)
        back_up(source, copy)
        with closing(sqlite3.connect(copy)) as db:
            verdict = db.execute("PRAGMA integrity_check(1)").fetchone()[0]
        if verdict == "ok":
            db = open_for_writing(copy)  # of Clauditor, not newer, and brought to this schema
            with closing(db):
                sessions = int(db.execute("SELECT count(*) FROM sessions").fetchone()[0])
                db.execute("PRAGMA journal_mode = DELETE")
            return sessions
        why = f"it is broken: {verdict}"
    except Unusable:
        why = f"a newer Clauditor wrote it, this one knows schema {SCHEMA_VERSION}"
    except (sqlite3.Error, OSError, Corrupt, UnicodeDecodeError) as error:
        why = str(error)
    discard(path)
    raise ClauditorError(f"{source} cannot be restored ({why}); nothing was changed.")


def take_over(writer: Writer) -> Path | None:
    """Put the prepared copy in place; returns where the history of before lies now.

    Raises sqlite3.OperationalError where another program writes it, or OSError; the history is then as it was.
    """
    copy = incoming(writer.path)
    if not copy.is_file():
        raise FileNotFoundError(2, "No copy was prepared", str(copy))

    def swap() -> Path | None:
        aside = move_aside(writer.path, "replaced") if writer.path.exists() else None
        try:
            copy.rename(writer.path)
        except OSError as error:
            if aside is not None:
                _put_back(aside, writer.path)
            why = error.strerror or str(error)
            raise OSError(f"the copy could not be put in place: {why}; the history is as it was") from error
        return aside

    return writer.reopen(swap)


def _put_back(aside: Path, path: Path) -> None:
    for part in ("", *_JOURNALS):
        with suppress(FileNotFoundError):
            aside.with_name(aside.name + part).rename(path.with_name(path.name + part))
