"""The help page over the live screen."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import ModalScreen

from clauditor.ui.top.lines import LineArea
from clauditor.ui.views.footer import help_lines


class HelpScreen(ModalScreen[None]):
    """Keys and words; any of Esc, q, ? or Enter closes it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,question_mark,enter", "dismiss", show=False),
    ]

    def compose(self) -> ComposeResult:
        yield LineArea(id="help", can_focus=True)

    def on_mount(self) -> None:
        lines = help_lines()
        area = self.query_one("#help", LineArea)
        area.styles.height = len(lines) + 2  # its border
        area.show(lines)
        area.focus()
