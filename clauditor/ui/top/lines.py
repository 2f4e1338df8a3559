"""A widget that shows lines of a view, and repaints only those that changed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, get_args

from rich.segment import Segment as RichSegment
from rich.style import Style
from textual.geometry import Size
from textual.scroll_view import ScrollView
from textual.strip import Strip

from clauditor.ui.views.segments import EMPTY, Line, Role


class LineArea(ScrollView, inherit_bindings=False):
    """Lines from top to bottom; scrolls when there are more than fit, by the keys of whoever shows them.

    Roles become styles by the component classes `role--<role>` of the style sheet.
    """

    COMPONENT_CLASSES: ClassVar[set[str]] = {f"role--{role}" for role in get_args(Role)} | {"line--selected"}

    def __init__(self, *, id: str | None = None, can_focus: bool = False) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self.can_focus = can_focus
        self._lines: Sequence[Line] = ()
        self._painted: dict[int, Line] = {}

    def show(self, lines: Sequence[Line]) -> None:
        """Show these lines instead; only those that differ are painted."""
        self._lines = lines
        self.lines_changed()

    @property
    def line_count(self) -> int:
        return len(self._lines)

    def line_at(self, index: int) -> Line:
        return self._lines[index] if index < len(self._lines) else EMPTY

    def is_selected(self, index: int) -> bool:  # noqa: ARG002 - for widgets that select
        return False

    def lines_changed(self) -> None:
        """Mark the visible lines that are not what is on the screen."""
        if self.virtual_size.height != self.line_count:
            self.virtual_size = Size(0, self.line_count)
        top = self.scroll_offset.y
        for y in range(self.size.height):
            if self._painted.get(y) != self.line_at(top + y):
                self.refresh_lines(top + y)

    def render_line(self, y: int) -> Strip:
        index = self.scroll_offset.y + y
        line = self.line_at(index)
        self._painted[y] = line
        selected = (
            Style(bgcolor=self._style("line--selected").bgcolor) if self.is_selected(index) else Style()
        )
        strip = Strip([RichSegment(part.text, self._style(f"role--{part.role}") + selected) for part in line])
        return strip.adjust_cell_length(self.size.width, self._style("role--plain") + selected)

    def scroll_pages(self, pages: int) -> None:
        """By as many screens; the last line of one is the first of the next."""
        self.scroll_relative(y=pages * max(1, self.size.height - 1), animate=False)

    def _style(self, component: str) -> Style:
        return self.get_component_rich_style(component)
