"""Which exchanges the history knows, by id: what a restarted daemon needs to read Envoy's log on.

Blocks; meant for a thread.
"""

from __future__ import annotations

import logging
from typing import Final

from clauditor.errors import HistoryError
from clauditor.model.events import UNOBSERVED
from clauditor.store.history import Source, reading
from clauditor.store.rows import join_exchange, milliseconds

log = logging.getLogger(__name__)

MOST: Final = 150_000  # more than both files of the log can name


def exchanges_since(source: Source, since: float) -> tuple[set[str], set[str]]:
    """Ids of exchanges that ended, or were told as gaps, since `since` (Unix seconds): those of which all was said,
    and those whose end was not seen and no gap told yet. Both empty where the history cannot be read.
    """
    try:
        with reading(source) as db:
            calls = db.execute(
                "SELECT c.exchange_us, c.exchange_connection, e.name AS error_type FROM sessions s"
                " JOIN calls c ON c.session = s.key LEFT JOIN names e ON e.key = c.error_type"
                " WHERE s.last_activity_at >= ? AND c.started_ms + c.ended_ms >= ?"
                " ORDER BY s.last_activity_at DESC LIMIT ?",
                (since, milliseconds(since), MOST),
            ).fetchall()
            gaps = db.execute(
                "SELECT exchange_id FROM gaps WHERE at >= ? AND exchange_id IS NOT NULL ORDER BY at DESC LIMIT ?",
                (since, MOST),
            ).fetchall()
    except HistoryError:
        log.exception("the exchanges of earlier daemons could not be read")
        return set(), set()
    told = {row["exchange_id"] for row in gaps}
    known, lost = told, set()
    for row in calls:
        exchange_id = join_exchange(row["exchange_us"], row["exchange_connection"])
        if row["error_type"] != UNOBSERVED:
            known.add(exchange_id)
        elif exchange_id not in told:
            lost.add(exchange_id)
    return known, lost
