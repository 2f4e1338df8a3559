"""One transaction of the writer: all of it, or nothing."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from clauditor.store.sqlite import Connection, Error

log = logging.getLogger(__name__)


@contextmanager
def transaction(db: Connection) -> Iterator[None]:
    """Commit at the end of the block; an error undoes it and goes on up."""
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
        db.execute("COMMIT")
    except BaseException:
        _undo(db)
        raise


def _undo(db: Connection) -> None:
    try:
        if db.in_transaction:
            db.execute("ROLLBACK")
    except Error:  # the first error says what is wrong
        log.exception("a transaction could not be undone")
