"""The database file: opened only if it is ours, whole and not newer than this program; else said so.

Sources: SQLite's pages on WAL, PRAGMA and file corruption (3.54). A lock file keeps it at one writer, and readers are
opened read-only, which never checkpoints.
"""

from __future__ import annotations

import fcntl
import logging
import os
import re
import stat
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from importlib import resources
from pathlib import Path
from typing import Final

import apsw

from clauditor.errors import HistoryError
from clauditor.store import copying
from clauditor.store.sqlite import (
    CHECKSUM_BYTES,
    Connection,
    connect,
    has_checksums,
    in_memory,
    in_words,
    is_broken,
)
from clauditor.store.transaction import transaction

log = logging.getLogger(__name__)

APPLICATION_ID: Final = 0x436C6175  # "Clau": what `file` shows, and how a foreign database is told apart
MIGRATIONS: Final = (
    *("0001_facts.sql", "0002_signals.sql", "0003_clock.sql", "0004_limited_by.sql", "0005_checksums.sql"),
)
SCHEMA_VERSION: Final = len(MIGRATIONS)
FIRST_WITH_CHECKSUMS: Final = 5

WAL_LIMIT_BYTES: Final = 64 << 20
CHECK_SECONDS: Final = (
    0.6  # of checking a file at the start; of a larger one, each page is still looked at when it is read
)
_CODE: Final = re.compile(r"error code=(\d+)")


class Unusable(Exception):  # noqa: N818 - a state of the file that is told to a person, not a program's error
    """The database cannot be used by this program, for the reason given as one sentence with its remedy."""


class Corrupt(Exception):  # noqa: N818 - as above
    """The file is not, or no longer, a sound Clauditor database."""


class Held(Exception):  # noqa: N818 - as above
    """Another process writes this database now; it may let go."""


def is_corrupt(error: Exception) -> bool:
    """Whether an error says that the file itself is broken (and not the disk full, locked or read-only)."""
    return isinstance(error, Corrupt) or is_broken(error)


def lock(path: Path) -> int:
    """Hold the one writer's lock (`<path>.lock`) until the returned descriptor is closed or we die.

    Raises Held if another process has it, OSError if the file cannot be made.
    """
    name = path.with_name(path.name + ".lock")
    descriptor = os.open(name, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise Held(
            f"Another Clauditor keeps the history in {path}; this one runs without. Stop the other: clauditor down."
        ) from None
    return descriptor


def open_for_writing(path: Path) -> Connection:
    """The writer's connection, migrated to the newest schema; the file is made (0600) if it is missing.

    Usable from any one thread at a time. Raises Unusable, Corrupt, apsw.Error or OSError.
    """
    _create(path)
    db = connect(path)
    try:
        version = _check_identity(db, path)
        if 0 < version < FIRST_WITH_CHECKSUMS and not has_checksums(db):
            _convert(db, path)
            db = connect(path)
        if version == 0:
            db.reserve_bytes("main", CHECKSUM_BYTES)  # takes effect on a new file only, as does the next
        db.execute("PRAGMA auto_vacuum = INCREMENTAL")
        db.execute("PRAGMA journal_mode = WAL")
        # A crash of ours loses nothing then, a power cut the last moments.
        db.execute("PRAGMA synchronous = NORMAL")
        db.execute(f"PRAGMA journal_size_limit = {WAL_LIMIT_BYTES}")
        _insist_on_checksums(db)
        check_structure_of_pages(db)
        _check_schema(db, version)
        for number in range(version, SCHEMA_VERSION):
            _migrate(db, number)
    except BaseException:
        db.close()
        raise
    return db


def empty_log(db: Connection) -> bool:
    """Copy the log into the file and leave nothing in it; False where a reader puts that off."""
    return not db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]


def open_for_reading(path: Path) -> Connection:
    """A connection that cannot write and never checkpoints. Raises Corrupt or apsw.Error."""
    db = connect(path, read_only=True)
    try:
        if int(db.pragma("user_version")) >= FIRST_WITH_CHECKSUMS:
            _insist_on_checksums(db)
    except BaseException:
        db.close()
        raise
    return db


@contextmanager
def reading_file(path: Path) -> Iterator[Connection]:
    """A read-only connection, closed at the end. Raises HistoryError."""
    try:
        with closing(open_for_reading(path)) as db:
            yield db
    except (apsw.Error, Corrupt, UnicodeDecodeError) as error:
        raise HistoryError(in_words(error)) from error


def _create(path: Path) -> None:
    """Make the file ourselves: SQLite would give it the umask's mode and follow a symlink."""
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600))
    except (
        FileExistsError
    ):  # not opened: a reader of ours that has it open would lose its lock with our descriptor
        mode = path.lstat().st_mode
        if stat.S_ISLNK(mode):
            raise Unusable(
                f"{path} is a symbolic link; Clauditor runs without history until it is a file."
            ) from None
        if not stat.S_ISREG(mode):
            raise Unusable(f"{path} is no file; Clauditor runs without history until it is one.") from None
        if mode & 0o077:
            path.chmod(0o600)


def _check_identity(db: Connection, path: Path) -> int:
    """The schema version of the file. Raises Unusable for a newer one, Corrupt for somebody else's."""
    version = int(db.pragma("user_version"))
    owner = int(db.pragma("application_id"))
    is_empty = db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0] == 0
    if version > SCHEMA_VERSION and owner == APPLICATION_ID:
        raise Unusable(
            f"The history in {path} was written by a newer Clauditor (schema {version}, this one knows "
            f"{SCHEMA_VERSION}); it is left alone and this one runs without history. Upgrade to see it."
        )
    if not is_empty and (owner != APPLICATION_ID or version == 0):
        raise Corrupt("not a database of Clauditor")
    return version


def _convert(db: Connection, path: Path) -> None:
    """Put a copy with checksums in the place of a file from before there were any, and close that.

    Whenever this is cut short, the file is the old one or the new one.
    """
    check_structure_of_pages(db)
    if db.pragma("journal_mode", "delete") != "delete":  # or its log would be taken for the new file's
        raise apsw.BusyError("another program reads it")
    db.close()
    copy = copying.incoming(path)
    copying.discard(path)
    try:
        copying.back_up(path, copy)
        copying.renew(copy)
        copy.replace(path)
    finally:
        copying.discard(path)


def _insist_on_checksums(db: Connection) -> None:
    """One flipped bit in the head of the file would turn them off."""
    if not has_checksums(db):
        raise Corrupt("its checksums are gone")


def check_pages(path: Path) -> bool:
    """`check_structure_of_pages` through a connection that remembers nothing."""
    with closing(open_for_reading(path)) as db:
        return check_structure_of_pages(db)


def check_structure_of_pages(db: Connection) -> bool:
    """SQLite's own check of checksums, trees and indexes; False where CHECK_SECONDS were too short for all of it.

    Raises Corrupt or apsw.Error.
    """
    until = time.monotonic() + CHECK_SECONDS
    db.set_progress_handler(lambda: time.monotonic() > until, 100_000)
    try:
        verdict = db.execute("PRAGMA integrity_check(1)").fetchone()[0]
    except apsw.InterruptError:
        log.info("the history is too large to be checked whole in %g s", CHECK_SECONDS)
        return False
    finally:
        db.set_progress_handler(None, 0)
    if verdict == "ok":
        return True
    code = _CODE.search(verdict)
    if code and int(code[1]) & 0xFF == apsw.SQLITE_IOERR and int(code[1]) != apsw.SQLITE_IOERR_DATA:
        raise apsw.IOError(verdict)  # the disk does not let us read it; what is on it may be sound
    raise Corrupt(verdict)


def _check_schema(db: Connection, version: int) -> None:
    # SQLite's check takes any schema for sound that it can read, also one with a letter of a name changed.
    with closing(in_memory()) as model:
        for number in range(version):
            model.execute(_script(number))
        if not _structure(model) <= _structure(db):
            raise Corrupt("not the tables of Clauditor")


def _structure(db: Connection) -> set[bytes]:
    """Columns of tables and indexes, however their definitions are spelled. (Bytes: a broken name is no text.)"""
    line = "CAST(printf('%s %d %s %s %d %d', m.name, {}) AS BLOB)"
    tables = line.format('p.cid, p.name, p.type, p."notnull", p.pk')
    indexes = line.format("p.seqno, p.name, m.tbl_name, p.desc, p.key")
    rows = db.execute(
        f"SELECT {tables} FROM sqlite_master m, pragma_table_info(m.name) p WHERE m.type = 'table' UNION ALL"  # noqa: S608 - constants
        f" SELECT {indexes} FROM sqlite_master m, pragma_index_xinfo(m.name) p WHERE m.type = 'index'"
    )
    return {row[0] for row in rows}


def _script(number: int) -> str:
    return (resources.files("clauditor.store") / MIGRATIONS[number]).read_text(encoding="utf-8")


def _migrate(db: Connection, number: int) -> None:
    """One step in one transaction: after a crash the file has the old schema or the new one."""
    with transaction(db):
        db.execute(_script(number))
        db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        db.execute(f"PRAGMA user_version = {number + 1}")
