"""What was copied and is not yet looked at: filled by one thread, emptied by the event loop, bounded in bytes.

A copy that finds no room is given up: what waits of it is still looked at, the rest passes unseen and is counted. The
two sides share nothing but a deque and numbers that one of them writes.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass
from typing import Final, Literal

from clauditor.pb.ext_proc_pb2 import ProcessingRequest

MAX_COPY_BYTES: Final = 40 << 20  # of one exchange: more than the longest request that the API takes
MAX_BYTES: Final = 64 << 20  # of all: minutes of dozens of streams, or a loop that is blocked for seconds
MESSAGE_BYTES: Final = 512  # what a message takes besides its content

End = Literal["whole", "cut", "stopped", "overflow"]
"""How a copy came to its end: `stopped`, because this program ends; `overflow`, there is no room for its rest."""


class Copy:
    """One exchange as it is copied; told apart by identity. The loop writes `seen_bytes`, the thread the rest."""

    __slots__ = ("came_bytes", "dropped_bytes", "is_dropped", "seen_bytes")

    def __init__(self) -> None:
        self.is_dropped = False
        self.came_bytes = 0
        self.seen_bytes = 0
        self.dropped_bytes = 0


@dataclass(frozen=True, slots=True)
class Item:
    """A message of a copy, or its end, and when it came (seconds of the clock of whoever fills the inbox)."""

    copy: Copy
    what: ProcessingRequest | End
    size: int
    at: float


@dataclass(slots=True)
class InboxCounters:
    """Copies that found no room since the start, by the limit that they met, and bytes that were dropped."""

    of_one: int = 0
    of_all: int = 0
    bytes_dropped: int = 0


class Inbox:
    """First in, first out. `has_room`, `put` and `end` are for the thread that fills, the rest for the loop."""

    def __init__(self, *, max_bytes: int = MAX_BYTES, max_copy_bytes: int = MAX_COPY_BYTES) -> None:
        self.counters = InboxCounters()
        self._max_bytes = max_bytes
        self._max_copy_bytes = max_copy_bytes
        self._items: deque[Item] = deque()
        self._came_bytes = 0
        self._seen_bytes = 0
        self._is_awake = True  # whether the loop will look without being told
        self._ready = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def waiting_bytes(self) -> int:
        return self._came_bytes - self._seen_bytes

    @property
    def oldest_at(self) -> float | None:
        """When what is taken next came; None: there is nothing."""
        return self._items[0].at if self._items else None

    def has_room(self, copy: Copy, size: int) -> bool:
        """Whether a message of `size` bytes would be taken now."""
        return not self._is_long(copy, size) and self.waiting_bytes + size + MESSAGE_BYTES <= self._max_bytes

    def _is_long(self, copy: Copy, size: int) -> bool:
        return copy.came_bytes - copy.seen_bytes + size + MESSAGE_BYTES > self._max_copy_bytes

    def put(self, copy: Copy, message: ProcessingRequest, size: int, at: float) -> None:
        """Hand on a message of `size` bytes, or drop it. Does not block."""
        if not copy.is_dropped:
            if self.has_room(copy, size):
                size += MESSAGE_BYTES
                copy.came_bytes += size
                self._came_bytes += size
                self._append(Item(copy, message, size, at))
                return
            copy.is_dropped = True
            if self._is_long(copy, size):
                self.counters.of_one += 1
            else:
                self.counters.of_all += 1
            self._append(Item(copy, "overflow", 0, at))
        copy.dropped_bytes += size
        self.counters.bytes_dropped += size

    def end(self, copy: Copy, how: End, at: float) -> None:
        """The copy is over."""
        self._append(Item(copy, how, 0, at))

    def take(self) -> Item | None:
        """The next item; None: there is none now."""
        if not self._items:
            return None
        item = self._items.popleft()
        item.copy.seen_bytes += item.size
        self._seen_bytes += item.size
        return item

    async def wait(self) -> None:
        """Wait for something to take."""
        self._loop = asyncio.get_running_loop()
        self._ready.clear()
        self._is_awake = False
        if not self._items:  # what came before it could be seen that we sleep
            await self._ready.wait()
        self._is_awake = True

    def _append(self, item: Item) -> None:
        self._items.append(item)
        if not self._is_awake and self._loop is not None:
            self._is_awake = True
            self._loop.call_soon_threadsafe(self._ready.set)
