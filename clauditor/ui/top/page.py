"""A page that lies over the live screen: a title, lines that scroll, and its keys."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Final

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import Screen

from clauditor.ui.top.lines import LineArea
from clauditor.ui.views.segments import Line, Segment, line

SCROLLING: Final[list[BindingType]] = [
    Binding("j,down", "scroll(1)", show=False),
    Binding("k,up", "scroll(-1)", show=False),
    Binding("pagedown,space", "scroll_page(1)", show=False),
    Binding("pageup", "scroll_page(-1)", show=False),
    Binding("home", "scroll(-1000000)", show=False),
    Binding("end", "scroll(1000000)", show=False),
]
"""Keys of everything that scrolls over the live screen."""


class Page(Screen[None]):
    """Shows what `head_lines` and `body_lines` say for a width; `keys` stand in its last line."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,enter", "dismiss", show=False),
        *SCROLLING,
    ]
    keys: ClassVar[tuple[tuple[str, str], ...]] = (("Esc", "back"), ("arrows, j k", "scroll"))

    def head_lines(self, width: int) -> Sequence[Line]:
        raise NotImplementedError

    def body_lines(self, width: int) -> Sequence[Line]:
        raise NotImplementedError

    def compose(self) -> ComposeResult:
        yield LineArea(id="head")
        yield LineArea(id="body", can_focus=True)
        yield LineArea(id="footer")

    def on_mount(self) -> None:
        keys = [
            part for key, what in self.keys for part in (Segment(key, "strong"), Segment(f" {what}  ", "dim"))
        ]
        self.query_one("#footer", LineArea).show([line(" ", *keys)])
        self.query_one("#body", LineArea).focus()
        self.show_lines()

    def on_resize(self) -> None:
        self.show_lines()

    def show_lines(self) -> None:
        """Bring it up to date; only lines that differ are drawn."""
        if not self.is_mounted:
            return
        width = self.size.width
        heads = self.head_lines(width)
        head = self.query_one("#head", LineArea)
        head.styles.height = len(heads)
        head.show(heads)
        self.query_one("#body", LineArea).show(self.body_lines(width))

    def scroll_to_top(self) -> None:
        self.query_one("#body", LineArea).scroll_to(y=0, animate=False)

    def action_scroll(self, lines: int) -> None:
        self.query_one("#body", LineArea).scroll_relative(y=lines, animate=False)

    def action_scroll_page(self, pages: int) -> None:
        self.query_one("#body", LineArea).scroll_pages(pages)
