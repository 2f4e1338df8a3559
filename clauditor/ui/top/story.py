"""Everything about one session, over the live screen, in tabs: overview, timeline, agents, tools, cache, attempts."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import ClassVar, Final

from textual.binding import Binding, BindingType

from clauditor.errors import ClauditorError
from clauditor.ui.top.live import Sidecar
from clauditor.ui.top.page import Page
from clauditor.ui.views.cells import Scene
from clauditor.ui.views.detail import title
from clauditor.ui.views.segments import EMPTY, Line
from clauditor.ui.views.session import SessionView
from clauditor.ui.views.story import TABS, TabName, tab_bar, tab_lines
from clauditor.ui.views.turns import Calls, side_calls, turn_views

_READ_SECONDS: Final = 1.0  # calls are read again at most this often, and only when the session changed


class StoryScreen(Page):
    """One session. `update` keeps it live; its calls are read when it changed."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("right,l,tab", "turn(1)", show=False, priority=True),
        Binding("left,h,shift+tab", "turn(-1)", show=False, priority=True),
        *(Binding(str(number), f"open({number - 1})", show=False) for number in range(1, len(TABS) + 1)),
    ]
    keys: ClassVar = (
        ("Esc", "back"),
        ("left right", "other tab"),
        ("j k", "scroll"),
        ("o", "go to"),
        ("p", "post-mortem"),
        ("y", "copy id"),
    )

    def __init__(self, session: SessionView, scene: Scene, sidecar: Sidecar) -> None:
        super().__init__()
        self.session = session
        self.tab: TabName = TABS[0]
        self._scene = scene
        self._sidecar = sidecar
        self._calls: Calls | None = Calls()
        self._has_changed = asyncio.Event()

    def head_lines(self, width: int) -> Sequence[Line]:
        return [title(self.session, self._scene, width), tab_bar(self.tab, width), EMPTY]

    def body_lines(self, width: int) -> Sequence[Line]:
        return tab_lines(self.tab, self.session, self._calls, self._scene, width - 1)

    def on_mount(self) -> None:
        self._has_changed.set()
        self.run_worker(self._read_calls(), name="calls")

    def update(self, sessions: Mapping[str, SessionView], scene: Scene) -> None:
        """The live screen has news; a session that left it stays as it was."""
        session = sessions.get(self.session.key, self.session)
        if session != self.session:
            self._has_changed.set()
        self.session, self._scene = session, scene
        self.show_lines()

    async def _read_calls(self) -> None:
        while True:
            await self._has_changed.wait()
            self._has_changed.clear()
            try:
                self._calls = await asyncio.to_thread(self._read, self.session.session_id)
            except ClauditorError:
                self._calls = None
            self.show_lines()
            await asyncio.sleep(_READ_SECONDS)

    def _read(self, session_id: str) -> Calls:
        about, turns = self._sidecar.session(session_id), self._sidecar.turns(session_id)
        return Calls(turns=turn_views(turns), side_calls=side_calls(about))

    def action_open(self, number: int) -> None:
        self.tab = TABS[number]
        self.scroll_to_top()
        self.show_lines()

    def action_turn(self, steps: int) -> None:
        self.action_open((TABS.index(self.tab) + steps) % len(TABS))
