"""One reader of the live stream: the frames that wait for it, bounded."""

from __future__ import annotations

import asyncio
from typing import Final

MAX_QUEUED: Final = 256  # frames a subscriber may be behind
MAX_QUEUED_BYTES: Final = 4 << 20


class Subscription:
    """One reader's place: the frames that wait for it. A reader too far behind needs the whole picture."""

    def __init__(self, session_id: str | None) -> None:
        self.session_id = session_id
        self.needs_whole = True
        self.is_closed = False
        self._frames: list[bytes] = []
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
            self.take()
        self._ready.set()
        return not self.needs_whole

    def take(self) -> bytes:
        """Everything that waits, in order."""
        frames = b"".join(self._frames)
        self._frames.clear()
        self._bytes = 0
        self._ready.clear()
        return frames

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
