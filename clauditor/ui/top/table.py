"""The session table: rows in a given order, one of them selected. Only visible rows are ever made."""

from __future__ import annotations

from collections.abc import Sequence

from textual import events
from textual.message import Message

from clauditor.ui.top.lines import LineArea
from clauditor.ui.views.cells import Scene
from clauditor.ui.views.columns import Layout, row
from clauditor.ui.views.segments import EMPTY, Line
from clauditor.ui.views.session import SessionView


class SessionTable(LineArea):
    """Rows of sessions. Says `Picked` when a row is clicked."""

    class Picked(Message):
        """A row was clicked; `twice` for a double click."""

        def __init__(self, index: int, *, twice: bool) -> None:
            super().__init__()
            self.index = index
            self.twice = twice

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id, can_focus=True)
        self._rows: Sequence[SessionView] = ()
        self._plan: Layout = ()
        self._scene: Scene | None = None
        self._selected = -1

    def show_rows(self, rows: Sequence[SessionView], plan: Layout, scene: Scene, selected: int) -> None:
        """Show these rows; `selected` is the index of the selected one."""
        moved = selected != self._selected
        self._rows, self._plan, self._scene, self._selected = rows, plan, scene, selected
        self.lines_changed()
        if moved:
            self._keep_visible(selected)

    @property
    def line_count(self) -> int:
        return len(self._rows)

    def line_at(self, index: int) -> Line:
        if self._scene is None or not 0 <= index < len(self._rows):
            return EMPTY
        return row(self._rows[index], self._plan, self._scene, selected=index == self._selected)

    def is_selected(self, index: int) -> bool:
        return index == self._selected and index < len(self._rows)

    def _keep_visible(self, index: int) -> None:
        top, height = self.scroll_offset.y, max(1, self.size.height)
        if index < top:
            self.scroll_to(y=index, animate=False)
        elif index >= top + height:
            self.scroll_to(y=index - height + 1, animate=False)

    def on_click(self, event: events.Click) -> None:
        index = self.scroll_offset.y + event.y
        if index < len(self._rows):
            self.post_message(self.Picked(index, twice=event.chain > 1))
