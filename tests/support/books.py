"""What a stack's sidecar has on disk, read beside it."""

from __future__ import annotations

import contextlib
import sqlite3
from dataclasses import dataclass

from clauditor.store.rows import OUTCOMES, join_exchange
from support.stack import RunningStack


@dataclass
class Books:
    """What the sidecar has on disk, by session: calls by outcome, and gaps."""

    calls: dict[str, list[str]]
    gaps: dict[str, list[tuple[str, str, int]]]
    exchanges: list[str]

    @property
    def answered(self) -> set[str]:
        return {name for name, outcomes in self.calls.items() if "ok" in outcomes}


def books(stack: RunningStack) -> Books:
    with contextlib.closing(sqlite3.connect(f"file:{stack.data_dir}/clauditor.db?mode=ro", uri=True)) as db:
        found = Books({}, {}, [])
        for name, micros, connection, outcome in db.execute(
            "SELECT s.session_id, c.exchange_us, c.exchange_connection, c.outcome"
            " FROM calls c JOIN sessions s ON s.key = c.session"
        ):
            found.calls.setdefault(name, []).append(OUTCOMES[outcome])
            found.exchanges.append(join_exchange(micros, connection))
        for name, *gap in db.execute(
            "SELECT coalesce(s.session_id, ''), g.exchange_id, n.name, g.unseen_bytes FROM gaps g"
            " JOIN names n ON n.key = g.reason LEFT JOIN sessions s ON s.key = g.session"
        ):
            found.gaps.setdefault(name, []).append(tuple(gap))
    return found
