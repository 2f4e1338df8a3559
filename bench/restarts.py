"""How soon is a sidecar that was ended seen to watch again, and is anything then counted twice, or not at all?

    python bench/restarts.py [--restarts 200] [--write]     (about five minutes; 1000: half an hour)

Exchanges begin by the clock, a hundred a second, all the time. The sidecar is ended by SIGKILL and by SIGTERM in turns, and
as soon as the next one is ready again. What counts is the first exchange after its end that is in the history whole.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sqlite3
import sys
import tempfile
import threading
import time
from argparse import ArgumentParser, Namespace
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from bench.rig.asking import Call, Told, altered, in_turn  # noqa: E402 - found on the path that was just set
from bench.rig.figures import Figure, Result, command, percentile, table  # noqa: E402
from bench.rig.plan import Plan, request_body  # noqa: E402
from bench.rig.stacks import Watched, watched  # noqa: E402
from bench.rig.vendor import vendor  # noqa: E402
from clauditor.proxy.running import running  # noqa: E402
from support.waiting import until  # noqa: E402

A_SECOND: Final = 100.0
LINES: Final = 2
SESSIONS: Final = 20
# By then the history holds what was seen: SIGKILL takes the last quarter of a second along.
BETWEEN_SECONDS: Final = 1.0
LAST_SECONDS: Final = 12.0  # the join's patience with what was not seen
GOAL_SECONDS: Final = 1.0
ENDS: Final = (signal.SIGKILL, signal.SIGTERM)


@dataclass(frozen=True, slots=True)
class End:
    """An end of the sidecar: by which signal, how long it took, and when it was gone (Unix nanoseconds)."""

    by: signal.Signals
    seconds: float
    at_ns: int


class Clients:
    """Exchanges that follow each other until `stop`, on a thread of their own."""

    def __init__(self, url: str) -> None:
        self.calls: list[Call] = []
        self.told = Told()
        self._stopping = threading.Event()
        self._thread = threading.Thread(
            target=lambda: asyncio.run(in_turn(url, self._each(), self.told, lines=LINES, a_second=A_SECOND)),
            daemon=True,
        )
        self._thread.start()

    def _each(self) -> Iterator[Call]:
        body = request_body()
        while not self._stopping.is_set():
            number = len(self.calls)
            call = Call(f"restarts-{number % SESSIONS:02}", Plan(name=f"n{number:07}"), body)
            self.calls.append(call)
            yield call

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join()


def ends(stack: Watched, count: int) -> Iterator[End]:
    """The sidecar is ended so many times, and each time waited for."""
    for number in range(count):
        victim, by = stack.process("sidecar"), ENDS[number % len(ENDS)]
        began = time.monotonic()
        victim.signal(by)
        if not victim.wait(10):
            raise RuntimeError(f"a sidecar does not end by {by.name}")
        yield End(by, time.monotonic() - began, time.time_ns())

        def is_back(gone: int = victim.pid) -> bool:
            record = running(stack.run, "sidecar")
            return record is not None and record.ready and record.process.pid != gone

        until(is_back, "the next sidecar")
        time.sleep(BETWEEN_SECONDS)


def twice(stack: Watched) -> int:
    """Exchanges that stand in the history more than once."""
    path = stack.stack.data_dir / "clauditor.db"
    with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=30)) as db:
        return len(
            db.execute(
                "SELECT 1 FROM calls WHERE message_id NOT NULL GROUP BY message_id HAVING count(*) > 1"
            ).fetchall()
        )


def first_captures(found: list[End], times: list[int]) -> dict[signal.Signals, list[float]]:
    """Seconds from each end to the first of the sorted times (Unix nanoseconds) after it, by signal."""
    seconds: dict[signal.Signals, list[float]] = {by: [] for by in ENDS}
    for end in found:
        place = bisect_right(times, end.at_ns)
        if place < len(times):
            seconds[end.by].append((times[place] - end.at_ns) / 1e9)
    return seconds


def run(asked: Namespace) -> Result:
    with (
        tempfile.TemporaryDirectory(prefix="bench-") as directory,
        vendor() as vendor_at,
        watched(Path(directory), vendor_at.url) as stack,
    ):
        clients = Clients(stack.url)
        time.sleep(BETWEEN_SECONDS)
        found = list(ends(stack, asked.restarts))
        clients.stop()
        book, told = vendor_at.book(), clients.told
        time.sleep(LAST_SECONDS)
        missing = set(stack.missing(book, seconds=0))
        gaps, doubles = sum(stack.gaps().values()), twice(stack)
    times = sorted(entry.opened_ns for name, entry in book.items() if name not in missing)
    different = altered(clients.calls, told, book)
    wrong = [*told.errors, *(f"altered: {name}" for name in different), *["counted twice"] * doubles]
    seconds = first_captures(found, times)
    both = [one for by in ENDS for one in seconds[by]]
    own = [end.seconds for end in found if end.by is signal.SIGTERM]
    return Result(
        table(
            [
                Figure(
                    what=f"from the end to the first exchange captured, {len(both)} of {len(found)} ends",
                    goal=f"p99 <= {GOAL_SECONDS:.0f} s",
                    measured=_spread(both),
                    is_met=len(both) == len(found) and percentile(both, 0.99) <= GOAL_SECONDS,
                ),
                *(Figure(what=f"after {by.name}", measured=_spread(seconds[by])) for by in ENDS),
                Figure(what="from SIGTERM to the end", measured=_spread(own)),
                Figure(
                    what="identical on both sides",
                    goal="all",
                    measured=f"{len(clients.calls) - len(different)} of {len(clients.calls)}",
                    is_met=not different,
                ),
                Figure(
                    what="captured whole; told as gaps",
                    goal="together at least all",
                    measured=f"{len(times)}; {gaps} of {len(missing)} that were not",
                    is_met=gaps >= len(missing),
                ),
                Figure(what="counted twice", goal="0", measured=str(doubles), is_met=not doubles),
            ]
        ),
        wrong,
    )


def _spread(seconds: list[float]) -> str:
    if not seconds:
        return "none"
    return f"p50 {percentile(seconds, 0.5):.2f} s, p99 {percentile(seconds, 0.99):.2f} s, longest {max(seconds):.2f} s"


def options(parser: ArgumentParser) -> None:
    parser.add_argument("--restarts", type=int, default=200)


if __name__ == "__main__":
    command("restarts", __doc__ or "", options, run)
