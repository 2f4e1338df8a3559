"""The live table for web pages: server-sent events with words ready to show, made only while a page listens.

Sessions are narrowed and rows are made once for all pages that look at the same view in the same zone; what a page
chose besides (order, search, folding) costs it one sorting. A page that comes back gets the whole picture again.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterable
from datetime import timedelta, timezone
from typing import Any, Final, Generic, TypeVar
from weakref import WeakValueDictionary

from clauditor.edge.encoding import to_json
from clauditor.edge.feed import SLICE, LiveSessions
from clauditor.edge.subscription import PIECE_BYTES
from clauditor.ui.views.cells import Scene
from clauditor.ui.views.columns import Column
from clauditor.ui.views.empty import Around
from clauditor.ui.views.header import Spend, spend_of
from clauditor.ui.views.incident import incident_of
from clauditor.ui.views.presets import ViewName
from clauditor.ui.views.session import SessionView
from clauditor.ui.views.snapshot import session_view
from clauditor.ui.views.web import (
    Choices,
    changes_at,
    columns_json,
    columns_of,
    header_json,
    order_json,
    row_json,
)

log = logging.getLogger(__name__)

MAX_PAGES: Final = 16
PERIOD_SECONDS: Final = 0.4  # between two frames; the first after a quiet while goes at once
HEARTBEAT_SECONDS: Final = 5.0
SPENT_SECONDS: Final = 5.0  # sums are asked again at most so often after a cost changed,
SUMS_SECONDS: Final = 60.0  # and at least so often
AROUND_SECONDS: Final = 3.0  # a page without sessions shows who goes past us, no older than this

T = TypeVar("T")


class PagesFullError(Exception):
    """Every place for a page is taken."""


class LivePage:
    """What all open pages share. `changed` is told by the feed; `spent` (`Sums.headline`) and `around` block, and may
    raise.
    """

    def __init__(
        self,
        hub: LiveSessions,
        *,
        now: Callable[[], float],
        spent: Callable[[], dict[str, Any]],
        around: Callable[[], Around] = Around,
    ) -> None:
        self.views: dict[str, SessionView] = {}
        self.stamps: dict[str, int] = {}  # by session, the number of its last change
        self.spend = _Beside(lambda: spend_of(spent()), Spend(), wake=self._wake)
        self.around = _Beside(around, Around(), wake=self._wake)
        self._hub = hub
        self._now = now
        self._number = 0
        self._dirty: dict[str, None] = {}
        self._wakers: set[asyncio.Event] = set()
        # Held by the streams that read them; gone with the last one.
        self._renderings: WeakValueDictionary[tuple[ViewName, int], _Rendering] = WeakValueDictionary()
        self._has_spent = True
        self._closed = 0  # times
        self._refreshing = asyncio.Lock()

    @property
    def pages(self) -> int:
        return len(self._wakers)

    def changed(self, session_ids: Iterable[str]) -> None:
        """These sessions changed or left; free while no page listens."""
        if self._wakers:
            self._dirty.update(dict.fromkeys(session_ids))
            self._wake()

    def close(self) -> None:
        """End every stream there is."""
        self._closed += 1
        self._wake()

    def stream(self, choices: Choices, zone_minutes: int) -> AsyncIterator[bytes]:
        """Frames for one page, for ever; it counts from the first one on. Raises PagesFullError before that."""
        if len(self._wakers) >= MAX_PAGES:
            raise PagesFullError
        return self._stream(choices, zone_minutes, self._closed)

    # ------------------------------------------------------------------------------------------------

    async def _stream(self, choices: Choices, zone_minutes: int, closed: int) -> AsyncIterator[bytes]:
        if (
            len(self._wakers) >= MAX_PAGES
        ):  # others began since it was asked for; the page asks again, and is told
            return
        loop, waker = asyncio.get_running_loop(), asyncio.Event()
        if not self._wakers:
            self.views.clear()
            self._dirty = dict.fromkeys(self._hub.sessions)
        self._wakers.add(waker)
        try:
            page = _Page(self, choices)
            beat_at = 0.0
            while closed == self._closed:
                waker.clear()
                async with self._refreshing:
                    await self._refresh()
                self._ask_beside()
                now = self._now()
                rendering = self._rendering(choices.view, zone_minutes)
                told = page.news(rendering, self._hub.totals(now))
                if told or loop.time() >= beat_at:
                    beat_at = loop.time() + HEARTBEAT_SECONDS
                    frame = _frame({"at": now} | told)
                    for start in range(0, len(frame), PIECE_BYTES):
                        yield frame[start : start + PIECE_BYTES]
                began = loop.time()
                due = min(beat_at - began, rendering.due(self._now()))
                await _wait(waker, max(due, 0.0))
                await asyncio.sleep(max(0.0, began + PERIOD_SECONDS - loop.time()))
        finally:
            self._wakers.discard(waker)
            if not self._wakers:
                self.views.clear()
                self.stamps.clear()
                self._renderings.clear()

    async def _refresh(self) -> None:
        """Narrow anew what changed; where it is cancelled, the rest is left for the next one."""
        for count in range(1, len(self._dirty) + 1):
            session_id, _ = self._dirty.popitem()
            self._number += 1
            self.stamps[session_id] = self._number
            snapshot = self._hub.snapshot(session_id, self._now())
            if snapshot is None:
                self.views.pop(session_id, None)
                self.stamps.pop(session_id, None)
                self._has_spent = True
            else:
                view, before = session_view(snapshot), self.views.get(session_id)
                self._has_spent |= before is None or before.cost_usd != view.cost_usd
                self.views[session_id] = view
            if count % SLICE == 0:
                await asyncio.sleep(0)

    def _ask_beside(self) -> None:
        if self.spend.ask(SPENT_SECONDS if self._has_spent else SUMS_SECONDS):
            self._has_spent = False
        if not self.views:
            self.around.ask(AROUND_SECONDS)

    def _wake(self) -> None:
        for waker in self._wakers:
            waker.set()

    def _rendering(self, view: ViewName, zone_minutes: int) -> _Rendering:
        rendering = self._renderings.setdefault((view, zone_minutes), _Rendering(view, zone_minutes))
        rendering.bring_up_to_date(self.views, self.stamps, self._now())
        return rendering


class _Beside(Generic[T]):
    """What a question that blocks was last answered; it is asked on a thread, and no frame waits for it."""

    def __init__(self, question: Callable[[], T], first: T, *, wake: Callable[[], None]) -> None:
        self.answer = first
        self._question = question
        self._wake = wake
        self._asked_at = float("-inf")
        self._asking: asyncio.Future[T] | None = None

    def ask(self, seconds: float) -> bool:
        """Have it asked, unless it was within so many seconds; `wake` tells that the answer came."""
        loop = asyncio.get_running_loop()
        if self._asking is not None or loop.time() - self._asked_at < seconds:
            return False
        self._asked_at = loop.time()
        self._asking = loop.run_in_executor(None, self._question)
        self._asking.add_done_callback(self._answered)
        return True

    def _answered(self, done: asyncio.Future[T]) -> None:
        self._asking = None
        if done.cancelled():
            return
        if (error := done.exception()) is not None:
            log.warning("what a page shows could not be read: %s", error)
            return
        self.answer = done.result()
        self._wake()


class _Rendering:
    """The rows of one view in one zone; shared by the pages that look at it."""

    def __init__(self, view: ViewName, zone_minutes: int) -> None:
        self.columns: tuple[Column, ...] = ()
        self.rows: dict[str, tuple[int, dict[str, Any]]] = {}  # by session: a number that grows, and its row
        self.scene = Scene(now=0.0, zone=timezone(timedelta(minutes=zone_minutes)))
        self._view = view
        self._made: dict[str, tuple[int, float]] = {}  # by session: of which stamp, and good until when
        self._number = 0

    def bring_up_to_date(self, views: dict[str, SessionView], stamps: dict[str, int], now: float) -> None:
        """Make the rows that changed, or whose words time changed."""
        sessions = list(views.values())
        columns = columns_of(self._view, sessions)
        estimated = all(session.estimated for session in sessions)
        if columns != self.columns or estimated != self.scene.all_estimated:
            self._made.clear()
        self.columns = columns
        self.scene = Scene(now=now, zone=self.scene.zone, all_estimated=estimated)
        for gone in [key for key in self.rows if key not in views]:
            del self.rows[gone]
            self._made.pop(gone, None)
        for session_id, session in views.items():
            stamp, until = self._made.get(session_id, (-1, 0.0))
            if stamp == stamps[session_id] and now < until:
                continue
            row = row_json(session, columns, self.scene)
            self._made[session_id] = (stamps[session_id], changes_at(session, now))
            if session_id not in self.rows or self.rows[session_id][1] != row:
                self._number += 1
                self.rows[session_id] = (self._number, row)

    def due(self, now: float) -> float:
        """Seconds until time alone changes a row."""
        return min((until for _, until in self._made.values()), default=now + HEARTBEAT_SECONDS) - now


class _Page:
    """One reader: what it chose, and what it was told."""

    def __init__(self, live: LivePage, choices: Choices) -> None:
        self._live = live
        self._choices = choices
        self._seen = 0
        self._ids: frozenset[str] = frozenset()
        self._told: dict[str, Any] = {}

    def news(self, rendering: _Rendering, totals: dict[str, Any]) -> dict[str, Any]:
        """What differs from what the page was told; empty where nothing does."""
        sessions = list(self._live.views.values())
        scene = rendering.scene
        order, _ = order_json(sessions, self._choices, scene)
        parts = {
            "columns": columns_json(rendering.columns, scene),
            "header": header_json(
                sessions, self._live.spend.answer, scene, incident_of(totals), self._live.around.answer
            ),
            "order": order,
        }
        news = {name: part for name, part in parts.items() if self._told.get(name) != part}
        self._told = parts
        rows = [row for number, row in rendering.rows.values() if number > self._seen]
        self._seen = max((number for number, _ in rendering.rows.values()), default=self._seen)
        ids = frozenset(rendering.rows)
        removed = sorted(self._ids - ids)
        self._ids = ids
        if rows:
            news["rows"] = rows
        if removed:
            news["removed"] = removed
        return news


async def _wait(waker: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await waker.wait()
    except TimeoutError:
        return


def _frame(told: dict[str, Any]) -> bytes:
    return b"event: page\ndata: %s\n\n" % to_json(told)
