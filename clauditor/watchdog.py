"""Ends a process whose event loop has stopped turning, so that the supervisor starts a new one.

Measured with Envoy 1.40: a blocked (not stopped) sidecar still answers pings, so Envoy never gives it up and keeps more
and more of what it cannot deliver. Time is counted in looks of the watching thread, not by a clock: a process that was
stopped, or a machine that slept, has not looked either. A call into C that keeps the interpreter to itself (a regular
expression does) stops that thread as well: then the kernel ends the process by twice as much processor time
(setitimer(2), ITIMER_PROF), so that the thread, which says more, comes first where it can.
"""

from __future__ import annotations

import asyncio
import faulthandler
import logging
import os
import signal
import threading
from collections.abc import Sequence
from typing import Final

log = logging.getLogger(__name__)

LOOKS: Final = 5  # in a row without an answer
EXIT_CODE: Final = 70  # sysexits(3): an error of our own


class Watchdog:
    """Watches the loops of this process from a thread of its own until `stop`."""

    def __init__(self, loops: Sequence[asyncio.AbstractEventLoop], *, seconds: float) -> None:
        self._loops = loops
        self._seconds = seconds
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="watchdog", daemon=True)

    def start(self) -> None:
        faulthandler.register(signal.SIGPROF, chain=True)  # say where every thread stands, and end
        signal.setitimer(signal.ITIMER_PROF, 2 * self._seconds)
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        signal.setitimer(signal.ITIMER_PROF, 0)

    def _watch(self) -> None:
        answers = [threading.Event() for _ in self._loops]
        unanswered = 0
        while not self._stopping.wait(self._seconds / LOOKS):
            if unanswered == 0 or all(answer.is_set() for answer in answers):
                unanswered = 0
                if not self._ask(answers):
                    return
            unanswered += 1
            if unanswered > LOOKS:
                log.critical(
                    "the event loop has not turned for %.0f s: the sidecar ends, to be started again",
                    self._seconds,
                )
                faulthandler.dump_traceback()
                os._exit(EXIT_CODE)

    def _ask(self, answers: Sequence[threading.Event]) -> bool:
        """Have each loop answer once it turns; False: one is closed, and the process ends anyway."""
        signal.setitimer(signal.ITIMER_PROF, 2 * self._seconds)
        for loop, answer in zip(self._loops, answers, strict=True):
            answer.clear()
            try:
                loop.call_soon_threadsafe(answer.set)
            except RuntimeError:
                return False
        return True
