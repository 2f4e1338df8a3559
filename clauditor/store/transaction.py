"""One transaction of the writer: all of it, or nothing."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

log = logging.getLogger(__name__)


@contextmanager
def transaction(db: sqlite3.Connection) -> Iterator[None]:
    """Commit at the end of the block; an error undoes it and goes on up."""
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
        db.execute("COMMIT")
    except BaseException:
        _undo(db)
        raise


def _undo(db: sqlite3.Connection) -> None:
    try:
        if db.in_transaction:
            db.rollback()
    except sqlite3.Error:  # the first error says what is wrong
        log.exception("a transaction could not be undone")
