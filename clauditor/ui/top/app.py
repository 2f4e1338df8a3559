"""The live screen: header, session table, the pane of the selected session, keys."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import tzinfo
from pathlib import Path
from typing import ClassVar, Final

from textual import events, on
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.driver import Driver
from textual.widgets import Input

from clauditor.errors import ClauditorError
from clauditor.text import clean
from clauditor.ui.top.bell import Bell
from clauditor.ui.top.board import Board, Switch
from clauditor.ui.top.frame import draw, frame
from clauditor.ui.top.help import HelpScreen
from clauditor.ui.top.keys import KEYS, OF_SESSION, OF_TABLE
from clauditor.ui.top.lines import LineArea
from clauditor.ui.top.live import Sidecar
from clauditor.ui.top.memory import keep, recall
from clauditor.ui.top.moment import Moment
from clauditor.ui.top.outside import Outside
from clauditor.ui.top.recent import Recent
from clauditor.ui.top.report import ReportScreen
from clauditor.ui.top.sources import Sources
from clauditor.ui.top.story import StoryScreen
from clauditor.ui.top.table import SessionTable
from clauditor.ui.top.terminals import Terminals
from clauditor.ui.top.theme import THEME
from clauditor.ui.views.empty import Around
from clauditor.ui.views.session import SessionView
from clauditor.ui.views.words import level

PAINT_SECONDS: Final = 0.25
RING_SECONDS: Final = 1.0


class TopApp(App[None]):
    """`clauditor top`. `clock` tells wall time in Unix seconds, `zone` the zone to show a time in.

    `sidecars` by the names of their hosts (one alone: the empty name); `columns` as a person chose them. With a `bell`
    it rings, with `terminals` it leads there, with a `memory` file it begins as it was left, and `look_around` fills
    the empty screen. It ends by itself once `should_stop` says so. `driver`: how to draw, where
    Textual's own way will not do.
    """

    CSS_PATH = "top.tcss"
    TITLE = "clauditor"
    ENABLE_COMMAND_PALETTE = False
    BINDINGS: ClassVar[list[BindingType]] = [
        *(Binding(keys, action, show=False) for keys, action in KEYS),
        Binding("ctrl+c", "quit", show=False, priority=True),
    ]

    def __init__(
        self,
        sidecars: Mapping[str, Sidecar],
        *,
        clock: Callable[[], float],
        zone: Callable[[float], tzinfo],
        columns: Sequence[str] = (),
        bell: Bell | None = None,
        terminals: Terminals | None = None,
        memory: Path | None = None,
        look_around: Callable[[], Around] = Around,
        should_stop: Callable[[], bool] = lambda: False,
        driver: type[Driver] | None = None,
    ) -> None:
        super().__init__(driver_class=driver)
        self.sources = Sources(sidecars)
        self.board = Board(None if memory is None else recall(memory))
        self._clock = clock
        self._moment = Moment(self.sources, clock=clock, zone=zone)
        self._columns = columns
        self._bell = bell
        self._terminals = terminals
        self._memory = memory
        self._outside = Outside(terminals, look_around)
        self._should_stop = should_stop
        self._recent = Recent()
        self._painted_at = 0.0
        self._is_dirty = True
        self._was_silent = False

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
        self.run_worker(self.sources.follow(self._clock, self._changed, self._news), name="sources")
        self.run_worker(self._recent.follow(self._calls_wanted, self._news), name="recent calls")
        self.run_worker(
            self._outside.follow(lambda: self._moment.known().sessions, self._news), name="outside"
        )
        self.set_interval(PAINT_SECONDS, self._paint_if_due)
        self.set_interval(RING_SECONDS, self._ring)

    # -- what is shown -------------------------------------------------------------------------------

    def _changed(self) -> None:
        """The stream said something; paint at once, unless the last time was a moment ago."""
        self._is_dirty = True
        if not 0 <= self._clock() - self._painted_at < PAINT_SECONDS:
            self.paint()

    def _news(self) -> None:
        """Something else is known; it can wait for the next regular painting."""
        self._is_dirty = True

    def _calls_wanted(self) -> tuple[SessionView, Sidecar] | None:
        """The session whose newest calls the pane tells, and whom to ask for them."""
        session = self.board.selected
        if session is None or self._moment.is_frozen or len(self.screen_stack) > 1:
            return None
        return session, self.sources.sidecar_of(session)

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
        if self._was_silent and self.sources.is_connected:
            self.notify("Clauditor is heard again.", timeout=3)
        self._was_silent = self.sources.is_silent
        scene, known = self._moment.shown(self._outside.panes)
        folding = self.board.arrange(known.sessions, scene.now, now)
        shown = frame(
            self.board,
            known.sessions,
            folding,
            spend=known.spend,
            incident=known.incident,
            scene=scene,
            size=(self.size.width, self.size.height),
            notice=self._moment.notice(),
            silent=known.silent,
            around=self._outside.around,
            chosen_columns=self._columns,
            turns=self._recent.of(self.board.selected),
        )
        draw(self.screen_stack[0], shown, scene, self.board.selected_id)
        for page in self.screen_stack:
            if isinstance(page, StoryScreen):
                page.update({session.key: session for session in known.sessions}, scene)

    def _ring(self) -> None:
        """Ring for what is new; the terminal is Textual's, so what is written goes through its driver, whole."""
        if self._bell is None or not self.sources.is_complete or not self.sources.is_connected:
            return
        sound = self._bell.ring(self.sources.last_told, self._clock())
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
        self._do(self._mute)

    def action_go(self) -> None:
        if self._terminals is not None:
            self._do(self._terminals.go)

    def _mute(self, session: SessionView) -> str:
        """Mute it, or let it ask again; the sidecar keeps that, and its next snapshot shows it."""
        if not session.is_muted and level(session) == "ok":
            return "It asks for nothing."
        self.sources.sidecar_of(session).mute(session.session_id, not session.is_muted)
        return ""

    def _do(self, deed: Callable[[SessionView], str]) -> None:
        """Do something that blocks to the session a key is about, and tell the person what came of it."""
        if (session := self._subject) is not None:
            self.run_worker(self._done(deed, session), name="deed")

    async def _done(self, deed: Callable[[SessionView], str], session: SessionView) -> None:
        try:
            said = await asyncio.to_thread(deed, session)
        except ClauditorError as error:
            self.notify(clean(str(error)), severity="error", markup=False)
        else:
            if said:
                self.notify(said, timeout=2, markup=False)

    def action_story(self) -> None:
        if self.board.selected is not None:
            scene, _ = self._moment.shown(self._outside.panes)
            sidecar = self.sources.sidecar_of(self.board.selected)
            self.push_screen(StoryScreen(self.board.selected, scene, sidecar))

    def action_report(self) -> None:
        session = self._subject
        if session is not None:
            self.push_screen(ReportScreen(session, self._moment.zone, self.sources.sidecar_of(session)))

    @property
    def _subject(self) -> SessionView | None:
        """The session a key is about: that of the page that lies on top, else the selected one."""
        return self.screen.session if isinstance(self.screen, StoryScreen) else self.board.selected

    def action_find(self) -> None:
        self._find_line(shown=True)

    def action_show_all(self) -> None:
        self.query_one("#find", Input).value = ""
        self.board.find("")
        self._find_line(shown=False)

    def action_switch(self, what: Switch) -> None:
        self.board.switch(what)
        if self._memory is not None:
            keep(self._memory, self.board.chosen)
        self.paint()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """The table's keys do nothing while a page lies over it, and those about a session only over its own."""
        if len(self.screen_stack) > 1 and (
            action in OF_TABLE or (action in OF_SESSION and not isinstance(self.screen, StoryScreen))
        ):
            return False
        return super().check_action(action, parameters)

    def action_copy(self) -> None:
        if (session := self._subject) is not None:
            self.copy_to_clipboard(session.shown_id)
            self.notify(f"Copied {session.shown_id}", timeout=2, markup=False)

    def action_freeze(self) -> None:
        self._moment.freeze()
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
        self.board.choose(event.key)
        self.paint()
        if event.twice:
            self.action_story()
