"""What several sidecars say of all their sessions, as one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from clauditor.ui.views.header import Spend, spend_of
from clauditor.ui.views.incident import Incident, incident_of


def totals(
    summaries: Iterable[Mapping[str, Any]], *, is_complete: bool = True
) -> tuple[Spend, Incident | None]:
    """The sums of their `/api/v1/summary` answers, and the first incident. `is_complete`: every one answered."""
    answers = list(summaries)
    incidents = (incident_of(answer.get("live")) for answer in answers)
    spend = sum_of([spend_of(answer) for answer in answers], is_complete=is_complete)
    return spend, next((incident for incident in incidents if incident is not None), None)


def sum_of(spends: list[Spend], *, is_complete: bool = True) -> Spend:
    """What is known of all of them together."""
    return Spend(
        today_usd=_sum(spend.today_usd for spend in spends),
        hour_usd=_sum(spend.hour_usd for spend in spends),
        week_usd=_sum(spend.week_usd for spend in spends),
        complete=is_complete and all(spend.complete for spend in spends),
        trouble=next((spend.trouble for spend in spends if spend.trouble), ""),
    )


def _sum(amounts: Iterable[float | None]) -> float | None:
    known = [amount for amount in amounts if amount is not None]
    return sum(known) if known else None
