"""How full the plan's windows are, and where the pace leads: a line of gauges for each account."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from clauditor.ui.views import units
from clauditor.ui.views.cells import Scene
from clauditor.ui.views.segments import EMPTY, Line, Role, Segment, joined, line, line_width
from clauditor.ui.views.session import SessionView, Window

_NAMES: Final = {"five_hour": "5h", "seven_day": "7d"}
_SHOWN_WINDOWS: Final = 2
_SHOWN_ACCOUNTS: Final = 2
_FULL: Final = 0.9  # where the sidecar's own signal calls a window nearly used, unless set otherwise
_LEAST_CELLS: Final = 4
_MOST_CELLS: Final = 24


def limit_lines(sessions: Sequence[SessionView], scene: Scene, width: int) -> list[Line]:
    """Gauges of the plan's windows, the fullest account first."""
    accounts = plan_windows(sessions)
    several = len(accounts) > 1
    return [
        _gauges(account if several else "", windows[:_SHOWN_WINDOWS], scene, width)
        for account, windows in accounts[:_SHOWN_ACCOUNTS]
    ]


def plan_windows(sessions: Sequence[SessionView]) -> list[tuple[str, list[Window]]]:
    """The windows of each plan's account as last told of, the fullest account first."""
    newest: dict[str, SessionView] = {}
    for session in sorted(sessions, key=lambda s: s.last_activity_at or 0.0):
        if session.billing == "plan" and session.limits:
            newest[session.account or ""] = session
    accounts = sorted(newest.items(), key=lambda item: -_fullest(item[1].limits))
    return [(account, _in_order(session.limits)) for account, session in accounts]


def _fullest(limits: Sequence[Window]) -> float:
    return max((window.used_ratio or 0.0 for window in limits), default=0.0)


def _in_order(limits: Sequence[Window]) -> list[Window]:
    """Those whose use is known: the two that everybody has, then the others (one model's week), the fullest first."""
    return sorted(
        (window for window in limits if window.used_ratio is not None),
        key=lambda window: (
            list(_NAMES).index(window.name) if window.name in _NAMES else len(_NAMES),
            -(window.used_ratio or 0),
        ),
    )


def window_name(window: Window) -> str:
    """`5h`, `7d`, or its own name in words."""
    return _NAMES.get(window.name, window.name.replace("_", " "))


def _gauges(account: str, shown: Sequence[Window], scene: Scene, width: int) -> Line:
    if not shown:
        return EMPTY
    before = line(Segment(f" {account[:12]} " if account else " ", "dim"))
    texts = [(Segment(f"{window_name(window)} ", "dim"), window_words(window, scene)) for window in shown]
    taken = line_width(before) + sum(line_width(line(*text)) + 1 for text in texts) + 3 * (len(shown) - 1)
    cells = max(_LEAST_CELLS, min(_MOST_CELLS, (width - 1 - taken) // len(shown)))
    gauges: list[Line] = []
    for window, (name, text) in zip(shown, texts, strict=True):
        full, rest = units.bar(window.used_ratio or 0.0, cells)
        gauges.append(line(name, Segment(full, window_role(window)), Segment(rest, "rule"), f" {text}"))
    return line(*before, *joined(gauges, "   "))


def window_words(window: Window, scene: Scene) -> str:
    """`57%, ~88% at 15:10`, `91%, full ~14:50, back 15:10`, or without a pace `57%, resets 15:10`."""
    used, resets_at = units.percent(window.used_ratio), window.resets_at
    if resets_at is None:
        return used
    reset = units.moment(resets_at, scene.now, scene.zone)
    if resets_at <= scene.now:
        return f"was {used}, reset {reset}"
    if window.full_at is not None and window.full_at > scene.now:
        return f"{used}, full ~{units.moment(window.full_at, scene.now, scene.zone)}, back {reset}"
    if window.projected_ratio is None:
        return f"{used}, resets {reset}"
    at = "" if " " in reset else "at "  # `at 15:10`, `Mon 09:00`
    return f"{used}, {units.about(window.projected_ratio)} {at}{reset}"


def window_role(window: Window) -> Role:
    """How pressing it is; its words say the same."""
    if (window.used_ratio or 0.0) >= _FULL:
        return "act"
    return "good" if window.full_at is None else "watch"
