"""The database file: opened only if it is ours, whole and not newer than this program; else said so.

Sources: SQLite's pages on WAL, PRAGMA and file corruption (3.40). All versions before 3.51.3 may lose a
reset of the WAL when two connections write or checkpoint at once; a lock file keeps it at one writer, and
readers are opened read-only, which never checkpoints.
"""

from __future__ import annotations

import fcntl
import logging
import os
import sqlite3
import stat
import time
from contextlib import closing, suppress
from importlib import resources
from pathlib import Path
from typing import Final

log = logging.getLogger(__name__)

APPLICATION_ID: Final = 0x436C6175  # "Clau": what `file` shows, and how a foreign database is told apart
MIGRATIONS: Final = ("0001_facts.sql", "0002_signals.sql", "0003_clock.sql", "0004_limited_by.sql")
SCHEMA_VERSION: Final = len(MIGRATIONS)

BUSY_SECONDS: Final = 2.0
WAL_LIMIT_BYTES: Final = 64 << 20
CHECK_SECONDS: Final = 3.0  # of checking a file; a larger one is served with what was seen of it

_CORRUPT: Final = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
_PARTS: Final = ("", "-wal", "-shm")


class Unusable(Exception):  # noqa: N818 - a state of the file that is told to a person, not a program's error
    """The database cannot be used by this program, for the reason given as one sentence with its remedy."""


class Corrupt(Exception):  # noqa: N818 - as above
    """The file is not, or no longer, a sound Clauditor database."""


class Held(Exception):  # noqa: N818 - as above
    """Another process writes this database now; it may let go."""


def is_corrupt(error: Exception) -> bool:
    """Whether an error says that the file itself is broken (and not the disk full, locked or read-only)."""
    code = getattr(error, "sqlite_errorcode", None)
    if isinstance(code, int):
        return code & 0xFF in _CORRUPT
    return isinstance(error, Corrupt | UnicodeDecodeError)  # a broken schema shows in SQLite's own messages


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


def open_for_writing(path: Path) -> sqlite3.Connection:
    """The writer's connection, migrated to the newest schema; the file is made (0600) if it is missing.

    Usable from any one thread at a time. What is deleted is overwritten. Raises Unusable, Corrupt, sqlite3.Error or
    OSError.
    """
    _create(path)
    db = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    try:
        version = _check_identity(db, path)
        db.execute("PRAGMA auto_vacuum = INCREMENTAL")  # takes effect on a new file only
        db.execute("PRAGMA journal_mode = WAL")
        db.execute(
            "PRAGMA synchronous = NORMAL"
        )  # a crash of ours loses nothing, a power cut the last moments
        db.execute(f"PRAGMA journal_size_limit = {WAL_LIMIT_BYTES}")
        db.execute("PRAGMA trusted_schema = OFF")
        db.execute("PRAGMA secure_delete = ON")
        check_structure_of_pages(db)
        _check_schema(db, version)
        for number in range(version, SCHEMA_VERSION):
            _migrate(db, number)
    except BaseException:
        db.close()
        raise
    return db


def empty_log(db: sqlite3.Connection) -> bool:
    """Copy the log into the file and leave nothing in it; False where a reader puts that off."""
    return not db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]


def open_for_reading(path: Path) -> sqlite3.Connection:
    """A connection that cannot write and never checkpoints. Raises sqlite3.Error."""
    db = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=BUSY_SECONDS, isolation_level=None
    )
    db.execute("PRAGMA query_only = ON")
    db.execute("PRAGMA trusted_schema = OFF")
    return db


def quarantine(path: Path) -> Path:
    """Move a broken database aside with its journal; returns where it lies now. Raises OSError."""
    aside = move_aside(path, "broken")
    log.error("the history in %s is broken; moved to %s and started anew", path, aside)
    return aside


def move_aside(path: Path, why: str) -> Path:
    """Give a database that nobody has open another name, with its journal; returns the name. Raises OSError."""
    number = 1
    while os.path.lexists(aside := path.with_name(f"{path.name}.{why}-{number}")):
        number += 1
    for part in _PARTS:
        with suppress(FileNotFoundError):
            source = path.with_name(path.name + part)
            source.chmod(0o600)
            source.rename(aside.with_name(aside.name + part))
    return aside


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


def _check_identity(db: sqlite3.Connection, path: Path) -> int:
    """The schema version of the file. Raises Unusable for a newer one, Corrupt for somebody else's."""
    version = int(db.execute("PRAGMA user_version").fetchone()[0])
    owner = int(db.execute("PRAGMA application_id").fetchone()[0])
    is_empty = db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0] == 0
    if version > SCHEMA_VERSION and owner == APPLICATION_ID:
        raise Unusable(
            f"The history in {path} was written by a newer Clauditor (schema {version}, this one knows "
            f"{SCHEMA_VERSION}); it is left alone and this one runs without history. Upgrade to see it."
        )
    if not is_empty and (owner != APPLICATION_ID or version == 0):
        raise Corrupt("not a database of Clauditor")
    return version


def check_pages(path: Path) -> None:
    """`check_structure_of_pages` through a connection that remembers nothing. Raises Corrupt or sqlite3.Error."""
    with closing(open_for_reading(path)) as db:
        check_structure_of_pages(db)


def check_structure_of_pages(db: sqlite3.Connection) -> None:
    """SQLite's own check, CHECK_SECONDS at most: trees, pages, indexes; not what stands in a row. Raises Corrupt."""
    until = time.monotonic() + CHECK_SECONDS
    db.set_progress_handler(lambda: time.monotonic() > until, 100_000)
    try:
        verdict = db.execute("PRAGMA integrity_check(1)").fetchone()[0]
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode != sqlite3.SQLITE_INTERRUPT:
            raise
        log.warning("the history is too large to be checked whole in %g s", CHECK_SECONDS)
    else:
        if verdict != "ok":
            raise Corrupt(verdict)
    finally:
        db.set_progress_handler(None, 0)


def _check_schema(db: sqlite3.Connection, version: int) -> None:
    # SQLite's check takes any schema for sound that it can read, also one with a letter of a name changed.
    with closing(sqlite3.connect(":memory:")) as model:
        for number in range(version):
            model.executescript(_script(number))
        if not _structure(model) <= _structure(db):
            raise Corrupt("not the tables of Clauditor")


def _structure(db: sqlite3.Connection) -> set[bytes]:
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


def _migrate(db: sqlite3.Connection, number: int) -> None:
    """One step in one transaction: after a crash the file has the old schema or the new one."""
    try:
        db.executescript(
            f"BEGIN IMMEDIATE;\n{_script(number)}\n"
            f"PRAGMA application_id = {APPLICATION_ID};\nPRAGMA user_version = {number + 1};\nCOMMIT;"
        )
    except BaseException:
        if db.in_transaction:
            db.rollback()
        raise
