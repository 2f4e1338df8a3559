"""Whole copies of a history, as of one moment; and the one that lies beside it, about to take its place."""

from __future__ import annotations

import os
from contextlib import closing
from pathlib import Path
from typing import Final

from clauditor.store.sqlite import CHECKSUM_BYTES, Connection, connect

_INCOMING: Final = ".incoming"
JOURNALS: Final = ("-wal", "-shm", "-journal")


def back_up(source: Path, target: Path, *, verifying: bool = True) -> None:
    """A copy, page by page, of a database that others may write meanwhile; `target` is made 0600.

    Where `verifying`, a page whose checksum does not fit is an error. Raises apsw.Error, or OSError (FileExistsError where
    there is something).
    """
    os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600))
    try:
        with closing(connect(source, read_only=True)) as old, closing(connect(target)) as new:
            if not verifying:
                old.execute("PRAGMA checksum_verification = OFF")
            if old.reserve_bytes("main") == CHECKSUM_BYTES:
                _begin_with_checksums(new)
            old.execute("BEGIN")  # or what others write would have it begin again
            with new.backup("main", old, "main") as backup:
                backup.step()
            old.execute("COMMIT")
            new.execute("PRAGMA journal_mode = DELETE")  # one file, that can be carried about
    except BaseException:
        target.unlink(missing_ok=True)
        raise


def renew(path: Path) -> None:
    """Write every page of a copy that nobody has open anew, with its checksum, fitting or not. Raises apsw.Error."""
    with closing(connect(path)) as db:
        db.execute("PRAGMA checksum_verification = OFF")
        db.reserve_bytes("main", CHECKSUM_BYTES)
        # Makes room for them: the head of the file is written last, and pages before it get none yet.
        db.execute("VACUUM")
    with closing(connect(path)) as db:
        db.execute("PRAGMA checksum_verification = OFF")
        db.execute("VACUUM")


def incoming(path: Path) -> Path:
    return path.with_name(path.name + _INCOMING)


def discard(path: Path) -> None:
    """Remove a copy that was prepared for the database at `path`, or a part of one. Raises OSError."""
    copy = incoming(path)
    for part in ("", *JOURNALS):
        copy.with_name(copy.name + part).unlink(missing_ok=True)


def _begin_with_checksums(db: Connection) -> None:
    """Write the head of an empty file: pages get checksums from the moment on when it says so."""
    db.reserve_bytes("main", CHECKSUM_BYTES)
    db.execute("PRAGMA user_version = 1")
