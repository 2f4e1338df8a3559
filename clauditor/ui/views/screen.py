"""A whole screen as lines of text: what `clauditor top --once` prints."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from clauditor.ui.views.cells import Scene
from clauditor.ui.views.columns import row, titles
from clauditor.ui.views.detail import detail, title
from clauditor.ui.views.empty import Around, empty
from clauditor.ui.views.header import Spend, header
from clauditor.ui.views.incident import Incident
from clauditor.ui.views.presets import ViewName, layout
from clauditor.ui.views.segments import Line, clip, plain
from clauditor.ui.views.session import SessionView
from clauditor.ui.views.table import VIEW_SORT, fold, fold_line
from clauditor.ui.views.turns import TurnView

MIN_WIDTH: Final = 40


def screen(
    sessions: Sequence[SessionView],
    spend: Spend,
    scene: Scene,
    width: int,
    *,
    view: ViewName = "attention",
    incident: Incident | None = None,
    around: Around | None = None,
    silent: Sequence[str] = (),
    columns: Sequence[str] = (),
    newest_calls: Callable[[SessionView], Sequence[TurnView]] = lambda _: (),
) -> list[Line]:
    """Header, table, and the pane of the session that comes first, for which `newest_calls` is asked."""
    width = max(width, MIN_WIDTH)
    lines = header(sessions, spend, scene, width, incident=incident, silent=silent)
    if not sessions:
        return [clip(shown, width) for shown in (*lines, *empty(around or Around(), width))]
    folding = fold(sessions, unfold=False, sort=VIEW_SORT[view], now=scene.now)
    plan = layout(view, width, folding.rows, columns)
    lines.append(titles(plan, scene))
    lines += [row(session, plan, scene) for session in folding.rows]
    lines.append(fold_line(folding, scene))
    if folding.rows:
        lines.append(title(folding.rows[0], scene, width))
        lines += detail(folding.rows[0], scene, width, turns=newest_calls(folding.rows[0]))
    return [clip(shown, width) for shown in lines if shown]


def plain_text(lines: Sequence[Line]) -> str:
    """The lines as text, each ended."""
    return "".join(f"{plain(shown)}\n" for shown in lines)
