"""From the vendor's writing of a chunk to the subscriber of `/api/v1/stream` that is told of it.

    python bench/live.py [--streams 24] [--seconds 30] [--write]     (a minute and a quarter)

A milestone (first token, end of a call) is an event of its own. Of text that grows, only the session's snapshot
tells: so for each delta the time is taken until a snapshot comes that is as new as the delta.
"""

from __future__ import annotations

import asyncio
import http.client
import json
import sys
import tempfile
import threading
import time
from argparse import ArgumentParser, Namespace
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

ROOT: Final = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from bench.rig.asking import Call, Heard, Told, in_turn  # noqa: E402 - found on the path that was just set
from bench.rig.figures import Figure, Result, command, percentile, table  # noqa: E402
from bench.rig.plan import Plan, request_body  # noqa: E402
from bench.rig.stacks import Watched, watched  # noqa: E402
from bench.rig.vendor import Entry, vendor  # noqa: E402

EVENTS: Final = 40
GAP_SECONDS: Final = 0.05
LAST_SECONDS: Final = 1.0
MILESTONES: Final = {"FirstToken": "first token", "AttemptFinished": "end of a call"}


@dataclass
class Subscriber:
    """What came over the live stream, and when (Unix nanoseconds)."""

    milestones: dict[tuple[str, str], int] = field(default_factory=dict)
    """By kind of event and session."""
    shots: dict[str, list[tuple[float, int]]] = field(default_factory=lambda: defaultdict(list))
    """By session: how new a snapshot is (Unix seconds), and when it came."""
    begun: threading.Event = field(default_factory=threading.Event)

    def read(self, connection: http.client.HTTPConnection, token: str) -> None:
        """Until the connection ends."""
        connection.request("GET", "/api/v1/stream", headers={"authorization": f"Bearer {token}"})
        answer, waiting = connection.getresponse(), b""
        while piece := answer.read1(1 << 18):
            at_ns = time.time_ns()
            self.begun.set()
            *frames, waiting = (waiting + piece).split(b"\n\n")
            for frame in frames:
                self._note(frame, at_ns)

    def _note(self, frame: bytes, at_ns: int) -> None:
        lines = dict(line.split(b": ", 1) for line in frame.split(b"\n") if b": " in line)
        said = json.loads(lines.get(b"data", b"{}"))
        match lines.get(b"event"):
            case b"event" if said["type"] in MILESTONES:
                self.milestones.setdefault((said["type"], said["session_id"]), at_ns)
            case b"snapshot":
                for shot in said["sessions"]:
                    self.shots[shot["session_id"]].append((shot["last_activity_at"], at_ns))


def play(stack: Watched, calls: list[Call], lines: int, a_second: float) -> tuple[Told, Subscriber]:
    parts = urlsplit(stack.api_url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=30)
    subscriber, told = Subscriber(), Told()
    reading = threading.Thread(target=subscriber.read, args=(connection, stack.token), daemon=True)
    reading.start()
    if not subscriber.begun.wait(10):
        raise RuntimeError("the live stream did not begin")
    asyncio.run(in_turn(stack.url, iter(calls), told, lines=lines, a_second=a_second))
    time.sleep(LAST_SECONDS)
    return told, subscriber


def progress(subscriber: Subscriber, heard: Mapping[str, Heard]) -> tuple[list[float], int]:
    """Seconds from each delta to a snapshot that is as new, and how many were never told so."""
    seconds, untold = [], 0
    for name, one in heard.items():
        shots = subscriber.shots[name]
        newest = [shot[0] for shot in shots]
        for sent_ns in one.sent_ns:
            place = bisect_left(newest, sent_ns / 1e9)
            if place < len(shots):
                seconds.append((shots[place][1] - sent_ns) / 1e9)
            else:
                untold += 1
    return seconds, untold


def milestones(subscriber: Subscriber, kind: str, book: Mapping[str, Entry]) -> list[float]:
    found = []
    for name, entry in book.items():
        sent_ns = entry.opened_ns if kind == "FirstToken" else entry.closed_ns
        if (at_ns := subscriber.milestones.get((kind, name))) is not None:
            found.append((at_ns - sent_ns) / 1e9)
    return found


def run(asked: Namespace) -> Result:
    each = EVENTS * GAP_SECONDS
    figures, wrong = [], []
    with (
        tempfile.TemporaryDirectory(prefix="bench-") as directory,
        vendor() as vendor_at,
        watched(Path(directory), vendor_at.url) as stack,
    ):
        for words, name, a_second in (
            ("each begins in its turn", "turn", asked.streams / each),
            ("all begin in the same moment", "moment", 0.0),
        ):
            calls = [
                Call(name, Plan(name=name, events=EVENTS, gap_seconds=GAP_SECONDS), request_body(2_000))
                for name in (
                    f"{name}-{number:04}" for number in range(int(asked.streams * asked.seconds / each))
                )
            ]
            told, subscriber = play(stack, calls, asked.streams, a_second)
            book = {call.session_id: vendor_at.book()[call.session_id] for call in calls}
            found, missing = measured(words, told, subscriber, book)
            figures += found
            wrong += [*told.errors, *missing]
    head = (
        f"{asked.streams} streams at once, {1 / GAP_SECONDS:g} deltas a second each, twice for {asked.seconds:g} s; "
        "one subscriber. Clients, vendor, Envoy and sidecar share the machine's cores."
    )
    return Result([head, "", *table(figures)], wrong)


def measured(
    words: str, told: Told, subscriber: Subscriber, book: Mapping[str, Entry]
) -> tuple[list[Figure], list[str]]:
    """The figures of one way to begin, and what was never told of."""
    figures, wrong = [], []
    for kind, what in MILESTONES.items():
        times = milestones(subscriber, kind, book)
        wrong += [f"{kind} was told of {len(times)} of {len(book)} calls"] if len(times) < len(book) else []
        figures.append(_figure(f"{words}: {what}, {len(times)} of {len(book)} calls", times, 50))
    deltas, untold = progress(subscriber, told.heard)
    figures.append(_figure(f"{words}: text that grows, {len(deltas)} deltas", deltas, 300))
    fresh = [(at_ns / 1e9 - newest) for name in book for newest, at_ns in subscriber.shots[name]]
    firsts = [one.delays[0] for one in told.heard.values() if one.delays]
    figures += [
        Figure(what=f"{words}: age of the newest in a snapshot that comes", measured=_spread(fresh)),
        Figure(what=f"{words}: for comparison, the first delta at the client", measured=_spread(firsts)),
    ]
    wrong += [f"{untold} deltas were never told of"] if untold else []
    return figures, wrong


def _spread(seconds: list[float]) -> str:
    p50, p99 = (percentile(seconds, ratio) * 1e3 for ratio in (0.5, 0.99))
    return f"p50 {p50:.0f} ms, p99 {p99:.0f} ms"


def _figure(what: str, seconds: list[float], most: float) -> Figure:
    return Figure(
        what=what,
        goal=f"p99 <= {most:g} ms",
        measured=f"{_spread(seconds)}, longest {max(seconds) * 1e3:.0f} ms",
        is_met=percentile(seconds, 0.99) * 1e3 <= most,
    )


def options(parser: ArgumentParser) -> None:
    parser.add_argument("--streams", type=int, default=24)
    parser.add_argument("--seconds", type=float, default=30.0)


if __name__ == "__main__":
    command("live", __doc__ or "", options, run)
