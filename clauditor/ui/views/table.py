"""The session table: which sessions are rows, in which order, and what is folded into one line.

Source of the order: `attention`, computed by the sidecar. Ties are broken by what does not change while a
session works (its start and its id), so that rows stay where they are.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Literal, get_args

from clauditor.ui.views.cells import Scene
from clauditor.ui.views.presets import ViewName
from clauditor.ui.views.segments import EMPTY, Line, Segment
from clauditor.ui.views.session import SessionView
from clauditor.ui.views.units import count, price
from clauditor.ui.views.words import FOLDED, UNHEARD, cache_seconds, level

SortName = Literal["attention", "name", "cost", "context", "cache", "limit", "age"]
SORTS: Final[tuple[SortName, ...]] = get_args(SortName)
VIEW_SORT: Final[dict[ViewName, SortName]] = {
    "attention": "attention",
    "cost": "cost",
    "context": "context",
    "cache": "cache",
    "limit": "limit",
}
"""The order a view starts with."""

_NEVER: Final = float("inf")


@dataclass(frozen=True, slots=True, kw_only=True)
class Folding:
    """Sessions as a table shows them: `rows` in order, and those that one line stands for."""

    rows: tuple[SessionView, ...]
    resting: tuple[SessionView, ...]
    scripted: tuple[SessionView, ...]


def is_resting(session: SessionView) -> bool:
    """Whether nothing goes on in it and nobody has to act."""
    return session.state in FOLDED and level(session) != "act"


def is_script(session: SessionView) -> bool:
    """Whether a program drives it and nobody has to act."""
    return session.scripted and level(session) != "act"


def fold(sessions: Iterable[SessionView], *, unfold: bool, sort: SortName, now: float) -> Folding:
    """Order the sessions; idle, ended and scripted ones leave the rows unless `unfold`."""
    ordered = sorted(sessions, key=_order(sort, now))
    if unfold:
        return Folding(rows=tuple(ordered), resting=(), scripted=())
    return Folding(
        rows=tuple(s for s in ordered if not is_script(s) and not is_resting(s)),
        resting=tuple(s for s in ordered if not is_script(s) and is_resting(s)),
        scripted=tuple(s for s in ordered if is_script(s)),
    )


def fold_line(folding: Folding, scene: Scene) -> Line:
    """What the folded sessions amount to: `+ 3 idle, all cold (e shows)   + 24 scripted runs, 2 failed, ~$0.83`."""
    parts: list[str] = []
    if folding.resting:
        parts.append("+ " + _resting_words(folding.resting, scene.now))
    if folding.scripted:
        parts.append("+ " + _scripted_words(folding.scripted))
    if not parts:
        return EMPTY
    parts[0] += " (e shows)"
    return (Segment("   " + "   ".join(parts), "dim"),)


def _resting_words(resting: Sequence[SessionView], now: float) -> str:
    idle = [session for session in resting if session.state == "idle"]
    numbers = Counter(session.state for session in resting)
    words = [f"{numbers[state]} {state}" for state in ("idle", "ended", UNHEARD) if numbers[state]]
    cold = sum(cache_seconds(session, now) == 0 for session in idle)
    if cold:
        words.append("all cold" if cold == len(idle) and len(words) == 1 else f"{cold} cold")
    return ", ".join(words)


def _scripted_words(scripted: Sequence[SessionView]) -> str:
    words = count(len(scripted), "scripted run")
    running = sum(session.state not in FOLDED for session in scripted)
    if running:
        words += f", {running} live"
    if failed := sum(session.is_answered is False and session.state in FOLDED for session in scripted):
        words += f", {failed} failed"
    costs = [session.cost_usd for session in scripted if session.cost_usd is not None]
    if not costs:
        return words
    spent = price(
        sum(costs),
        estimated=any(session.estimated for session in scripted),
        complete=all(session.cost_complete and session.cost_usd is not None for session in scripted),
    )
    return f"{words}, {spent}"


def _order(sort: SortName, now: float) -> Callable[[SessionView], tuple[float | str, ...]]:
    def leading(session: SessionView) -> float | str:
        match sort:
            case "attention":
                return -session.attention
            case "name":
                return f"{session.project or ''}\0{session.label or session.shown_id}".casefold()
            case "cost":
                return -(session.cost_usd or 0.0)
            case "context":
                return -(session.context.used_ratio or 0.0)
            case "cache":
                # The one that goes cold next comes first; what is cold already can wait.
                return cache_seconds(session, now) or _NEVER
            case "limit":
                window = session.window("five_hour")
                return -((window.session_share if window else None) or 0.0)
            case "age":
                return session.started_at or 0.0

    return lambda session: (leading(session), session.started_at or 0.0, session.session_id)
