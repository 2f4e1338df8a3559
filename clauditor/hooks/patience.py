"""The last line of defence of a command that somebody waits for: after so many seconds, whatever it does, it stops.

Timeouts of sockets cover the network only; a home directory on a sleeping disk, or a client that never closes our
stdin, would hold us all the same. Source: setitimer(2).
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

ASK_SECONDS: Final = (
    0.1  # for the sidecar's answer, at most; it takes 2 ms, on a machine at its limit twenty times that
)
WHOLE_SECONDS: Final = 0.13  # for all we do; with start and end of Python below 200 ms


class TooLateError(Exception):
    """The time is over."""


@contextmanager
def at_most(seconds: float) -> Iterator[None]:
    """Raise TooLateError in the block when `seconds` are over. Main thread only."""

    def give_up(_number: int, _frame: FrameType | None) -> None:
        raise TooLateError

    before = signal.signal(signal.SIGALRM, give_up)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
