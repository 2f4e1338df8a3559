"""One way to a person or a program: its queue, its thread, its counts. Offering never blocks.

What a way cannot deliver is counted and said in the log once in a while; it holds up nothing but what waits for
the same way, and that is bounded.
"""

from __future__ import annotations

import logging
import queue
import threading
from contextlib import suppress
from typing import Final, Generic, Protocol, TypeVar

from clauditor.errors import ClauditorError

log = logging.getLogger(__name__)

MAX_WAITING: Final = 64
_LOG_EVERY: Final = 100  # failures in a row

T = TypeVar("T")
T_contra = TypeVar("T_contra", contravariant=True)


class GoneError(ClauditorError):
    """A way that cannot be taken at all: what it needs is not there."""


class Way(Protocol[T_contra]):
    """How something is delivered, one at a time, on a thread of its own."""

    @property
    def name(self) -> str: ...

    def deliver(self, what: T_contra) -> None:
        """Blocks for a bounded time. Raises ClauditorError, one sentence with the remedy and no secret."""
        ...

    def close(self) -> None:
        """End what is under way; from another thread."""
        ...


class Courier(Generic[T]):
    """Takes what is offered to `way`, in order. `delivered`, `failed`, `dropped` count since the start."""

    def __init__(self, way: Way[T]) -> None:
        self.name = way.name
        self.delivered = 0
        self.failed = 0
        self.dropped = 0
        self.is_gone = False
        self._way = way
        self._waiting: queue.Queue[T | None] = queue.Queue(MAX_WAITING)
        self._closing = False
        self._failed_in_a_row = 0
        # A daemon: the process ends in time even if a delivery does not.
        self._thread = threading.Thread(target=self._run, name=f"alerts-{way.name}", daemon=True)

    @property
    def waiting(self) -> int:
        return self._waiting.qsize()

    def start(self) -> None:
        if not self._thread.is_alive() and not self._closing:
            self._thread.start()

    def offer(self, what: T) -> None:
        """Does not block: what the queue cannot hold is dropped and counted."""
        if self.is_gone:
            return
        try:
            self._waiting.put_nowait(what)
        except queue.Full:
            self.dropped += 1

    def close(self) -> None:
        """Give up what waits and what is under way. Does not block."""
        self._closing = True
        with suppress(queue.Full):  # full: the thread finds something, and then that it is over
            self._waiting.put_nowait(None)
        self._way.close()

    # -- on the thread -------------------------------------------------------------------------------

    def _run(self) -> None:
        while not self.is_gone:
            what = self._waiting.get()
            if what is None or self._closing:
                return
            try:
                self._way.deliver(what)
            except ClauditorError as error:
                self._note_failure(error)
            except Exception:
                self.failed += 1
                log.exception("an alert by %s could not be delivered", self.name)
            else:
                self.delivered += 1
                self._failed_in_a_row = 0

    def _note_failure(self, error: ClauditorError) -> None:
        self.failed += 1
        self._failed_in_a_row += 1
        self.is_gone = isinstance(error, GoneError)
        if self.is_gone:
            log.warning("alerts by %s are off until the next start: %s", self.name, error)
        elif self._failed_in_a_row % _LOG_EVERY == 1 and not self._closing:
            log.warning("an alert by %s was not delivered (%d so far): %s", self.name, self.failed, error)
