"""The lines above the table: who needs what, how full the limits are, and whether all was recorded."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from clauditor.ui.views import units
from clauditor.ui.views.cells import Scene
from clauditor.ui.views.recorded import recorded
from clauditor.ui.views.segments import EMPTY, Line, Role, Segment, joined, line, line_width, spread
from clauditor.ui.views.session import SessionView, Window
from clauditor.ui.views.snapshot import float_of, map_of
from clauditor.ui.views.table import is_resting, is_script
from clauditor.ui.views.words import asks_person

# What the headline counts, most pressing first: word for one, word for many, meaning.
_GROUPS: Final[tuple[tuple[str, str, Role], ...]] = (
    ("asks you", "ask you", "act"),
    ("stuck", "stuck", "act"),
    ("retrying", "retrying", "watch"),
    ("to watch", "to watch", "watch"),
    ("your turn", "your turn", "accent"),
    ("working", "working", "good"),
)
_WINDOWS: Final = {"five_hour": "5h", "seven_day": "7d"}
_SHOWN_WINDOWS: Final = 2
_SHOWN_ACCOUNTS: Final = 2
_RECENT_SECONDS: Final = 300
# One session that retries may have a reason of its own; several at once have one in common.
_INCIDENT_SESSIONS: Final = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Spend:
    """What all sessions together cost (US dollars); `complete` is False where some of it is unknown."""

    today_usd: float | None = None
    week_usd: float | None = None
    complete: bool = True


def header(
    sessions: Sequence[SessionView], spend: Spend, scene: Scene, width: int, notice: str = ""
) -> list[Line]:
    """Up to six lines. `notice` (about the screen's own connection) stands in for the counts."""
    lines = [*headline(sessions, spend, scene, width, notice), *_limit_lines(sessions, scene, width)]
    if any(session.billing == "api" for session in sessions):
        lines.append(_spend_line(spend))
    if sessions:
        lines.append(_health_line(sessions, spend, scene, width))
    return [shown for shown in lines if shown]


def headline(
    sessions: Sequence[SessionView], spend: Spend, scene: Scene, width: int, notice: str = ""
) -> list[Line]:
    """Who needs what: one line, or two where that is too long. An incident goes before the counts, a notice
    stands for them.
    """
    name = line(Segment(" clauditor", "strong"), "   ")
    time = line(Segment(units.clock(scene.now, scene.zone, seconds=True) + " ", "dim"))
    if notice:
        return [spread((*name, Segment(notice, "act")), time, width)]
    if not sessions:
        return [spread(name, time, width)]
    groups = _groups(sessions)
    live = f"{sum(number for number, _ in groups)} live"
    if incident := _incident(sessions, scene):
        return [
            spread(line(" ", Segment(incident, "act")), time, width),
            _counts(f" {live}: ", groups, width),
        ]
    today: Line = EMPTY
    if spend.today_usd is not None and any(session.estimated for session in sessions):
        shown = units.price(spend.today_usd, estimated=True, complete=spend.complete)
        today = line(f"today {shown}   ")
    right = (*today, *time)
    whole = (*name, *_counts(f"{live}: ", groups)) if groups else (*name, Segment(live))
    if _fits(whole, right, width):
        return [spread(whole, right, width)]
    first = (*name, Segment(live))
    heads = spread(first, right if _fits(first, right, width) else time, width)
    return [heads, _counts(" ", groups, width)]


def _fits(left: Line, right: Line, width: int) -> bool:
    return line_width(left) + line_width(right) + 2 <= width


def _counts(before: str, groups: Sequence[tuple[int, Segment]], width: int | None = None) -> Line:
    """The counts after `before`; in `width` cells the calmest go where not all fit."""
    for shown in range(len(groups), 0, -1):
        counts = line(before, *joined(((part,) for _, part in groups[:shown]), ", "))
        if width is None or line_width(counts) < width:
            return counts
    return EMPTY


def _groups(sessions: Sequence[SessionView]) -> list[tuple[int, Segment]]:
    """How many live sessions there are of each kind, kinds without any left out."""
    numbers = Counter(_group(s) for s in sessions if not is_resting(s) and not is_script(s))
    return [
        (number, Segment(f"{number} {one if number == 1 else many}", role))
        for index, (one, many, role) in enumerate(_GROUPS)
        if (number := numbers[index])
    ]


def _group(session: SessionView) -> int:
    level = session.verdict.level if session.verdict else "ok"
    if asks_person(session):
        return 0
    if session.state == "stalled" or (level == "act" and session.state != "retrying"):
        return 1
    if session.state == "retrying":
        return 2
    if level == "watch":
        return 3
    return 4 if session.state == "waiting" and session.waiting_for != "background" else 5


def _incident(sessions: Sequence[SessionView], scene: Scene) -> str:
    """One sentence when the upstream fails for several sessions at once: that is not the user's set-up."""
    live = [session for session in sessions if not is_resting(session)]
    failing = [
        (session.retry.status, session.state_since)
        for session in live
        if session.state == "retrying" and session.retry and (session.retry.status or 0) >= 500
    ]
    if len(failing) < _INCIDENT_SESSIONS:
        return ""
    status, _ = Counter(status for status, _ in failing).most_common(1)[0]
    since = min((since for _, since in failing if since is not None), default=None)
    started = "" if since is None else f" since {units.clock(since, scene.zone)}"
    return f"Anthropic answers {status} to {len(failing)} of {len(live)} sessions{started}, not your set-up"


def _limit_lines(sessions: Sequence[SessionView], scene: Scene, width: int) -> list[Line]:
    """Gauges of the plan's windows, the fullest account first."""
    newest: dict[str, SessionView] = {}
    for session in sorted(sessions, key=lambda s: s.last_activity_at or 0.0):
        if session.billing == "plan" and session.limits:
            newest[session.account or ""] = session
    accounts = sorted(newest.items(), key=lambda item: -_fullest(item[1].limits))[:_SHOWN_ACCOUNTS]
    several = len(newest) > 1
    return [
        _gauges(account if several else "", session.limits, scene, width) for account, session in accounts
    ]


def _fullest(limits: Sequence[Window]) -> float:
    return max((window.used_ratio or 0.0 for window in limits), default=0.0)


def _gauges(account: str, limits: Sequence[Window], scene: Scene, width: int) -> Line:
    known = [window for window in limits if window.used_ratio is not None]
    # The two windows everybody has come first; of others (one model's week) the fullest.
    known.sort(
        key=lambda window: (
            list(_WINDOWS).index(window.name) if window.name in _WINDOWS else 9,
            -(window.used_ratio or 0),
        )
    )
    shown = known[:_SHOWN_WINDOWS]
    if not shown:
        return EMPTY
    texts = []
    for window in shown:
        resets = (
            f", resets {units.moment(window.resets_at, scene.now, scene.zone)}" if window.resets_at else ""
        )
        texts.append(
            (
                _WINDOWS.get(window.name, window.name.replace("_", " ")),
                f"{units.percent(window.used_ratio)}{resets}",
            )
        )
    prefix = f" {account[:12]} " if account else " "
    words = len(prefix) + sum(len(name) + len(text) + 2 for name, text in texts) + 3 * (len(shown) - 1)
    cells = max(4, min(24, (width - 1 - words) // len(shown)))
    gauges: list[Line] = []
    for window, (name, text) in zip(shown, texts, strict=True):
        ratio = window.used_ratio or 0.0
        role: Role = "act" if ratio >= 0.9 else "watch" if ratio >= 0.75 else "good"
        full, rest = units.bar(ratio, cells)
        gauges.append(
            line(Segment(f"{name} ", "dim"), Segment(full, role), Segment(rest, "rule"), f" {text}")
        )
    return line(Segment(prefix, "dim"), *joined(gauges, "   "))


def _spend_line(spend: Spend) -> Line:
    """What API accounts are billed."""
    parts = [
        f"{span} {units.price(usd, estimated=False, complete=spend.complete)}"
        for span, usd in (("today", spend.today_usd), ("week", spend.week_usd))
        if usd is not None
    ]
    return line(" ", ", ".join(parts)) if parts else EMPTY


def _health_line(sessions: Sequence[SessionView], spend: Spend, scene: Scene, width: int) -> Line:
    live = [session for session in sessions if not is_resting(session)]
    recent = [
        session.ttft_seconds
        for session in live
        if session.ttft_seconds is not None
        and scene.now - (session.last_activity_at or 0.0) < _RECENT_SECONDS
    ]
    failing = sum(session.state == "retrying" for session in live)
    words = f"{failing} of {len(live)} retrying" if failing else "Anthropic ok" if recent else ""
    left = line(" ", Segment(words, "watch" if failing else "dim"))
    room = width - line_width(left) - 2
    right = (*recorded(sessions, today_complete=spend.complete, room=room), Segment(" "))
    if recent:
        speed = Segment(f", first token {statistics.median(recent):.1f} s", "dim")
        if line_width((*left, speed, *right)) < width:
            left = (*left, speed)
    return spread(left, right, width)


def spend_of(summary: Mapping[str, Any]) -> Spend:
    """Reads `/api/v1/summary`. Never raises on what it holds."""
    today, week = map_of(summary.get("today")), map_of(summary.get("week"))
    return Spend(
        today_usd=float_of(today.get("cost_usd")),
        week_usd=float_of(week.get("cost_usd")),
        complete=today.get("cost_complete") is not False,
    )
