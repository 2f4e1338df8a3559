"""Whether totals hold all there was, and what is missing: the one wording of the headline and the pane."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from clauditor.ui.views.segments import Line, Segment, line, line_width
from clauditor.ui.views.session import SessionView
from clauditor.ui.views.units import count

BROKE_OFF: Final = "answers broke off"
UNPRICED: Final = "some cost unknown"
_EARLIER: Final = "earlier today"


def missing(sessions: Sequence[SessionView]) -> list[str]:
    """Why totals of `sessions` are "at least", most telling first; empty where they are whole."""
    unseen = sum(session.unseen_exchanges for session in sessions)
    reasons = {_cost_gap(session) for session in sessions} - {None}
    return [
        *([seen_in_part(unseen)] if unseen else []),
        *(reason for reason in (BROKE_OFF, UNPRICED) if reason in reasons),
    ]


def seen_in_part(exchanges: int) -> str:
    return f"{count(exchanges, 'call')} seen in part"


def _cost_gap(session: SessionView) -> str | None:
    """Why a cost is not whole where every call was seen. A heuristic: the snapshot does not tell.

    What an answer that broke off cost is never told; without one (or with nothing priced at all) a price
    may be unknown as well.
    """
    if session.cost_complete or session.unseen_exchanges:
        return None
    return BROKE_OFF if session.failed_attempts and session.cost_usd is not None else UNPRICED


def recorded(sessions: Sequence[SessionView], *, today_complete: bool, room: int) -> Line:
    """`recorded: all`, or `recorded: >=` and why; the reasons are left out where `room` cells are too few."""
    reasons = missing(sessions)
    if not reasons and not today_complete:
        reasons = [_EARLIER]
    if not reasons:
        return line(Segment("recorded: all", "dim"))
    full = line(Segment(f"recorded: >= ({', '.join(reasons)})", "watch"))
    return full if line_width(full) <= room else line(Segment("recorded: >=", "watch"))
