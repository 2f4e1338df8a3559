"""A copy of a history takes the place of the one that is kept, which is moved aside.

The copy is made and looked at by whoever asks (`prepare`), in the data directory under a name of its own; only the
writer puts it in place (`take_over`), so that there is one writer at any time.
"""

from __future__ import annotations

from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

import apsw

from clauditor.errors import ClauditorError
from clauditor.store.aside import move_aside
from clauditor.store.copying import JOURNALS, back_up, discard, incoming
from clauditor.store.database import SCHEMA_VERSION, Corrupt, Unusable, open_for_writing
from clauditor.store.sqlite import connect
from clauditor.store.writer import Writer


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """How many sessions a copy holds; whether all of it is as Clauditor wrote it.

    Where not, another program wrote the file after that, or the disk changed what was on it: nobody can tell.
    """

    sessions: int
    is_as_written: bool


def prepare(source: Path, path: Path) -> Prepared:
    """Copy `source` beside the database at `path`, look at all of it, and bring it to the newest form.

    Raises ClauditorError, saying why it cannot be taken.
    """
    if not source.is_file():
        raise ClauditorError(f"There is no file {source}.")
    copy = incoming(path)
    try:
        discard(path)
        back_up(source, copy, verifying=False)  # which gives every page a checksum that fits
        verdict = _verdict(copy)
        if verdict == "ok":
            is_as_written = _verdict(source) == "ok"
            db = open_for_writing(copy)  # of Clauditor, not newer, and brought to this schema
            with closing(db):
                sessions = int(db.execute("SELECT count(*) FROM sessions").fetchone()[0])
                db.execute("PRAGMA journal_mode = DELETE")
            return Prepared(sessions=sessions, is_as_written=is_as_written)
        why = f"it is broken: {verdict}"
    except Unusable:
        why = f"a newer Clauditor wrote it, this one knows schema {SCHEMA_VERSION}"
    except (apsw.Error, OSError, Corrupt, UnicodeDecodeError) as error:
        why = str(error)
    discard(path)
    raise ClauditorError(f"{source} cannot be restored ({why}); nothing was changed.")


def take_over(writer: Writer) -> Path | None:
    """Put the prepared copy in place; returns where the history of before lies now.

    Raises HistoryError where another program writes it, or OSError; the history is then as it was.
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

    replaced = writer.reopen(swap)
    writer.notice = None  # of what had happened to the one before
    return replaced


def _verdict(file: Path) -> str:
    """What SQLite's own check says of all of a file: `ok`, or what is wrong first."""
    with closing(connect(file, read_only=True)) as db:
        try:
            return str(db.execute("PRAGMA integrity_check(1)").fetchone()[0])
        except apsw.Error as error:
            return str(error)


def _put_back(aside: Path, path: Path) -> None:
    for part in ("", *JOURNALS):
        with suppress(FileNotFoundError):
            aside.with_name(aside.name + part).rename(path.with_name(path.name + part))
