"""The help page over the live screen."""

from __future__ import annotations

from typing import ClassVar, Final

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import ModalScreen

from clauditor.ui.top.lines import LineArea
from clauditor.ui.top.page import SCROLLING
from clauditor.ui.views.footer import help_lines

_MAX_CELLS: Final = 76
_FRAME_CELLS: Final = 5  # borders, blanks beside them, and the scroll bar


class HelpScreen(ModalScreen[None]):
    """Keys and words; any of Esc, q, ? or Enter closes it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,question_mark,enter", "dismiss", show=False),
        *SCROLLING,
    ]

    def compose(self) -> ComposeResult:
        yield LineArea(id="help", can_focus=True)

    def on_mount(self) -> None:
        self._show()
        self.query_one("#help", LineArea).focus()

    def on_resize(self) -> None:
        self._show()

    def _show(self) -> None:
        width = min(self.size.width, _MAX_CELLS)
        lines = help_lines(width - _FRAME_CELLS)
        area = self.query_one("#help", LineArea)
        area.styles.width = width
        area.styles.height = len(lines) + 2  # its border
        area.border_subtitle = (
            "Esc closes" if len(lines) + 2 <= self.size.height else "j k scroll, Esc closes"
        )
        area.show(lines)

    def action_scroll(self, lines: int) -> None:
        self.query_one("#help", LineArea).scroll_relative(y=lines, animate=False)

    def action_scroll_page(self, pages: int) -> None:
        self.query_one("#help", LineArea).scroll_pages(pages)
