"""The lines above the table: who needs what, how full the limits are, and whether all was recorded."""

from __future__ import annotations

import re
import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from clauditor.text import clean
from clauditor.ui.views import units
from clauditor.ui.views.cells import Scene
from clauditor.ui.views.fields import float_of, map_of, text_of
from clauditor.ui.views.incident import Incident, incident_words
from clauditor.ui.views.limits import limit_lines
from clauditor.ui.views.recorded import recorded
from clauditor.ui.views.segments import EMPTY, Line, Role, Segment, joined, line, line_width, spread
from clauditor.ui.views.session import SessionView
from clauditor.ui.views.table import is_resting, is_script
from clauditor.ui.views.words import level

# What the headline counts, most pressing first: word for one, word for many, meaning.
_GROUPS: Final[tuple[tuple[str, str, Role], ...]] = (
    ("asks you", "ask you", "act"),
    ("stuck", "stuck", "act"),
    ("needs you", "need you", "act"),
    ("to watch", "to watch", "watch"),
    ("your turn", "your turn", "accent"),
    ("working", "working", "good"),
    ("muted", "muted", "dim"),
)
_STUCK: Final = frozenset({"stalled", "tool_loop", "compaction_loop"})
_RECENT_SECONDS: Final = 300
_PATH: Final = re.compile(r"(?<![\w.])/(?:[^\s/]+/)+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Spend:
    """What all sessions together cost (US dollars; `hour_usd` in the last 60 minutes), as the history has it.

    `complete` is False where some of it is unknown; `trouble`: what is wrong with the history, as a sentence.
    """

    today_usd: float | None = None
    hour_usd: float | None = None
    week_usd: float | None = None
    complete: bool = True
    trouble: str = ""


def header(
    sessions: Sequence[SessionView],
    spend: Spend,
    scene: Scene,
    width: int,
    *,
    incident: Incident | None = None,
    notice: str = "",
    silent: Sequence[str] = (),
) -> list[Line]:
    """Up to six lines, one about a history in trouble, and one for each sentence of `silent`, about sidecars that are
    not heard while others are.

    `notice` (about the screen's own connection) stands in for the counts.
    """
    lines = [
        *headline(sessions, spend, scene, width, incident=incident, notice=notice),
        *(line(" ", Segment(clean(sentence), "act")) for sentence in silent),
        *([line(" ", Segment(trouble_words(spend), "watch"))] if spend.trouble else []),
        *limit_lines(sessions, scene, width),
    ]
    if any(session.billing == "api" for session in sessions):
        lines.append(spend_line(spend))
    if sessions:
        lines.append(_health_line(sessions, spend, scene, width, has_incident=incident is not None))
    return [shown for shown in lines if shown]


def headline(
    sessions: Sequence[SessionView],
    spend: Spend,
    scene: Scene,
    width: int,
    *,
    incident: Incident | None = None,
    notice: str = "",
) -> list[Line]:
    """Who needs what: one line, or two where that is too long. An incident goes before the counts, a notice
    stands for them.
    """
    name = line(Segment(" clauditor", "strong"), "   ")
    time = line(Segment(units.clock(scene.now, scene.zone, seconds=True) + " ", "dim"))
    if notice:
        return [spread((*name, Segment(clean(notice), "act")), time, width)]
    if not sessions:
        return [spread(name, time, width)]
    groups = kinds(sessions)
    live = f"{sum(number for number, _ in groups)} live"
    today: Line = EMPTY
    if spend.today_usd is not None and any(session.estimated for session in sessions):
        shown = units.price(spend.today_usd, estimated=True, complete=spend.complete)
        today = line(f"today {shown}   ")
    right = (*today, *time)
    if incident is not None:
        counts = _counts(f" {live}: ", groups, width) or line(f" {live}")
        beside = next((one for one in (right, time) if _fits(counts, one, width)), EMPTY)
        return [_incident_line(incident, scene, width), spread(counts, beside, width)]
    whole = (*name, *_counts(f"{live}: ", groups)) if groups else (*name, Segment(live))
    if _fits(whole, right, width):
        return [spread(whole, right, width)]
    first = (*name, Segment(live))
    heads = spread(first, right if _fits(first, right, width) else time, width)
    return [heads, _counts(" ", groups, width)]


def _incident_line(incident: Incident, scene: Scene, width: int) -> Line:
    """The incident; where that is too long, without whose fault it is not."""
    what, blame = incident_words(incident, scene)
    whole = line(" ", Segment(f"{what} {blame}".rstrip(), "act"))
    return whole if line_width(whole) < width else line(" ", Segment(what, "act"))


def _fits(left: Line, right: Line, width: int) -> bool:
    return line_width(left) + line_width(right) + 2 <= width


def _counts(before: str, groups: Sequence[tuple[int, Segment]], width: int | None = None) -> Line:
    """The counts after `before`; in `width` cells the calmest go where not all fit."""
    for shown in range(len(groups), 0, -1):
        counts = line(before, *joined(((part,) for _, part in groups[:shown]), ", "))
        if width is None or line_width(counts) < width:
            return counts
    return EMPTY


def kinds(sessions: Sequence[SessionView]) -> list[tuple[int, Segment]]:
    """How many live sessions there are of each kind, kinds without any left out."""
    numbers = Counter(_group(s) for s in sessions if not is_resting(s) and not is_script(s))
    return [
        (number, Segment(f"{number} {one if number == 1 else many}", role))
        for index, (one, many, role) in enumerate(_GROUPS)
        if (number := numbers[index])
    ]


def _group(session: SessionView) -> int:
    """Where the headline counts it: by its verdict, else by what it does."""
    signal = session.verdict.signal if session.verdict else ""
    match level(session):
        case "act":
            return 0 if signal == "needs_answer" else 1 if signal in _STUCK else 2
        case "watch":
            return 3
        case _ if session.is_muted:
            return 6
        case _:
            return 4 if session.state == "waiting" and session.waiting_for != "background" else 5


def trouble_words(spend: Spend) -> str:
    """What is wrong with the history, with the names of files for their paths: a line has little room."""
    return _PATH.sub("", clean(spend.trouble))


def spend_line(spend: Spend) -> Line:
    """What API accounts are billed."""
    parts = [
        f"{before}{units.price(usd, estimated=False, complete=spend.complete)}{after}"
        for before, usd, after in (
            ("today ", spend.today_usd, ""),
            ("", spend.hour_usd, "/h"),
            ("week ", spend.week_usd, ""),
        )
        if usd is not None
    ]
    return line(" ", ", ".join(parts)) if parts else EMPTY


def _health_line(
    sessions: Sequence[SessionView], spend: Spend, scene: Scene, width: int, *, has_incident: bool
) -> Line:
    health, speed = upstream_health(sessions, scene, has_incident=has_incident)
    room = width - line_width(health) - 3
    right = (*recorded(sessions, today_complete=spend.complete, room=room), Segment(" "))
    both = joined((health, speed), ", ")
    health = both if line_width(both) + line_width(right) + 1 < width else health
    return spread((Segment(" "), *health), right, width)


def upstream_health(
    sessions: Sequence[SessionView], scene: Scene, *, has_incident: bool
) -> tuple[Line, Line]:
    """Whether Anthropic answers, and how fast; each empty where nothing is known."""
    live = [session for session in sessions if not is_resting(session)]
    recent = [
        session.ttft_seconds
        for session in live
        if session.ttft_seconds is not None
        and scene.now - (session.last_activity_at or 0.0) < _RECENT_SECONDS
    ]
    failing = sum(session.state == "retrying" for session in live)
    calm = "Anthropic ok" if recent and not has_incident else ""
    words = f"{failing} of {len(live)} retrying" if failing else calm
    health = line(Segment(words, "watch" if failing else "dim"))
    if not recent:
        return health, EMPTY
    usual = [s.usual_ttft_seconds for s in live if s.usual_ttft_seconds is not None]
    than = f" (usual {statistics.median(usual):.1f})" if usual else ""
    return health, line(Segment(f"first token {statistics.median(recent):.1f} s{than}", "dim"))


def spend_of(summary: Mapping[str, Any]) -> Spend:
    """Reads `/api/v1/summary`. Never raises on what it holds."""
    today, hour, week = (map_of(summary.get(span)) for span in ("today", "last_hour", "week"))
    return Spend(
        today_usd=float_of(today.get("cost_usd")),
        hour_usd=float_of(hour.get("cost_usd")),
        week_usd=float_of(week.get("cost_usd")),
        complete=today.get("cost_complete") is not False,
        trouble=text_of(summary.get("history_problem")) or "",
    )
