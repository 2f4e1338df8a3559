"""A sidecar that says what a test tells it to, a clock that a test moves, and the screen on top of both."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC
from typing import Any

from textual.pilot import Pilot

from clauditor.errors import ClauditorError
from clauditor.ui.top.app import TopApp
from clauditor.ui.top.bell import Bell
from ui import afternoon

Message = tuple[str, str | None, Mapping[str, Any]]


class ScriptedSidecar:
    """Streams the messages of `say`; `hang_up` ends the stream, and `answers` are what it is asked for."""

    def __init__(self) -> None:
        self.streams = 0
        self.is_away = False
        self.turn_reads = 0
        self.summary_reads = 0
        self.today_usd = 38.4
        self.incident: Mapping[str, Any] | None = None
        self.muted: list[tuple[str, bool]] = []
        self.refusal: str | None = None
        self._queue: asyncio.Queue[Message | None] = asyncio.Queue()

    def say(self, *sessions: Mapping[str, Any], full: bool = False, removed: tuple[str, ...] = ()) -> None:
        totals = {"incident": self.incident}
        data = {"full": full, "sessions": list(sessions), "removed": list(removed), "totals": totals}
        self._queue.put_nowait(("snapshot", "1", data))

    def beat(self) -> None:
        self._queue.put_nowait(("heartbeat", None, {"at": afternoon.NOW}))

    def hang_up(self) -> None:
        self._queue.put_nowait(None)

    async def astream(self) -> AsyncIterator[Message]:
        self.streams += 1
        if self.is_away:
            raise ClauditorError("Clauditor does not run here; start it: clauditor up.")
        while (message := await self._queue.get()) is not None:
            yield message

    def summary(self) -> Mapping[str, Any]:
        self.summary_reads += 1
        live = {"incident": self.incident}
        return {"today": {"cost_usd": self.today_usd, "cost_complete": True}, "live": live}

    def mute(self, session_id: str, muted: bool) -> None:
        if self.refusal is not None:
            raise ClauditorError(self.refusal)
        self.muted.append((session_id, muted))

    def session(self, session_id: str) -> Mapping[str, Any]:
        return {"side_calls_by_name": [{"name": "title", "calls": 3, "cost_usd": 0.02}]}

    def turns(self, session_id: str, *, limit: int | None = None) -> Sequence[Mapping[str, Any]]:
        self.turn_reads += 1
        return afternoon.turns()[-(limit or 1000) :]

    def postmortem(self, session_id: str) -> Mapping[str, Any]:
        if self.refusal is not None:
            raise ClauditorError(self.refusal)
        return {"session": {"session_id": session_id, "project": "webshop"}}


class Clock:
    """Wall time that stands still unless a test moves it."""

    def __init__(self) -> None:
        self.now = afternoon.NOW

    def __call__(self) -> float:
        return self.now


class Stage:
    """The running screen and the strings it shows."""

    def __init__(self, app: TopApp, sidecar: ScriptedSidecar, clock: Clock, pilot: Pilot[None]) -> None:
        self.app = app
        self.sidecar = sidecar
        self.clock = clock
        self.pilot = pilot
        self.should_stop = False

    def text(self) -> str:
        """What the terminal would show, line by line."""
        width, height = self.app.size
        strips = self.app.screen._compositor.render_strips()
        return "\n".join(strip.text for strip in strips[:height]) if width else ""

    def rows(self) -> list[str]:
        return [session.session_id for session in self.app.board.rows]

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)
        await self.pilot.pause()

    async def until(self, condition: Callable[[], object], what: str, seconds: float = 10) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, f"never happened: {what}\n{self.text()}"
            await self.pilot.pause(0.02)

    async def settled(self) -> None:
        """What the pane tells of the selected session is read and shown."""
        selected = self.app.board.selected
        await self.until(lambda: self.app._recent.of(selected), "its newest calls are known")
        self.app.paint()
        await self.pilot.pause()

    async def shows(self, text: str) -> None:
        await self.until(lambda: text in self.text(), f"{text!r} on the screen")

    async def hides(self, text: str) -> None:
        await self.until(lambda: text not in self.text(), f"{text!r} gone from the screen")


@asynccontextmanager
async def staged(
    width: int = 80, height: int = 24, *, bell: Bell | None = None, **more: Any
) -> AsyncIterator[Stage]:
    """The screen on one scripted sidecar; `more` goes to TopApp as it is."""
    sidecar, clock = ScriptedSidecar(), Clock()
    stages: list[Stage] = []
    app = TopApp(
        more.pop("sidecars", {"": sidecar}),
        clock=clock,
        zone=lambda _: UTC,
        bell=bell,
        **more,
        should_stop=lambda: any(stage.should_stop for stage in stages),
    )
    async with app.run_test(size=(width, height), notifications=True) as pilot:
        stages.append(Stage(app, sidecar, clock, pilot))
        yield stages[0]
