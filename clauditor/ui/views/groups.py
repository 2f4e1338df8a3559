"""Rows in groups: by project, model, account or host, each group under a line that sums it up."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final, Literal, get_args

from clauditor.ui.views import units
from clauditor.ui.views.segments import Line, Segment, clip, line, line_width
from clauditor.ui.views.session import SessionView
from clauditor.ui.views.words import level

GroupName = Literal["none", "project", "model", "account", "host"]
GROUPS: Final[tuple[GroupName, ...]] = get_args(GroupName)

_OF: Final[dict[GroupName, Callable[[SessionView], str | None]]] = {
    "none": lambda _: "",
    "project": lambda session: session.project,
    "model": lambda session: session.model,
    "account": lambda session: session.account,
    "host": lambda session: session.host,
}


def group_of(session: SessionView, by: GroupName) -> str:
    """The name of its group; empty where nothing is known, or nothing is grouped."""
    return _OF[by](session) or ""


def grouped(sessions: Iterable[SessionView], by: GroupName) -> tuple[SessionView, ...]:
    """The same sessions, group after group; groups and their members keep the order they came in."""
    groups: dict[str, list[SessionView]] = {}
    for session in sessions:
        groups.setdefault(group_of(session, by), []).append(session)
    return tuple(session for group in groups.values() for session in group)


def heading(name: str, by: GroupName, members: Sequence[SessionView], width: int) -> Line:
    """`── webshop ── 3 sessions, 1 to act on, ~$12.30 ─────`."""
    acting = sum(level(session) == "act" for session in members)
    parts = [units.count(len(members), "session")]
    if acting:
        parts.append(f"{acting} to act on")
    costs = [session.cost_usd for session in members if session.cost_usd is not None]
    if costs:
        estimated = any(session.estimated for session in members)
        complete = len(costs) == len(members) and all(session.cost_complete for session in members)
        parts.append(units.price(sum(costs), estimated=estimated, complete=complete))
    said = line(
        Segment("── ", "rule"),
        Segment(name or f"{by} not known", "head"),
        Segment(f" {', '.join(parts)} ", "dim"),
    )
    return clip((*said, Segment("─" * max(0, width - 1 - line_width(said)), "rule")), width)
