"""Reads the live stream in a thread of its own, for as long as it takes: what breaks off is opened again.

The thread only reads; who asks with `next` may wait with a deadline, and is woken by Ctrl-C. Between them is a
queue of bounded length: a reader that is slow makes the sidecar skip, which it says.
"""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, Protocol

from clauditor.errors import ClauditorError

MAX_QUEUED: Final = 256  # frames
RETRY_SECONDS: Final = (0.2, 0.5, 1.0, 2.0)


class Streams(Protocol):
    """What is asked of the sidecar. Raises ClauditorError when it cannot answer."""

    def stream(
        self, session: str | None = None, *, last_event_id: str | None = None
    ) -> Iterator[tuple[str, str | None, dict[str, Any]]]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """One server-sent event, `is_again`: the first one after the connection was lost."""

    name: str
    data: dict[str, Any]
    is_again: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Lost:
    """The stream broke off, or fell silent; it is tried again."""


class Follower:
    """Start it once; `next` gives what came, in order."""

    def __init__(self, sidecar: Streams, session_id: str | None = None) -> None:
        self._sidecar = sidecar
        self._session_id = session_id
        self._queue: queue.Queue[Frame | Lost] = queue.Queue(MAX_QUEUED)
        self._stop = threading.Event()

    def start(self) -> None:
        # A daemon thread: it may hang in a read when the program ends.
        threading.Thread(target=self._run, name="follow", daemon=True).start()

    def stop(self) -> None:
        """The thread ends with the next frame, a heartbeat at the latest."""
        self._stop.set()

    def next(self, seconds: float) -> Frame | Lost | None:
        """The next frame; None if none came within `seconds`."""
        try:
            return self._queue.get(timeout=seconds)
        except queue.Empty:
            return None

    def _run(self) -> None:
        last_id: str | None = None
        failures, was_lost = 0, False
        while not self._stop.is_set():
            try:
                for name, frame_id, data in self._sidecar.stream(self._session_id, last_event_id=last_id):
                    last_id = frame_id or last_id
                    self._put(Frame(name=name, data=data, is_again=was_lost))
                    failures, was_lost = 0, False
                    if self._stop.is_set():
                        return
            except ClauditorError:
                failures += 1
            if not was_lost:
                self._put(Lost())
                was_lost = True
            self._stop.wait(RETRY_SECONDS[min(failures, len(RETRY_SECONDS) - 1)])

    def _put(self, item: Frame | Lost) -> None:
        """Wait for room, but not for ever for a reader that went away."""
        while not self._stop.is_set():
            with contextlib.suppress(queue.Full):
                self._queue.put(item, timeout=1.0)
                return
