"""Trouble of the upstream that several sessions share, as the sidecar tells it in its totals: said once, for all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from clauditor.ui.views import units
from clauditor.ui.views.cells import Scene
from clauditor.ui.views.fields import float_of, int_of, map_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """`failing` of `active` sessions fail since `since` (Unix seconds), most with `status` (None: no answer)."""

    status: int | None
    failing: int
    active: int
    since: float | None


def incident_of(totals: object) -> Incident | None:
    """Reads the `totals` of a stream's message (the summary's `live`). Never raises on what they hold."""
    fields: Mapping[str, Any] = map_of(map_of(totals).get("incident"))
    failing = int_of(fields.get("failing"))
    if not failing:
        return None
    return Incident(
        status=int_of(fields.get("status")),
        failing=failing,
        active=max(failing, int_of(fields.get("active")) or 0),
        since=float_of(fields.get("since")),
    )


def incident_words(incident: Incident, scene: Scene) -> tuple[str, str]:
    """What happens, and whose fault it is not: `Anthropic answers 529 to 4 of 6 sessions since 14:29`."""
    since = "" if incident.since is None else f" since {units.moment(incident.since, scene.now, scene.zone)}"
    whom = f"{incident.failing} of {incident.active} sessions{since}"
    if incident.status is None:
        # Anthropic, or the way to it: nobody can tell from here.
        return f"Connections to Anthropic break in {whom}", ""
    blame = "your account's rate" if incident.status == 429 else "not your set-up"
    return f"Anthropic answers {incident.status} to {whom}", f"({blame})"
