"""What stands in one cell of the session table: text, and how it is meant.

A cell function gets the session, the scene and the cells it has, and fills exactly those.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import tzinfo
from typing import Final

from clauditor import names
from clauditor.text import width
from clauditor.ui.views import units, words
from clauditor.ui.views.segments import Align, Line, Role, Segment, fit, line
from clauditor.ui.views.session import SessionView, Window

# The signals that a cell stands for: while one holds, the cell has its colour.
_CONTEXT_SIGNALS: Final = ("context_pressure", "compaction_loop")
_CACHE_SIGNALS: Final = ("cache_expiring", "cache_thrash")


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """What cells need besides their session: the time (Unix seconds), the zone clocks are shown in, whether
    all money on the screen is estimated (the column's title says it then, not each cell), and, by a session's
    key, what people call the tmux pane it runs in (`work:2.1`).
    """

    now: float
    zone: tzinfo
    all_estimated: bool = True
    panes: Mapping[str, str] = field(default_factory=dict)


Cell = Callable[[SessionView, Scene, int], Line]
Read = Callable[[SessionView, Scene], str]
Mean = Callable[[SessionView, Scene], Role]


def ordinary(session: SessionView, _scene: Scene) -> Role:
    return "dim" if session.state in words.FOLDED else "plain"


def text_cell(read: Read, mean: Mean = ordinary, align: Align = "left") -> Cell:
    """A cell of one text in one role."""
    return lambda session, scene, cells: (
        Segment(fit(read(session, scene), cells, align), mean(session, scene)),
    )


def name(session: SessionView, _scene: Scene, cells: int) -> Line:
    project, label = words.name_cells(session, cells)
    faded = session.state in words.FOLDED
    head = f"{project} " if project else ""
    rest = fit(label, cells - width(head))
    return line(Segment(head, "dim" if faded else "strong"), Segment(rest, "dim" if faded else "plain"))


def state_role(session: SessionView, _scene: Scene) -> Role:
    if words.level(session) != "ok" and session.verdict and session.verdict.signal in words.OF_STATE:
        return words.urgency(session)
    if session.state in words.WORKING:
        return "good"
    return "dim" if session.state in words.FOLDED else "accent"


def why(session: SessionView, scene: Scene, cells: int) -> Line:
    """The reason; the sidecar's next step after it where both fit."""
    reason, role = words.why(session, scene.now, cells), words.urgency(session)
    step = session.verdict.next_step.removesuffix(".") if session.verdict else ""
    if reason and step and width(reason) + 3 + width(step) <= cells:
        return line(Segment(reason, role), Segment(fit(f" · {step}", cells - width(reason)), "dim"))
    return (Segment(fit(reason, cells), role),)


def context_role(session: SessionView, scene: Scene) -> Role:
    return words.raised(session, *_CONTEXT_SIGNALS) or ordinary(session, scene)


def cache_role(session: SessionView, scene: Scene) -> Role:
    if words.cache_cell(session, scene.now) in {"cold", units.UNKNOWN}:
        return "dim"
    return words.raised(session, *_CACHE_SIGNALS) or ordinary(session, scene)


def model_role(session: SessionView, scene: Scene) -> Role:
    return words.raised(session, "model_fallback") or ordinary(session, scene)


def money(session: SessionView, scene: Scene, cells: int) -> Line:
    """Its cost so far; `≥` where some of it is not known, `~` where only some money here is estimated."""
    mark = ""
    if session.cost_usd is not None:
        mark += "" if session.cost_complete else "≥"
        mark += "~" if session.estimated and not scene.all_estimated else ""
    text = mark + units.amount(session.cost_usd, cells - len(mark))
    role = words.raised(session, "cost_pace") or ordinary(session, scene)
    return (Segment(fit(text, cells, "right"), role),)


def trend(session: SessionView, _scene: Scene, cells: int) -> Line:
    return (Segment(fit(units.sparkline(session.context.history, cells), cells), "accent"),)


def agents(session: SessionView, _scene: Scene) -> str:
    """Helpers at work of all helpers: `2/5`."""
    helpers = session.helpers
    busy = sum(agent.state in words.WORKING for agent in helpers)
    return f"{busy}/{len(helpers)}" if helpers else units.UNKNOWN


def share(session: SessionView, _scene: Scene) -> str:
    """Its part of the five-hour window: always an estimate."""
    window = session.window("five_hour")
    return units.about(window.session_share if window else None)


def of_window(window: str, read: Callable[[Window, Scene], str]) -> Read:
    """What `read` says of the account's window of that name."""

    def read_window(session: SessionView, scene: Scene) -> str:
        found = session.window(window)
        return units.UNKNOWN if found is None else read(found, scene)

    return read_window


def speed(session: SessionView, _scene: Scene) -> str:
    rate = session.tokens_per_second
    return units.UNKNOWN if rate is None else f"{rate:.0f}"


def pane(session: SessionView, scene: Scene) -> str:
    """Where it runs: `work:2.1` in tmux, else its tty."""
    place = session.tty or session.pane or units.UNKNOWN
    return scene.panes.get(session.key) or place.removeprefix("/dev/")


def last_miss(session: SessionView, scene: Scene) -> str:
    miss = session.cache.last_miss
    if miss is None:
        return units.UNKNOWN
    at = units.moment(miss.at, scene.now, scene.zone)
    return " ".join(part for part in (names.cause_name(miss.cause), miss.detail, at) if part)


def calls_left(session: SessionView, _scene: Scene) -> str:
    left = session.context.turns_to_compact
    return units.UNKNOWN if left is None else f"~{left}" if left < 1000 else ">999"
