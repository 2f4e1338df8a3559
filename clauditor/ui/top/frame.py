"""The parts of the screen for one moment and size, and how many lines each of them gets. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from clauditor.ui.top.board import Board
from clauditor.ui.views.cells import Scene
from clauditor.ui.views.columns import Layout, layout, titles
from clauditor.ui.views.detail import detail, title
from clauditor.ui.views.find import nothing_found
from clauditor.ui.views.footer import footer
from clauditor.ui.views.header import Spend, header
from clauditor.ui.views.incident import Incident
from clauditor.ui.views.screen import empty
from clauditor.ui.views.segments import Line, clip
from clauditor.ui.views.session import SessionView
from clauditor.ui.views.table import Folding, fold_line

_MIN_ROWS: Final = 6  # rows that stay where the pane wants their room
_MIN_PANE: Final = 3  # a pane of fewer lines says nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """Lines of every part; the table makes its own from `plan`."""

    header: Sequence[Line]
    titles: Sequence[Line]
    plan: Layout
    table_height: int
    fold: Sequence[Line]
    pane: Sequence[Line]
    footer: Line


def frame(
    board: Board,
    sessions: Sequence[SessionView],
    folding: Folding,
    *,
    spend: Spend,
    scene: Scene,
    size: tuple[int, int],
    incident: Incident | None = None,
    notice: str = "",
    proxy_url: str | None = None,
) -> Frame:
    """The screen of `size` (cells, lines). With no `sessions` it says what to do."""
    width, height = size
    plan = layout(board.view, width, board.rows)
    heads = header(sessions, spend, scene, width, incident=incident, notice=notice)
    columns = [titles(plan, scene)] if sessions or notice else [(), *empty(proxy_url)]
    if sessions and board.query and not board.rows:
        columns += nothing_found(board.query)
    folded = [line for line in (fold_line(folding, scene),) if line]
    pane: list[Line] = []
    if board.selected is not None:
        pane = [title(board.selected, width), *detail(board.selected, scene, width)]
    room = max(0, height - len(heads) - len(columns) - len(folded) - 1)
    rows = min(len(board.rows), max(room - len(pane), min(_MIN_ROWS, room)))
    if room - rows < _MIN_PANE:
        rows, pane = min(len(board.rows), room), []
    found = f"{len(board.rows)} of {len(sessions)}" if board.query else ""
    return Frame(
        header=_clipped(heads, width),
        titles=_clipped(columns, width),
        plan=plan,
        table_height=rows,
        fold=_clipped(folded, width),
        pane=_clipped(pane[: room - rows], width),
        footer=footer(
            width,
            view=board.view,
            sort=board.sort,
            is_unfolded=board.is_unfolded,
            is_muted=board.selected is not None and board.selected.is_muted,
            found=found,
        ),
    )


def _clipped(lines: Sequence[Line], width: int) -> list[Line]:
    return [clip(line, width) for line in lines]
