"""The list of sessions: live ones chosen in memory, past ones by the history, both by the same rules."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

from clauditor.edge.feed import SLICE
from clauditor.edge.past import on_thread
from clauditor.edge.sources import Kept, Live, SortName
from clauditor.errors import HistoryError
from clauditor.model.events import Severity
from clauditor.model.session import Session
from clauditor.model.snapshot import Snapshot
from clauditor.model.verdict import SEVERITIES, Level

log = logging.getLogger(__name__)

LIVE_SECONDS: Final = 172_800.0  # a session that is live was active within: one silent for a day is over

_SEVERITY: Final[Mapping[Level, Severity]] = {"ok": "notice", "watch": "watch", "act": "act"}

# The figure a list is sorted by: of a live session, and of a snapshot.
_FIGURES: Final[Mapping[SortName, tuple[Callable[[Session], float | None], Callable[[Snapshot], Any]]]] = {
    "activity": (lambda session: session.last_activity_at, lambda shot: shot["last_activity_at"]),
    "started": (lambda session: session.started_at, lambda shot: shot["started_at"]),
    "cost": (lambda session: session.bill.usd, lambda shot: shot["cost_usd"]),
    "context": (
        lambda session: session.context.used_ratio if session.context.tokens else None,
        lambda shot: (shot["context"] or {}).get("used_ratio"),
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which sessions, how many, and what comes first; None: any. The endpoint's parameters say what each means."""

    limit: int
    since: float | None
    state: str | None
    search: str | None
    project: str | None
    model: str | None
    verdict: Level | None
    signal: str | None
    sort: SortName


async def list_sessions(
    hub: Live, store: Kept, wanted: Wanted, now: float
) -> tuple[list[Snapshot], str | None]:
    """Live and past sessions in one order, and why the past ones are missing (one sentence), if so."""
    trouble = store.problem
    live = past = []
    try:
        had = {}
        if wanted.verdict is not None or wanted.signal is not None:
            had = await on_thread(lambda: store.signals.had_since(now - LIVE_SECONDS))
        live = await _live(hub, wanted, now, had)
        known = frozenset(hub.sessions)
        past = await on_thread(lambda: store.history.sessions(now=now, without=known, **asdict(wanted)))
    except (HistoryError, TimeoutError) as error:
        log.warning("past sessions could not be read: %s", error)
        trouble = trouble or "Past sessions cannot be read now; the sidecar's log says why."
        live = live or await _live(hub, wanted, now, {})
    found = {shot["session_id"]: shot for shot in (*past, *live)}
    figure = _FIGURES[wanted.sort][1]
    in_order = sorted(found.values(), key=lambda shot: _most_first(figure(shot), shot["session_id"]))
    return in_order[: wanted.limit], trouble


async def _live(
    hub: Live, wanted: Wanted, now: float, had: Mapping[str, Mapping[str, int]]
) -> list[Snapshot]:
    """Snapshots of the first `wanted.limit` live sessions, made in slices. `had`: by session, the signals it ever
    had, each with the place of its worst severity.
    """
    figure = _FIGURES[wanted.sort][0]
    found: list[Snapshot] = []
    for number, session in enumerate(
        sorted(hub.sessions.values(), key=lambda one: _most_first(figure(one), one.session_id)), 1
    ):
        if len(found) >= wanted.limit:
            break
        if _is_wanted(session, wanted, had.get(session.session_id, {})):
            snapshot = hub.snapshot(session.session_id, now)
            if snapshot is not None and _matches(snapshot, wanted):
                found.append(snapshot)
        if number % SLICE == 0:
            await asyncio.sleep(0)
    return found


def _most_first(figure: float | None, session_id: str) -> tuple[bool, float, str]:
    """The largest first, the unknown last."""
    return (figure is None, -(figure or 0.0), session_id)


def _is_wanted(session: Session, wanted: Wanted, had: Mapping[str, int]) -> bool:
    """What can be told without a snapshot."""
    signals = dict(had)
    for name, signal in session.signals.items():
        signals[name] = max(signals.get(name, 0), SEVERITIES.index(signal.severity))
    worst = SEVERITIES[max(signals.values(), default=0)]
    return (
        (wanted.since is None or session.last_activity_at >= wanted.since)
        and (wanted.project is None or (session.project or "").casefold() == wanted.project.casefold())
        and (wanted.verdict is None or worst == _SEVERITY[wanted.verdict])
        and (wanted.signal is None or wanted.signal in signals)
    )


def _matches(snapshot: Snapshot, wanted: Wanted) -> bool:
    model = snapshot["model"]["served"] or snapshot["model"]["requested"] or ""
    return (
        wanted.state in {None, snapshot["state"]}
        and (wanted.model is None or wanted.model.casefold() in model.casefold())
        and (wanted.search is None or _is_found(snapshot, wanted.search.casefold()))
    )


def _is_found(snapshot: Snapshot, wanted: str) -> bool:
    words = (snapshot["label"], snapshot["project"], snapshot["branch"], *snapshot["model"].values())
    found = any(wanted in word.casefold() for word in words if word)
    return found or snapshot["session_id"].casefold().startswith(wanted)
