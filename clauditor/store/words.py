"""Words nobody refers to any more (`names`): each agent has an id of its own, and calls go in time.

Every table is looked through in small steps while writing goes on. What is written meanwhile is safe: `Names`
remembers every word it handed out since the sweep began, and a sweep during which it forgot one removes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from clauditor.store.rows import Names
from clauditor.store.sqlite import Connection
from clauditor.store.transaction import transaction

MANY_WORDS: Final = 10_000  # about 1 MB; below, sweeping is not worth its while
_SESSIONS_AT_ONCE: Final = 50
_WORDS_AT_ONCE: Final = 500

# Columns that hold keys of `names`; a migration that adds one adds it here.
_BY_SESSION: Final = {
    "calls": "agent, name, error_type, stop_reason, model_requested, model_served, speed, geography, service_tier",
    "tool_calls": "agent, name",
    "signals": "name, agent",
    "session_signals": "name",
}
_WHOLE: Final = {
    "limits": "account, window, status",
    "gaps": "reason",
    "spending": "model",
    "day_totals": "model",
}


def drop_unused(db: Connection, names: Names, *, beyond: int = MANY_WORDS) -> Iterator[int]:
    """Remove words without a use, if there are more than `beyond`. Yields the words removed at each step."""
    words = [row[0] for row in db.execute("SELECT key FROM names")]
    if len(words) <= beyond:
        return
    names.forget()
    began = names.times_forgotten
    used: set[int] = set()
    last = db.execute("SELECT coalesce(max(key), 0) FROM sessions").fetchone()[0]
    for table, columns in _BY_SESSION.items():
        for first in range(0, last + 1, _SESSIONS_AT_ONCE):
            of_some = f"SELECT DISTINCT {columns} FROM {table} WHERE session >= ? AND session < ?"  # noqa: S608 - constants
            for row in db.execute(of_some, (first, first + _SESSIONS_AT_ONCE)):
                used.update(row)
            yield 0
    for table, columns in _WHOLE.items():
        for row in db.execute(f"SELECT DISTINCT {columns} FROM {table}"):  # noqa: S608 - constants
            used.update(row)
        yield 0
    unused = [word for word in words if word not in used]
    for start in range(0, len(unused), _WORDS_AT_ONCE):
        if names.times_forgotten != began:
            return
        in_use = names.in_use
        going = [(word,) for word in unused[start : start + _WORDS_AT_ONCE] if word not in in_use]
        with transaction(db):
            db.executemany("DELETE FROM names WHERE key = ?", going)
        yield len(going)
