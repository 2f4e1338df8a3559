"""The live screen: header, session table, the pane of the selected session, keys."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import tzinfo
from typing import ClassVar, Final

from textual import events, on
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import Input

from clauditor.errors import ClauditorError
from clauditor.ui.top.bell import Bell
from clauditor.ui.top.board import Board
from clauditor.ui.top.frame import frame
from clauditor.ui.top.help import HelpScreen
from clauditor.ui.top.lines import LineArea
from clauditor.ui.top.live import Known, LiveSessions, Sidecar
from clauditor.ui.top.story import StoryScreen
from clauditor.ui.top.table import SessionTable
from clauditor.ui.top.theme import THEME
from clauditor.ui.views import units
from clauditor.ui.views.cells import Scene
from clauditor.ui.views.session import SessionView
from clauditor.ui.views.words import level

PAINT_SECONDS: Final = 0.25
RING_SECONDS: Final = 1.0

_TABLE_ACTIONS: Final = frozenset(
    {"move", "next", "story", "mute", "find", "show_all", "sort", "view", "unfold", "copy", "freeze"}
)


class TopApp(App[None]):
    """`clauditor top`. `clock` tells wall time in Unix seconds, `zone` the zone to show a time in.

    With a `bell` it rings. The screen ends by itself once `should_stop` says so.
    """

    CSS_PATH = "top.tcss"
    TITLE = "clauditor"
    ENABLE_COMMAND_PALETTE = False
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down,j", "move(1)", show=False),
        Binding("up,k", "move(-1)", show=False),
        Binding("pagedown", "move(10)", show=False),
        Binding("pageup", "move(-10)", show=False),
        Binding("home", "move(-1000000)", show=False),
        Binding("end", "move(1000000)", show=False),
        Binding("n", "next", show=False),
        Binding("enter", "story", show=False),
        Binding("m", "mute", show=False),
        Binding("slash", "find", show=False),
        Binding("escape", "show_all", show=False),
        Binding("s", "sort", show=False),
        Binding("v", "view", show=False),
        Binding("e", "unfold", show=False),
        Binding("y", "copy", show=False),
        Binding("space", "freeze", show=False),
        Binding("question_mark", "help", show=False),
        Binding("q", "quit", show=False),
        Binding("ctrl+c", "quit", show=False, priority=True),
    ]

    def __init__(
        self,
        sidecar: Sidecar,
        *,
        clock: Callable[[], float],
        zone: Callable[[float], tzinfo],
        proxy_url: str | None = None,
        bell: Bell | None = None,
        should_stop: Callable[[], bool] = lambda: False,
    ) -> None:
        super().__init__()
        self.live = LiveSessions()
        self.board = Board()
        self._sidecar = sidecar
        self._clock = clock
        self._zone = zone
        self._proxy_url = proxy_url
        self._bell = bell
        self._should_stop = should_stop
        self._frozen: Known | None = None
        self._painted_at = 0.0
        self._is_dirty = True

    def compose(self) -> ComposeResult:
        yield LineArea(id="header")
        yield LineArea(id="titles")
        yield SessionTable(id="table")
        yield LineArea(id="fold")
        yield LineArea(id="pane")
        yield LineArea(id="footer")
        yield Input(id="find", placeholder="state:tool project:web model:opus, or any word", compact=True)

    def on_mount(self) -> None:
        self.register_theme(THEME)
        self.theme = THEME.name
        self.query_one(SessionTable).focus()
        self.run_worker(self.live.follow(self._sidecar, self._clock, self._changed), name="stream")
        self.run_worker(self.live.follow_sums(self._sidecar, self._sums_changed), name="summary")
        self.set_interval(PAINT_SECONDS, self._paint_if_due)
        self.set_interval(RING_SECONDS, self._ring)

    # -- what is shown -------------------------------------------------------------------------------

    def _shown(self) -> tuple[Scene, Known]:
        """What the screen shows, and how: while frozen all stands still."""
        known = self._frozen or self.live.known(self._clock())
        estimated = all(session.estimated for session in known.sessions)
        return Scene(now=known.now, zone=self._zone(known.now), all_estimated=estimated), known

    def _changed(self) -> None:
        """The stream said something; paint at once, unless the last time was a moment ago."""
        self._is_dirty = True
        if not 0 <= self._clock() - self._painted_at < PAINT_SECONDS:
            self.paint()

    def _sums_changed(self) -> None:
        self._is_dirty = True

    def _paint_if_due(self) -> None:
        if self._should_stop():
            self.exit()
        elif self._is_dirty or int(self._clock()) != int(self._painted_at):
            self.paint()

    def paint(self) -> None:
        """Bring every part of the screen up to date; only lines that differ are drawn."""
        if not self.is_running:  # it is being closed: its parts go before its timers do
            return
        now = self._clock()
        self._painted_at, self._is_dirty = now, False
        scene, known = self._shown()
        folding = self.board.arrange(known.sessions, scene.now, now)
        shown = frame(
            self.board,
            known.sessions,
            folding,
            spend=known.spend,
            incident=known.incident,
            scene=scene,
            size=(self.size.width, self.size.height),
            notice=self._notice(),
            proxy_url=self._proxy_url,
        )
        main = self.screen_stack[0]
        for name, lines in (
            ("header", shown.header),
            ("titles", shown.titles),
            ("fold", shown.fold),
            ("pane", shown.pane),
            ("footer", (shown.footer,)),
        ):
            area = main.query_one(f"#{name}", LineArea)
            area.styles.height = "1fr" if name == "pane" else len(lines)
            area.show(lines)
        table = main.query_one(SessionTable)
        table.styles.height = shown.table_height
        table.show_rows(self.board.rows, shown.plan, scene, self.board.index)
        if isinstance(self.screen, StoryScreen):
            self.screen.update({session.session_id: session for session in known.sessions}, scene)

    def _notice(self) -> str:
        """What the headline says of the screen itself instead of the counts."""
        if self._frozen is not None:
            at = units.clock(self._frozen.now, self._zone(self._frozen.now))
            return f"frozen since {at}, space goes on"
        if self.live.is_connected:
            return ""
        if self.live.heard_at is None:
            return "connecting"
        at = units.clock(self.live.heard_at, self._zone(self.live.heard_at), seconds=True)
        return f"nothing heard since {at}; see: clauditor status"

    def _ring(self) -> None:
        """Ring for what is new; the terminal is Textual's, so what is written goes through its driver, whole."""
        if self._bell is None or not self.live.is_complete or not self.live.is_connected:
            return
        sound = self._bell.ring(self.live.by_id, self._clock())
        if sound and self._driver is not None:
            self._driver.write(sound)

    # -- keys and mouse ------------------------------------------------------------------------------

    def on_key(self, _event: events.Key) -> None:
        self.board.key_pressed(self._clock())

    def on_resize(self) -> None:
        self._is_dirty = True

    def action_move(self, steps: int) -> None:
        self.board.move(steps)
        self.paint()

    def action_next(self) -> None:
        if self.board.next_in_need():
            self.paint()
        else:
            self.notify("No session needs you.", timeout=2)

    def action_mute(self) -> None:
        """Mute the selected session, or let it ask again; the sidecar keeps it, and its next snapshot shows it."""
        session = self.board.selected
        if session is None:
            return
        if session.is_muted or level(session) != "ok":
            self.run_worker(self._mute(session), name="mute")
        else:
            self.notify("It asks for nothing.", timeout=2)

    async def _mute(self, session: SessionView) -> None:
        try:
            await asyncio.to_thread(self._sidecar.mute, session.session_id, not session.is_muted)
        except ClauditorError as error:
            self.notify(str(error), severity="error", markup=False)

    def action_story(self) -> None:
        if self.board.selected is not None:
            scene, _ = self._shown()
            self.push_screen(StoryScreen(self.board.selected, scene, self._sidecar))

    def action_find(self) -> None:
        self._find_line(shown=True)

    def action_show_all(self) -> None:
        self.query_one("#find", Input).value = ""
        self.board.find("")
        self._find_line(shown=False)

    def action_sort(self) -> None:
        self.board.next_sort()
        self.paint()

    def action_view(self) -> None:
        self.board.next_view()
        self.paint()

    def action_unfold(self) -> None:
        self.board.toggle_unfold()
        self.paint()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """The table's keys do nothing while another screen lies over it."""
        if action in _TABLE_ACTIONS and len(self.screen_stack) > 1:
            return False
        return super().check_action(action, parameters)

    def action_copy(self) -> None:
        if self.board.selected is not None:
            self.copy_to_clipboard(self.board.selected.shown_id)
            self.notify(f"Copied {self.board.selected.shown_id}", timeout=2, markup=False)

    def action_freeze(self) -> None:
        self._frozen = None if self._frozen else self.live.known(self._clock())
        self.paint()

    def action_help(self) -> None:
        self.push_screen(HelpScreen())

    def _find_line(self, *, shown: bool) -> None:
        find, footer = self.query_one("#find", Input), self.query_one("#footer", LineArea)
        find.display, footer.display = shown, not shown
        (find if shown else self.query_one(SessionTable)).focus()
        self.paint()

    @on(Input.Changed, "#find")
    def _find_changed(self, event: Input.Changed) -> None:
        self.board.find(event.value)
        self.paint()

    @on(Input.Submitted, "#find")
    def _find_done(self) -> None:
        self._find_line(shown=False)

    @on(SessionTable.Picked)
    def _row_picked(self, event: SessionTable.Picked) -> None:
        self.board.key_pressed(self._clock())
        self.board.select(event.index)
        self.paint()
        if event.twice:
            self.action_story()
