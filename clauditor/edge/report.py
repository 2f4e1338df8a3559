"""The post-mortem of one session: what is known of it, live or kept, handed to `reports`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from clauditor.edge.sources import Kept
from clauditor.model.snapshot import Snapshot
from clauditor.reports.postmortem import as_json, postmortem

MAX_TURNS: Final = 5000
MAX_SIGNALS: Final = 1000
MAX_GAPS: Final = 1000


def report(store: Kept, session_id: str, live: Snapshot | None, now: float) -> dict[str, Any] | None:
    """The report at `now` (Unix seconds), from the `live` snapshot if there is one; None for a session of which no
    state is left. Blocks; raises HistoryError.
    """
    snapshot = live or store.history.session(session_id, now)
    if snapshot is None:
        return None
    signals = store.signals.signals(
        now=now, limit=MAX_SIGNALS, since=0.0, session_id=session_id, name=None, severity=None
    )
    if live is not None:
        signals += _not_kept_yet(live, signals)
    gaps = store.history.gaps(since=snapshot["started_at"], limit=MAX_GAPS)
    turns = store.calls.turns(session_id, limit=MAX_TURNS)
    return as_json(postmortem(snapshot, turns, store.calls.side_calls(session_id), signals, gaps, now))


def _not_kept_yet(live: Snapshot, kept: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Signals that hold now and are not in the history, which is written a little later, in its shape."""
    return [
        {**signal, "raised_at": signal["since"], "cleared_at": None}
        for signal in live["signals"]
        if not any(_is_of_the_same_time(one, signal) for one in kept)
    ]


def _is_of_the_same_time(kept: Mapping[str, Any], signal: Mapping[str, Any]) -> bool:
    """Whether a kept signal is the one that holds: of that name and severity, and not over when that began."""
    if (kept["name"], kept["severity"]) != (signal["name"], signal["severity"]):
        return False
    return kept["cleared_at"] is None or bool(kept["cleared_at"] >= signal["since"])
