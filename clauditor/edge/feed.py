"""Live snapshots for subscribers: server-sent events, bounded for everyone, resumable by id.

Sources: WHATWG HTML, server-sent events (event, id, data, Last-Event-ID). A subscriber gets the whole
picture first, then what changed; one that is too slow, or comes back with an id from too long ago, gets the
whole picture again. The hub never waits for anybody.
"""

from __future__ import annotations

import asyncio
import dataclasses
from collections import deque
from collections.abc import AsyncIterator, Callable, Container, Iterable, Mapping, Sequence
from typing import Any, Final, Protocol

import msgspec

from clauditor.edge.encoding import to_json
from clauditor.edge.subscription import Subscription
from clauditor.model.events import IN_MEMORY_FIELDS, Event, LabelFound, Malformed, Progress
from clauditor.model.facts import Fact
from clauditor.model.session import Session

MOMENT_SECONDS: Final = 0.01  # what comes in one moment travels together
HEARTBEAT_SECONDS: Final = 5.0
MAX_SUBSCRIBERS: Final = 64
MAX_KEPT: Final = 1024  # events, and departures of sessions, that a returning reader can be told of
MAX_UNSENT: Final = 4096  # events between two flushes
SLICE: Final = 32  # snapshots made before the loop gets its turn (about 2 ms)
SESSIONS_A_FRAME: Final = 128

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


class FeedFullError(Exception):
    """Every place for a subscriber is taken."""


class Feed:
    """A sink that tells subscribers. `run` is a task of the daemon; streams begin once it runs."""

    def __init__(self, *, heartbeat_seconds: float = HEARTBEAT_SECONDS) -> None:
        self.overflows = 0
        self.events_dropped = 0
        self._heartbeat_seconds = heartbeat_seconds
        self._subscribers: set[Subscription] = set()
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
        """End every stream, so that the server can."""
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
        """Frames for one reader, for ever. Raises FeedFullError before the first one."""
        if len(self._subscribers) >= MAX_SUBSCRIBERS:
            raise FeedFullError
        return self._stream(Subscription(session_id), last_event_id)

    # ------------------------------------------------------------------------------------------------

    async def _stream(self, reader: Subscription, last_event_id: str | None) -> AsyncIterator[bytes]:
        await self._runs.wait()
        loop = asyncio.get_running_loop()
        beat_at = loop.time() + self._heartbeat_seconds
        self._subscribers.add(reader)
        try:
            if (seen := self._resumable(last_event_id)) is not None:
                reader.needs_whole = False
                yield await self._missed(reader, seen)
            while not reader.is_closed:
                if reader.needs_whole:
                    reader.needs_whole = False
                    yield await self._whole(reader)
                elif await reader.wait(beat_at):
                    if frames := reader.take():
                        yield frames
                else:
                    beat_at = loop.time() + self._heartbeat_seconds
                    yield _frame("heartbeat", to_json({"at": self._now()}))
        finally:
            self._subscribers.discard(reader)

    def _resumable(self, last_event_id: str | None) -> int | None:
        """The id a reader has seen, if everything after it can still be told."""
        if last_event_id is None or not last_event_id.isdecimal() or len(last_event_id) > 20:
            return None
        seen = int(last_event_id)
        return seen if self._oldest_id <= seen <= self._last_id else None

    async def _missed(self, reader: Subscription, seen: int) -> bytes:
        """What a returning reader did not see: the events, then one snapshot of what changed."""
        last_id = self._last_id
        events = [
            _frame("event", _event_json(event), id_)
            for id_, event in self._kept
            if id_ > seen and reader.wants(event.session_id)
        ]
        changed = [key for key, at in self._changed_at.items() if at > seen and reader.wants(key)]
        removed = [key for key, at in self._removed_at.items() if at > seen and reader.wants(key)]
        return b"".join(events) + self._snapshot_frame(await self._snapshots(changed), removed, last_id)

    async def _whole(self, reader: Subscription) -> bytes:
        last_id = self._last_id
        wanted = [key for key in self._hub.sessions if reader.wants(key)]
        return self._snapshot_frame(await self._snapshots(wanted), [], last_id, full=True)

    async def _snapshots(self, session_ids: Sequence[str]) -> dict[str, msgspec.Raw]:
        """Encoded snapshots of those that are live."""
        found: dict[str, msgspec.Raw] = {}
        for number, session_id in enumerate(session_ids, 1):
            snapshot = self._hub.snapshot(session_id, self._now())
            if snapshot is not None:
                found[session_id] = msgspec.Raw(to_json(snapshot))
            if number % SLICE == 0:
                await asyncio.sleep(0)
        return found

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
        snapshots = await self._snapshots(wanted)
        if all_readers:
            self._offer(all_readers, self._snapshot_frame(snapshots, removed, frame_id))
        for key in wanted:
            if readers := self._readers_of(key):
                own = {key: snapshots[key]} if key in snapshots else {}
                gone = [key] if key in removed else []
                self._offer(readers, self._snapshot_frame(own, gone, frame_id))

    def _readers_of(self, session_id: str) -> list[Subscription]:
        return [reader for reader in self._subscribers if reader.session_id == session_id]

    def _offer(self, readers: Sequence[Subscription], frame: bytes) -> None:
        for reader in readers:
            self.overflows += not reader.offer(frame)

    def _snapshot_frame(
        self, sessions: Mapping[str, msgspec.Raw], removed: Sequence[str], id_: int, *, full: bool = False
    ) -> bytes:
        totals = self._hub.totals(self._now())
        body = {"sessions": list(sessions.values()), "removed": removed, "totals": totals, "full": full}
        return _frame("snapshot", to_json(body), id_)


def _event_json(event: Event) -> bytes:
    names = [field.name for field in dataclasses.fields(event) if field.name not in IN_MEMORY_FIELDS]
    return to_json({"type": type(event).__name__} | {name: getattr(event, name) for name in names})


def _frame(name: str, data: bytes, id_: int | None = None) -> bytes:
    """One server-sent event; JSON has no line breaks, so one data line holds it."""
    head = b"" if id_ is None else b"id: %d\n" % id_
    return b"%sevent: %s\ndata: %s\n\n" % (head, name.encode(), data)
