"""Live snapshots for subscribers: server-sent events, bounded for everyone, resumable by id.

Sources: WHATWG HTML, server-sent events (event, id, data, Last-Event-ID). A subscriber gets the whole
picture first, then what changed; one that is too slow, or comes back with an id from too long ago, gets the
whole picture again. The hub never waits for anybody. A frame that changes cause is made once for all readers; the
whole picture is made piece by piece as a reader takes it, so that nobody holds all of it.
"""

from __future__ import annotations

import asyncio
import dataclasses
from collections import deque
from collections.abc import AsyncIterator, Callable, Container, Iterable, Mapping, Sequence
from typing import Any, Final, Protocol

from clauditor.edge.encoding import to_json
from clauditor.edge.subscription import Subscription
from clauditor.model.events import IN_MEMORY_FIELDS, Event, LabelFound, Malformed, Progress
from clauditor.model.facts import Fact
from clauditor.model.session import Session

MOMENT_SECONDS: Final = 0.001  # what was looked at in one go travels together
HEARTBEAT_SECONDS: Final = 5.0
MAX_SUBSCRIBERS: Final = 64  # one more, and the oldest is ended: it comes back, or nobody missed it
CROWDED_SECONDS: Final = 1.0
MAX_KEPT: Final = 1024  # events, and departures of sessions, that a returning reader can be told of
MAX_UNSENT: Final = 4096  # events between two flushes
SLICE: Final = 32  # snapshots made before the loop gets its turn (about 2 ms)
SESSIONS_A_FRAME: Final = 128

_SNAPSHOT_HEAD: Final = b'id: %d\nevent: snapshot\ndata: {"sessions":['
_UNSENT: Final = (Progress, LabelFound, Malformed)


class LiveSessions(Protocol):
    """What the feed asks of the hub."""

    @property
    def sessions(self) -> Mapping[str, Session]: ...
    def snapshot(self, session_id: str, now: float) -> dict[str, Any] | None: ...
    def totals(self, now: float) -> dict[str, Any]: ...


class Follower(Protocol):
    """Somebody in this process who is told which sessions changed or left, when subscribers are."""

    def changed(self, session_ids: Iterable[str]) -> None: ...
    def close(self) -> None: ...


class Feed:
    """A sink that tells subscribers. `run` is a task of the daemon; streams begin once it runs."""

    def __init__(self, *, heartbeat_seconds: float = HEARTBEAT_SECONDS) -> None:
        self.overflows = 0
        self.events_dropped = 0
        self.readers_replaced = 0
        self._heartbeat_seconds = heartbeat_seconds
        self._subscribers: dict[Subscription, None] = {}  # the oldest first
        self._closed = 0  # times
        self._followers: list[Follower] = []
        self._changed: dict[str, None] = {}
        self._events: list[Event] = []
        self._stirred = asyncio.Event()
        self._hub: LiveSessions
        self._now: Callable[[], float]
        self._runs = asyncio.Event()
        self._last_id = 0  # an id says "seen up to here"
        self._oldest_id = 0  # readers who saw less than this start anew
        self._changed_at: dict[str, int] = {}
        self._removed_at: dict[str, int] = {}
        self._kept: deque[tuple[int, Event]] = deque()

    @property
    def subscribers(self) -> int:
        return len(self._subscribers)

    def observe(self, event: Event, session: Session | None, facts: Sequence[Fact]) -> None:  # noqa: ARG002
        self._stirred.set()
        if event.session_id:
            self._changed[event.session_id] = None
        if isinstance(event, _UNSENT):
            return
        if len(self._events) < MAX_UNSENT:
            self._events.append(event)
        else:
            self.events_dropped += 1

    def mark(self, session_ids: Iterable[str]) -> None:
        """These sessions changed by time alone, or left memory."""
        self._changed.update(dict.fromkeys(session_ids))
        if self._changed:
            self._stirred.set()

    def follow(self, follower: Follower) -> None:
        self._followers.append(follower)

    def forget(self, session_ids: Container[str]) -> None:
        """Tell no returning reader what happened to these sessions."""
        self._kept = deque((id_, event) for id_, event in self._kept if event.session_id not in session_ids)
        self._events = [event for event in self._events if event.session_id not in session_ids]

    def close(self) -> None:
        """End every stream there is, so that the server can, or because what opened them is good no more."""
        self._closed += 1
        for subscriber in self._subscribers:
            subscriber.close()
        for follower in self._followers:
            follower.close()

    async def run(self, hub: LiveSessions, now: Callable[[], float]) -> None:
        """Tell subscribers what changed, a moment later: mere progress comes four times a second, of all calls at once.

        `now` tells Unix seconds.
        """
        if not self._runs.is_set():
            self._hub, self._now = hub, now
            # Ids grow across restarts too, so one from another life is known as old.
            self._last_id = self._oldest_id = max(self._last_id, int(now() * 1_000_000))
            self._runs.set()
        while True:
            await self._stirred.wait()
            await asyncio.sleep(MOMENT_SECONDS)
            self._stirred.clear()
            await self.flush()

    async def flush(self) -> None:
        """Send what changed since the last flush, in frames and slices that leave the loop free."""
        events, self._events = self._events, []
        changed, self._changed = list(self._changed), {}
        for event in events:
            self._send_event(event)
        for follower in self._followers:
            follower.changed(changed)
        for start in range(0, len(changed), SESSIONS_A_FRAME):
            await self._send_changed(changed[start : start + SESSIONS_A_FRAME])

    def stream(self, session_id: str | None, last_event_id: str | None) -> AsyncIterator[bytes]:
        """Frames for one reader, in pieces, until it is ended; it takes its place with the first one."""
        return self._stream(Subscription(session_id), last_event_id, self._closed)

    # ------------------------------------------------------------------------------------------------

    async def _stream(
        self, reader: Subscription, last_event_id: str | None, closed: int
    ) -> AsyncIterator[bytes]:
        await self._runs.wait()
        if closed != self._closed:
            return
        loop = asyncio.get_running_loop()
        beat_at = loop.time() + self._heartbeat_seconds
        was_full = self._take_place(reader)
        try:
            if (
                was_full
            ):  # of many that come at once most are replaced again: they are told nothing, which costs most
                await reader.wait(loop.time() + CROWDED_SECONDS)
            if not reader.is_closed and (seen := self._resumable(last_event_id)) is not None:
                reader.needs_whole = False
                async for piece in self._missed(reader, seen):
                    yield piece
            while not reader.is_closed:
                if reader.needs_whole:
                    reader.needs_whole = False
                    async for piece in self._whole(reader):
                        yield piece
                elif await reader.wait(beat_at):
                    for piece in reader.take():
                        yield piece
                else:
                    beat_at = loop.time() + self._heartbeat_seconds
                    yield _frame("heartbeat", to_json({"at": self._now()}))
        finally:
            self._subscribers.pop(reader, None)

    def _take_place(self, reader: Subscription) -> bool:
        """Whether the oldest reader had to go for it."""
        was_full = len(self._subscribers) >= MAX_SUBSCRIBERS
        while len(self._subscribers) >= MAX_SUBSCRIBERS:
            oldest = next(iter(self._subscribers))
            del self._subscribers[oldest]
            oldest.close()
            self.readers_replaced += 1
        self._subscribers[reader] = None
        return was_full

    def _resumable(self, last_event_id: str | None) -> int | None:
        """The id a reader has seen, if everything after it can still be told."""
        if last_event_id is None or not last_event_id.isdecimal() or len(last_event_id) > 20:
            return None
        seen = int(last_event_id)
        return seen if self._oldest_id <= seen <= self._last_id else None

    async def _missed(self, reader: Subscription, seen: int) -> AsyncIterator[bytes]:
        """What a returning reader did not see: the events, then one snapshot of what changed."""
        last_id = self._last_id
        changed = [key for key, at in self._changed_at.items() if at > seen and reader.wants(key)]
        removed = [key for key, at in self._removed_at.items() if at > seen and reader.wants(key)]
        events = [(id_, event) for id_, event in self._kept if id_ > seen and reader.wants(event.session_id)]
        for start in range(0, len(events), SLICE):
            some = events[start : start + SLICE]
            yield b"".join(_frame("event", _event_json(event), id_) for id_, event in some)
        async for piece in self._picture(reader, changed, removed, last_id):
            yield piece

    async def _whole(self, reader: Subscription) -> AsyncIterator[bytes]:
        last_id = self._last_id
        wanted = [key for key in self._hub.sessions if reader.wants(key)]
        async for piece in self._picture(reader, wanted, [], last_id, full=True):
            yield piece

    async def _picture(
        self,
        reader: Subscription,
        session_ids: Sequence[str],
        removed: Sequence[str],
        id_: int,
        *,
        full: bool = False,
    ) -> AsyncIterator[bytes]:
        """One snapshot frame, made as it is taken; what changes meanwhile is told in later ones."""
        before = _SNAPSHOT_HEAD % id_
        async for found in self._slices(session_ids):
            if reader.is_closed:
                return
            if found:
                yield before + b",".join(found.values())
                before = b","
        rest = {"removed": removed, "totals": self._hub.totals(self._now()), "full": full}
        yield (before if before != b"," else b"") + b"]," + to_json(rest)[1:] + b"\n\n"

    async def _slices(self, session_ids: Sequence[str]) -> AsyncIterator[dict[str, bytes]]:
        """Encoded snapshots of those that are live, some at a time."""
        for start in range(0, len(session_ids), SLICE):
            found = {}
            for session_id in session_ids[start : start + SLICE]:
                snapshot = self._hub.snapshot(session_id, self._now())
                if snapshot is not None:
                    found[session_id] = to_json(snapshot)
            yield found
            await asyncio.sleep(0)

    def _send_event(self, event: Event) -> None:
        self._last_id += 1
        self._kept.append((self._last_id, event))
        if len(self._kept) > MAX_KEPT:
            self._oldest_id = max(self._oldest_id, self._kept.popleft()[0])
        readers = [reader for reader in self._subscribers if reader.wants(event.session_id)]
        if readers:
            self._offer(readers, _frame("event", _event_json(event), self._last_id))

    async def _send_changed(self, session_ids: list[str]) -> None:
        self._last_id += 1
        frame_id = self._last_id
        removed = [key for key in session_ids if key not in self._hub.sessions]
        for key in session_ids:
            self._changed_at.pop(key, None)
            self._removed_at.pop(key, None)
            (self._changed_at if key in self._hub.sessions else self._removed_at)[key] = frame_id
        while len(self._removed_at) > MAX_KEPT:
            oldest = next(iter(self._removed_at))
            self._oldest_id = max(self._oldest_id, self._removed_at.pop(oldest))
        all_readers = [reader for reader in self._subscribers if reader.session_id is None]
        wanted = [key for key in session_ids if all_readers or self._readers_of(key)]
        if not wanted:
            return
        snapshots: dict[str, bytes] = {}
        async for found in self._slices(wanted):
            snapshots |= found
        if all_readers:
            self._offer(all_readers, self._changes(snapshots.values(), removed, frame_id))
        for key in wanted:
            if readers := self._readers_of(key):
                own = [snapshots[key]] if key in snapshots else []
                gone = [key] if key in removed else []
                self._offer(readers, self._changes(own, gone, frame_id))

    def _readers_of(self, session_id: str) -> list[Subscription]:
        return [reader for reader in self._subscribers if reader.session_id == session_id]

    def _offer(self, readers: Sequence[Subscription], frame: bytes) -> None:
        for reader in readers:
            self.overflows += not reader.offer(frame)

    def _changes(self, sessions: Iterable[bytes], removed: Sequence[str], id_: int) -> bytes:
        """A snapshot frame of few sessions, as JSON."""
        rest = {"removed": removed, "totals": self._hub.totals(self._now()), "full": False}
        return b"%s%s],%s\n\n" % (_SNAPSHOT_HEAD % id_, b",".join(sessions), to_json(rest)[1:])


def _event_json(event: Event) -> bytes:
    names = [field.name for field in dataclasses.fields(event) if field.name not in IN_MEMORY_FIELDS]
    return to_json({"type": type(event).__name__} | {name: getattr(event, name) for name in names})


def _frame(name: str, data: bytes, id_: int | None = None) -> bytes:
    """One server-sent event; JSON has no line breaks, so one data line holds it."""
    head = b"" if id_ is None else b"id: %d\n" % id_
    return b"%sevent: %s\ndata: %s\n\n" % (head, name.encode(), data)
