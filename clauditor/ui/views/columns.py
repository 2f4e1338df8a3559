"""Columns of a table of sessions, and which of them fit a width.

Text columns grow and shrink with the screen. Where it gets too narrow columns go in a fixed order, where it is wide
more of them come.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from clauditor.ui.views.cells import Cell, Scene
from clauditor.ui.views.segments import Align, Line, Segment, fit
from clauditor.ui.views.session import SessionView

Known = Callable[[SessionView], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column. `width` is what it has at 80 cells; it shrinks to `narrow` and grows to `wide`.
    `from_width` is the screen it comes with; `go` its turn to go where there is no room (0: it stays).
    With `known` it comes only once that is known of some session.
    """

    title: str
    width: int
    cell: Cell
    align: Align = "left"
    narrow: int | None = None
    wide: int | None = None
    from_width: int = 0
    go: int = 0
    known: Known | None = None

    @property
    def least(self) -> int:
        return self.width if self.narrow is None else self.narrow

    @property
    def most(self) -> int:
        return self.width if self.wide is None else self.wide


Layout = tuple[tuple[Column, int], ...]


def arrange(columns: Sequence[Column], width: int) -> Layout:
    """Those of `columns` that fit, each with its cells; the screen's last cell stays free."""
    room = width - 1
    kept = [column for column in columns if column.from_width <= width]

    def taken() -> int:
        return sum(column.least for column in kept) + len(kept) - 1

    while taken() > room and any(column.go for column in kept):
        kept.remove(min((column for column in kept if column.go), key=lambda column: column.go))
    widths = [column.least for column in kept]
    spare = room - taken()
    # First every column gets its ordinary width back, then the text columns share what is left evenly.
    for goal in ([column.width for column in kept], [column.most for column in kept]):
        while spare > 0 and (hungry := [i for i, wanted in enumerate(goal) if widths[i] < wanted]):
            for index in hungry[:spare]:
                widths[index] += 1
            spare -= min(spare, len(hungry))
    return tuple(zip(kept, widths, strict=True))


def titles(plan: Layout, scene: Scene) -> Line:
    """The header line of the table."""
    shown = (
        fit("~$" if column.title == "$" and scene.all_estimated else column.title, width, column.align)
        for column, width in plan
    )
    return (Segment(" ".join(shown), "head"),)


def row(session: SessionView, plan: Layout, scene: Scene, *, selected: bool = False) -> Line:
    """One session as a line of the table; the selected one has a mark after its sign."""
    parts: list[Segment] = []
    for column, width in plan:
        if parts:
            parts.append(Segment("›", "accent") if selected and len(parts) == 1 else Segment(" "))
        parts.extend(column.cell(session, scene, width))
    return tuple(parts)
