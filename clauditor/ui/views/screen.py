"""A whole screen as lines of text: what `clauditor top --once` prints, and what an empty screen says."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from clauditor.ui.views.cells import Scene
from clauditor.ui.views.columns import ViewName, layout, row, titles
from clauditor.ui.views.detail import detail, title
from clauditor.ui.views.header import Spend, header
from clauditor.ui.views.incident import Incident
from clauditor.ui.views.segments import Line, Segment, clip, line, plain
from clauditor.ui.views.session import SessionView
from clauditor.ui.views.table import VIEW_SORT, fold, fold_line

MIN_WIDTH: Final = 40


def screen(
    sessions: Sequence[SessionView],
    spend: Spend,
    scene: Scene,
    width: int,
    *,
    view: ViewName = "attention",
    incident: Incident | None = None,
    proxy_url: str | None = None,
) -> list[Line]:
    """Header, table, and the pane of the session that comes first."""
    width = max(width, MIN_WIDTH)
    lines = header(sessions, spend, scene, width, incident=incident)
    if not sessions:
        return [clip(shown, width) for shown in (*lines, *empty(proxy_url))]
    folding = fold(sessions, unfold=False, sort=VIEW_SORT[view], now=scene.now)
    plan = layout(view, width, folding.rows)
    lines.append(titles(plan, scene))
    lines += [row(session, plan, scene) for session in folding.rows]
    lines.append(fold_line(folding, scene))
    if folding.rows:
        lines.append(title(folding.rows[0], width))
        lines += detail(folding.rows[0], scene, width)
    return [clip(shown, width) for shown in lines if shown]


def plain_text(lines: Sequence[Line]) -> str:
    """The lines as text, each ended."""
    return "".join(f"{plain(shown)}\n" for shown in lines)


def empty(proxy_url: str | None) -> list[Line]:
    """What to do when no session was seen yet."""
    listening = f" Listening on {proxy_url}." if proxy_url else ""
    return [
        line(" No session seen yet. Send a prompt in any Claude Code after one of:"),
        line(
            "   ",
            Segment("clauditor run claude       ", "strong"),
            Segment("only this one, no file is changed", "dim"),
        ),
        line(
            "   ",
            Segment('eval "$(clauditor env)"    ', "strong"),
            Segment("all that you start in this shell", "dim"),
        ),
        line(Segment(listening, "dim")),
    ]
