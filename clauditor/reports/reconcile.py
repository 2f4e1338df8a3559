"""Our cost of a session held against the client's own figure, and why they differ.

Source: `cost` of the status line's JSON (Claude Code 2.1.330): `total_cost_usd` is a list price that the client adds up
itself since it was started, `total_duration_ms` how long ago that was. The reason is a heuristic: the first that fits.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from clauditor.reports.foreign import amount_of, count_of, map_of

_AGREES_USD: Final = 0.01  # the client rounds its own sum
_AGREES_RATIO: Final = 0.02
_LATER_SECONDS: Final = 120.0  # a client that began so much after the session was started again

Reason = Literal["agrees", "unobserved", "unpriced", "restarted", "seen_late", "list_price", "unexplained"]
_WORDS: Final[dict[Reason, str]] = {
    "agrees": "Both figures agree.",
    "unobserved": "Some calls were seen only in part, so ours is at least what it says.",
    "unpriced": "For a model of this session no price is known, so ours is at least what it says.",
    "restarted": "The client was started again and counts only since then; ours is of the whole session.",
    "seen_late": "The session began before it was watched; the client counts what came before as well.",
    "list_price": "Neither is a bill: the plan is a flat price, and both add up list prices by tables of their own.",
    "unexplained": "Nothing that was seen explains it; a price may have changed (clauditor's own table is prices.toml).",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconciliation:
    """`difference_usd` is ours less theirs, `ratio` ours to theirs (None: theirs is 0). `sentence` says why."""

    ours_usd: float
    theirs_usd: float
    difference_usd: float
    ratio: float | None
    reason: Reason
    sentence: str


def reconcile(snapshot: Any, client_cost: Any, at: float) -> Reconciliation | None:
    """Compares a session's snapshot with `cost` of the client's status line, as it was told at `at` (Unix seconds).

    None where one of them has no figure. Never raises on what they hold.
    """
    shot, client = map_of(snapshot), map_of(client_cost)
    ours, theirs = amount_of(shot.get("cost_usd")), amount_of(client.get("total_cost_usd"))
    if ours is None or theirs is None:
        return None
    reason = _reason(shot, client, ours, theirs, at)
    return Reconciliation(
        ours_usd=ours,
        theirs_usd=theirs,
        difference_usd=ours - theirs,
        ratio=ours / theirs if theirs else None,
        reason=reason,
        sentence=_WORDS[reason],
    )


def _reason(
    shot: Mapping[str, Any], client: Mapping[str, Any], ours: float, theirs: float, at: float
) -> Reason:
    if abs(ours - theirs) <= max(_AGREES_USD, _AGREES_RATIO * max(ours, theirs)):
        return "agrees"
    milliseconds, began_at = amount_of(client.get("total_duration_ms")), amount_of(shot.get("started_at"))
    later = 0.0 if milliseconds is None or began_at is None else at - milliseconds / 1000 - began_at
    if ours < theirs:
        if count_of(map_of(shot.get("unobserved")).get("exchanges")):
            return "unobserved"
        if shot.get("cost_complete") is not True:
            return "unpriced"
        if later < -_LATER_SECONDS:
            return "seen_late"
    elif later > _LATER_SECONDS:
        return "restarted"
    return "list_price" if shot.get("billing") == "plan" else "unexplained"
