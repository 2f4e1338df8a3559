"""The last line of defence of a command that somebody waits for: after so many seconds, whatever it does, it stops.

Timeouts of sockets cover the network only; a home directory on a sleeping disk, or a client that never closes our
stdin, would hold us all the same. Source: setitimer(2).
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

# For the sidecar's answer, at most: it takes 2 ms, on a machine at its limit twenty times that.
ASK_SECONDS: Final = 0.08
WHOLE_SECONDS: Final = 0.13  # for all we do; with start and end of Python below 200 ms
MOST_LOAD: Final = 8.0  # times as long, at most


class TooLateError(Exception):
    """The time is over."""


def stretched(seconds: float) -> float:
    """As long on a machine with more to do than cores as it takes there: for what nobody waits for.

    With twice as many runnable processes as cores, everything takes twice its time, the sidecar's answer too.
    """
    try:
        load = os.getloadavg()[0] / (os.cpu_count() or 1)
    except OSError:
        return seconds
    return seconds * min(max(load, 1.0), MOST_LOAD)


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
