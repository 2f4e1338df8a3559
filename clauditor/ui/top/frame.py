"""The parts of the screen for one moment and size, how many lines each of them gets, and their way to the widgets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final

from textual.screen import Screen

from clauditor.ui.top.board import Board
from clauditor.ui.top.lines import LineArea
from clauditor.ui.top.table import SessionTable
from clauditor.ui.views.cells import Scene
from clauditor.ui.views.columns import Layout, titles
from clauditor.ui.views.detail import detail, title
from clauditor.ui.views.empty import Around, empty
from clauditor.ui.views.find import nothing_found
from clauditor.ui.views.footer import footer
from clauditor.ui.views.groups import group_of, heading
from clauditor.ui.views.header import Spend, header
from clauditor.ui.views.incident import Incident
from clauditor.ui.views.presets import layout
from clauditor.ui.views.segments import Line, clip
from clauditor.ui.views.session import SessionView
from clauditor.ui.views.table import Folding, fold_line
from clauditor.ui.views.turns import TurnView

_MIN_ROWS: Final = 6  # rows that stay where the pane wants their room; on a large screen half of it
_MIN_PANE: Final = 3  # a pane of fewer lines says nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """Lines of every part; the table makes those of sessions by itself, from `plan`."""

    header: Sequence[Line]
    titles: Sequence[Line]
    plan: Layout
    entries: Sequence[SessionView | Line]
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
    silent: Sequence[str] = (),
    around: Around | None = None,
    chosen_columns: Sequence[str] = (),
    turns: Sequence[TurnView] = (),
) -> Frame:
    """The screen of `size` (cells, lines). With no `sessions` it says what to do. `turns`: the newest calls of the
    selected one.
    """
    width, height = size
    plan = layout(board.view, width, board.rows, chosen_columns)
    entries = _entries(board, width)
    heads = header(sessions, spend, scene, width, incident=incident, notice=notice, silent=silent)
    columns = [titles(plan, scene)] if sessions or notice else [(), *empty(around or Around(), width)]
    if sessions and board.query and not board.rows:
        columns += nothing_found(board.query)
    folded = [line for line in (fold_line(folding, scene),) if line]
    pane: list[Line] = []
    if board.selected is not None:
        pane = [title(board.selected, scene, width), *detail(board.selected, scene, width, turns=turns)]
    room = max(0, height - len(heads) - len(columns) - len(folded) - 1)
    rows = min(len(entries), max(room - len(pane), min(max(_MIN_ROWS, room // 2), room)))
    if room - rows < _MIN_PANE:
        rows, pane = min(len(entries), room), []
    found = f"{len(board.rows)} of {len(sessions)}" if board.query else ""
    return Frame(
        header=_clipped(heads, width),
        titles=_clipped(columns, width),
        plan=plan,
        entries=entries,
        table_height=rows,
        fold=_clipped(folded, width),
        pane=_clipped(pane[: room - rows], width),
        footer=footer(
            width,
            view=board.view,
            sort=board.sort,
            group=board.group,
            is_unfolded=board.is_unfolded,
            is_muted=board.selected is not None and board.selected.is_muted,
            found=found,
            is_empty=not sessions,
        ),
    )


def _entries(board: Board, width: int) -> Sequence[SessionView | Line]:
    """The rows, and before each group the line that sums it up."""
    if board.group == "none":
        return board.rows
    entries: list[SessionView | Line] = []
    for name, group in groupby(board.rows, key=lambda session: group_of(session, board.group)):
        members = list(group)
        entries += [heading(name, board.group, members, width), *members]
    return entries


def _clipped(lines: Sequence[Line], width: int) -> list[Line]:
    return [clip(line, width) for line in lines]


def draw(screen: Screen[None], shown: Frame, scene: Scene, selected: str | None) -> None:
    """Bring the widgets up to date; only lines that differ are drawn."""
    for name, lines in (
        ("header", shown.header),
        ("titles", shown.titles),
        ("fold", shown.fold),
        ("pane", shown.pane),
        ("footer", (shown.footer,)),
    ):
        area = screen.query_one(f"#{name}", LineArea)
        area.styles.height = "1fr" if name == "pane" else len(lines)
        area.show(lines)
    table = screen.query_one(SessionTable)
    table.styles.height = shown.table_height
    table.show_entries(shown.entries, shown.plan, scene, selected)
