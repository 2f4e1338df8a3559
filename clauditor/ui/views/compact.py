"""All sessions in one line, for tmux's status bar: who needs you first, what it costs last."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from clauditor.text import cut
from clauditor.ui.views import units
from clauditor.ui.views.cells import Scene
from clauditor.ui.views.header import Spend
from clauditor.ui.views.incident import Incident
from clauditor.ui.views.session import SessionView
from clauditor.ui.views.table import is_resting, is_script
from clauditor.ui.views.words import level

AWAY: Final = "clauditor not recording: clauditor up"
_SHOWN_NAMES: Final = 3
_NAME_CELLS: Final = 12


def compact_line(
    sessions: Sequence[SessionView],
    spend: Spend,
    scene: Scene,
    *,
    incident: Incident | None = None,
    is_partial: bool = False,
) -> str:
    """`2 need you: webshop, infra · 3 to watch · today ~$38.40 · 5h 57%`; tmux would obey a single `#`, so each is doubled.

    `is_partial`: not every sidecar answered.
    """
    live = [session for session in sessions if not is_resting(session) and not is_script(session)]
    acting = sorted((s for s in live if level(s) == "act"), key=lambda s: (-s.attention, s.key))
    watching = sum(level(session) == "watch" for session in live)
    parts: list[str] = []
    if incident is not None:
        what = "connections break" if incident.status is None else f"Anthropic {incident.status}"
        parts.append(f"{what} in {incident.failing} of {incident.active}")
    if acting:
        named = [cut(s.project or s.label or s.shown_id, _NAME_CELLS) for s in acting[:_SHOWN_NAMES]]
        names = ", ".join(dict.fromkeys(named))
        more = " ..." if len(acting) > _SHOWN_NAMES else ""
        parts.append(f"{len(acting)} need{'s' if len(acting) == 1 else ''} you: {names}{more}")
    if watching:
        parts.append(f"{watching} to watch")
    if not acting and not watching:
        parts.append(f"{len(live)} live" if sessions else "no session")
    if spend.today_usd is not None and sessions:
        estimated = any(session.estimated for session in sessions)
        parts.append(f"today {units.price(spend.today_usd, estimated=estimated, complete=spend.complete)}")
    if (used := _fullest(sessions, scene)) is not None:
        parts.append(f"5h {units.percent(used)}")
    if is_partial:
        parts.append("not all answer")
    return " · ".join(parts).replace("#", "##")


def _fullest(sessions: Sequence[SessionView], scene: Scene) -> float | None:
    """The five-hour window of the account that has used most of it."""
    windows = [
        window
        for session in sessions
        if session.billing == "plan" and (window := session.window("five_hour"))
    ]
    known = [w.used_ratio for w in windows if w.used_ratio is not None and (w.resets_at or 0.0) > scene.now]
    return max(known, default=None)
