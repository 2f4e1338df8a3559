"""A sidecar that stands still for a minute under streams of 64 MiB, and what that takes of Envoy's memory."""

from __future__ import annotations

import contextlib
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from faults import faults
from faults.kinds import MIB, STALLED
from faults.lab import Lab, laboratory
from faults.matrix import cell
from faults.report import Section, line, ms

STALL_SECONDS: Final = 60.0


def stall(directory: Path) -> Section:
    """Stopped as shipped, and blocked with the watchdog off."""
    rows = []
    section = Section()
    stopped, blocked = faults.Stopped(), faults.Blocked()
    stopped.unseen = "spanning"  # after six seconds Envoy gives it up
    for fault in (stopped, blocked):
        fault.seconds = STALL_SECONDS
        place = directory / type(fault).__name__
        place.mkdir()
        with laboratory(place, settings=fault.settings) as lab:
            memory = Memory(lab)
            with memory.watched():
                found = cell(lab, fault, STALLED)
        sys.stdout.write(f"{line(found)}\n")
        section.complaints += [f"{fault.name}: {why}" for why in found.complaints]
        rows.append(
            [
                fault.name,
                str(min(strike.held for strike in found.strikes)),
                ms(found.pauses["watched"]),
                ms(found.pauses["bare"]),
                f"{found.added_p99 * 1000:+.1f} ms",
                f"{len(found.bytes.altered)} / {len(found.bytes.failed['watched'])}",
                f"{memory.first / MIB:.0f} / {memory.most / MIB:.0f} MiB",
                f"{found.gaps.found} / {found.gaps.made}",
            ]
        )
    section.say(
        f"{STALLED.clients} watched streams of 64 MiB in {STALLED.seconds:.0f} s or a little more, as many at a bare"
        f" Envoy at the same time; the sidecar stands still for {STALL_SECONDS:.0f} s of them. SIGSTOP as shipped; the"
        " blocked loop with the watchdog off, which would have ended the process after ten seconds. Pauses are those"
        " between two pieces of a body in milliseconds, p50 / p99 / longest."
    )
    section.table(
        ["stall", "open streams", "pauses", "bare Envoy", "added p99", "altered / failed",
         "Envoy's memory before / most", "gaps told / certain"],
        rows,
    )  # fmt: skip
    return section


class Memory:
    """Envoy's own count of what it has allocated, at the start and at its most; bytes."""

    NAME: Final = "server.memory_allocated"

    def __init__(self, lab: Lab) -> None:
        self._lab = lab
        self.first = self.most = self._now()

    @contextlib.contextmanager
    def watched(self) -> Iterator[None]:
        done = threading.Event()

        def look() -> None:
            while not done.wait(0.5):
                self.most = max(self.most, self._now())

        watching = threading.Thread(target=look)
        watching.start()
        try:
            yield
        finally:
            done.set()
            watching.join(10)

    def _now(self) -> int:
        return self._lab.admin.figures([self.NAME]).get(self.NAME, 0)
