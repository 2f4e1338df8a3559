"""The history as rows, past the store: through the SQLite that it uses.

Another SQLite in the same process would let go of its locks when it closes the file, and one that writes knows no checksums.
"""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any

from clauditor.store.sqlite import connect


def ask(path: Path, statement: str, *values: Any) -> list[tuple[Any, ...]]:
    """What a statement answers, or does, through a connection of its own."""
    with closing(connect(path)) as db:
        return [tuple(row) for row in db.execute(statement, values)]
