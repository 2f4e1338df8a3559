"""One reader of the live stream: the frames that wait for it, bounded. Readers share the frames, not copies of them."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterator
from typing import Final

PIECE_BYTES: Final = 1 << 16  # what is handed to the connection at once, and copied there
MAX_QUEUED: Final = 256  # frames a subscriber may be behind
MAX_QUEUED_BYTES: Final = 4 << 20


class Subscription:
    """One reader's place: the frames that wait for it. A reader too far behind needs the whole picture."""

    def __init__(self, session_id: str | None) -> None:
        self.session_id = session_id
        self.needs_whole = True
        self.is_closed = False
        self._frames: deque[bytes] = deque()
        self._bytes = 0
        self._ready = asyncio.Event()

    def wants(self, session_id: str) -> bool:
        return self.session_id in {None, session_id}

    def offer(self, frame: bytes) -> bool:
        """Queue a frame; False if that was one too many."""
        if self.needs_whole:
            return True  # what this frame says will be part of the whole picture
        self._frames.append(frame)
        self._bytes += len(frame)
        self.needs_whole = len(self._frames) > MAX_QUEUED or self._bytes > MAX_QUEUED_BYTES
        if self.needs_whole:
            self._frames.clear()
            self._bytes = 0
        self._ready.set()
        return not self.needs_whole

    def take(self) -> Iterator[bytes]:
        """What waits, in order and in pieces: small frames together, large ones cut. A frame that was begun is ended."""
        while self._frames and not self.is_closed:
            together = [self._taken()]
            size = len(together[0])
            while self._frames and size + len(self._frames[0]) <= PIECE_BYTES:
                together.append(self._taken())
                size += len(together[-1])
            frames = b"".join(together)
            for start in range(0, len(frames), PIECE_BYTES):
                yield frames[start : start + PIECE_BYTES]
        self._ready.clear()

    def _taken(self) -> bytes:
        frame = self._frames.popleft()
        self._bytes -= len(frame)
        return frame

    def close(self) -> None:
        self.is_closed = True
        self._ready.set()

    async def wait(self, until: float) -> bool:
        """Wait for a frame; False if there was none until `until` (the loop's time)."""
        try:
            async with asyncio.timeout_at(until):
                await self._ready.wait()
        except TimeoutError:
            return False
        return True
