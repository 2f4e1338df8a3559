"""The session table: rows in a given order, one of them selected, and lines between them. Only visible ones are made."""

from __future__ import annotations

from collections.abc import Sequence

from textual import events
from textual.message import Message

from clauditor.ui.top.lines import LineArea
from clauditor.ui.views.cells import Scene
from clauditor.ui.views.columns import Layout, row
from clauditor.ui.views.segments import EMPTY, Line
from clauditor.ui.views.session import SessionView

Entry = SessionView | Line
"""A session, or a line that stands between sessions as it is."""


class SessionTable(LineArea):
    """Says `Picked` when a row is clicked."""

    class Picked(Message):
        """The row of the session `key` was clicked; `twice` for a double click."""

        def __init__(self, key: str, *, twice: bool) -> None:
            super().__init__()
            self.key = key
            self.twice = twice

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id, can_focus=True)
        self._entries: Sequence[Entry] = ()
        self._plan: Layout = ()
        self._scene: Scene | None = None
        self._selected = -1
        self._rows: dict[int, Line] = {}

    def show_entries(
        self, entries: Sequence[Entry], plan: Layout, scene: Scene, selected: str | None
    ) -> None:
        """Show these instead; `selected` is the key of the selected session."""
        self._entries, self._plan, self._scene = entries, plan, scene
        self._rows.clear()
        before, self._selected = self._selected, _index_of(entries, selected)
        self.lines_changed()
        if self._selected not in {before, -1}:
            self._keep_visible(self._selected)

    @property
    def line_count(self) -> int:
        return len(self._entries)

    def line_at(self, index: int) -> Line:
        if self._scene is None or not 0 <= index < len(self._entries):
            return EMPTY
        entry = self._entries[index]
        if not isinstance(entry, SessionView):
            return entry
        if index not in self._rows:
            self._rows[index] = row(entry, self._plan, self._scene, selected=index == self._selected)
        return self._rows[index]

    def is_selected(self, index: int) -> bool:
        return index == self._selected

    def _keep_visible(self, index: int) -> None:
        has_heading = index > 0 and not isinstance(self._entries[index - 1], SessionView)
        first = index - has_heading  # the line of its group shows as well
        top, height = self.scroll_offset.y, max(1, self.size.height)
        if first < top:
            self.scroll_to(y=first, animate=False)
        elif index >= top + height:
            self.scroll_to(y=index - height + 1, animate=False)

    def on_resize(self) -> None:
        if 0 <= self._selected < len(self._entries):
            self._keep_visible(self._selected)

    def on_click(self, event: events.Click) -> None:
        index = self.scroll_offset.y + event.y
        entry = self._entries[index] if index < len(self._entries) else EMPTY
        if isinstance(entry, SessionView):
            self.post_message(self.Picked(entry.key, twice=event.chain > 1))


def _index_of(entries: Sequence[Entry], key: str | None) -> int:
    for index, entry in enumerate(entries):
        if isinstance(entry, SessionView) and entry.key == key:
            return index
    return -1
