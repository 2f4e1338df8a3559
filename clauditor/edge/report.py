"""The post-mortem of one session: what is known of it, live or kept, handed to `reports`."""

from __future__ import annotations

from typing import Any, Final

from clauditor.edge.sources import Kept
from clauditor.model.snapshot import Snapshot
from clauditor.reports.postmortem import as_json, postmortem

MAX_TURNS: Final = 5000
MAX_SIGNALS: Final = 1000
MAX_GAPS: Final = 1000


def report(store: Kept, session_id: str, live: Snapshot | None, now: float) -> dict[str, Any] | None:
    """The report at `now` (Unix seconds), from the `live` snapshot if there is one; None for a session of which no
    state is left. Blocks; raises sqlite3.Error.
    """
    snapshot = live or store.history.session(session_id, now)
    if snapshot is None:
        return None
    signals = store.signals.signals(
        now=now, limit=MAX_SIGNALS, since=0.0, session_id=session_id, name=None, severity=None
    )
    gaps = store.history.gaps(since=snapshot["started_at"], limit=MAX_GAPS)
    turns = store.calls.turns(session_id, limit=MAX_TURNS)
    return as_json(postmortem(snapshot, turns, store.calls.side_calls(session_id), signals, gaps, now))
