"""Everything about one session, over the live screen: its pane, agents, tools and calls."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import ClassVar, Final

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import Screen

from clauditor.errors import ClauditorError
from clauditor.ui.top.lines import LineArea
from clauditor.ui.top.live import Sidecar
from clauditor.ui.views.cells import Scene
from clauditor.ui.views.segments import Line, Segment, line
from clauditor.ui.views.session import SessionView
from clauditor.ui.views.timeline import session_lines
from clauditor.ui.views.turns import Calls, side_calls, turn_views

_READ_SECONDS: Final = 1.0  # calls are read again at most this often, and only when the session changed
_KEYS: Final = (("Esc", "back"), ("arrows, j k", "scroll"), ("y", "copy id"))


class StoryScreen(Screen[None]):
    """One session. `update` keeps it live; its calls are read when it changed."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,enter", "dismiss", show=False),
        Binding("j,down", "scroll(1)", show=False),
        Binding("k,up", "scroll(-1)", show=False),
        Binding("pagedown", "scroll(10)", show=False),
        Binding("pageup", "scroll(-10)", show=False),
        Binding("home", "scroll(-1000000)", show=False),
        Binding("end", "scroll(1000000)", show=False),
        Binding("y", "copy", show=False),
    ]

    def __init__(self, session: SessionView, scene: Scene, sidecar: Sidecar) -> None:
        super().__init__()
        self.session = session
        self._scene = scene
        self._sidecar = sidecar
        self._calls: Calls | None = Calls()
        self._has_changed = asyncio.Event()

    def compose(self) -> ComposeResult:
        yield LineArea(id="story", can_focus=True)
        yield LineArea(id="footer")

    def on_mount(self) -> None:
        keys = [
            part for key, what in _KEYS for part in (Segment(key, "strong"), Segment(f" {what}  ", "dim"))
        ]
        self.query_one("#footer", LineArea).show([line(" ", *keys)])
        self.query_one("#story", LineArea).focus()
        self._has_changed.set()
        self.run_worker(self._read_calls(), name="calls")
        self._show()

    def update(self, sessions: Mapping[str, SessionView], scene: Scene) -> None:
        """The live screen has news; a session that left it stays as it was."""
        session = sessions.get(self.session.session_id, self.session)
        if session != self.session:
            self._has_changed.set()
        self.session, self._scene = session, scene
        if self.is_mounted:
            self._show()

    def _show(self) -> None:
        lines: list[Line] = session_lines(self.session, self._calls, self._scene, self.size.width)
        self.query_one("#story", LineArea).show(lines)

    def on_resize(self) -> None:
        self._show()

    async def _read_calls(self) -> None:
        while True:
            await self._has_changed.wait()
            self._has_changed.clear()
            try:
                self._calls = await asyncio.to_thread(self._read, self.session.session_id)
            except ClauditorError:
                self._calls = None
            self._show()
            await asyncio.sleep(_READ_SECONDS)

    def _read(self, session_id: str) -> Calls:
        about, turns = self._sidecar.session(session_id), self._sidecar.turns(session_id)
        return Calls(turns=turn_views(turns), side_calls=side_calls(about))

    def action_copy(self) -> None:
        self.app.copy_to_clipboard(self.session.shown_id)
        self.notify(f"Copied {self.session.shown_id}", timeout=2, markup=False)

    def action_scroll(self, lines: int) -> None:
        self.query_one("#story", LineArea).scroll_relative(y=lines, animate=False)
