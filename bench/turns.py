"""Bytes of a turn in the history: the same turns through the whole pipeline, and written by the store alone.

    python bench/turns.py [10000] [--write]     (about two minutes)

`bench/history.py` grows a million turns by telling a hub with a store what happened. Here the first of its turns are
asked for over the wire as well, through Envoy and the sidecar, so that its figure can be believed.
"""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import sys
import tempfile
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from bench import history  # noqa: E402 - found on the path that was just set
from bench.rig.asking import Line  # noqa: E402
from bench.rig.figures import Figure, Result, command, table  # noqa: E402
from bench.rig.plan import Plan, request_body  # noqa: E402
from bench.rig.stacks import watched  # noqa: E402
from bench.rig.vendor import vendor  # noqa: E402
from clauditor.model.events import AttemptFinished, AttemptStarted, Event, ToolCalled, ToolReturned  # noqa: E402
from clauditor.model.usage import Usage  # noqa: E402

TURNS: Final = 10_000
A_SECOND: Final = 200  # what `bench/load.py` shows to be captured whole, with room to spare
REQUEST_BYTES: Final = 4_000
SEED: Final = 1
NEAR: Final = 0.25
LARGE_BYTES: Final = 10.0
MOST_BYTES: Final = 400


@dataclass
class Told:
    """Stands where the hub stands, and keeps what it is told."""

    events: list[Event] = field(default_factory=list)

    def publish(self, event: Event) -> None:
        self.events.append(event)


async def session(url: str, turns: Iterator[float]) -> None:
    """Sessions one after the other, each call as it would have been told to the hub, at the times of `turns`."""
    line, worker = await Line.open(url), history.Worker()
    for at in turns:
        await asyncio.sleep(max(0.0, at - time.monotonic()))
        told: Any = Told()
        worker.call(told, history.START, "")
        start = next(event for event in told.events if isinstance(event, AttemptStarted))
        end = next(event for event in told.events if isinstance(event, AttemptFinished))
        usage = end.usage or Usage()
        plan = Plan(
            name=str(end.message_id).removeprefix("msg_"),
            tools=tuple(
                (e.tool_use_id, e.name, str(e.target)) for e in told.events if isinstance(e, ToolCalled)
            ),
            input=usage.input,
            output=usage.output,
            cache_read=usage.cache_read,
            cache_write=usage.cache_write_5m,
        )
        system = f"Primary working directory: /home/bench/{start.project}\nGit branch: {start.branch}\n"
        results = [e.tool_use_id for e in told.events if isinstance(e, ToolReturned)]
        await line.ask(
            worker.session_id,
            plan,
            request_body(REQUEST_BYTES, tools=results, system=system),
            more={"x-claude-code-prompt-id": str(start.prompt_id)},
        )
        if not worker.calls_left:
            worker = history.Worker()
    line.close()


async def sessions(url: str, turns: int) -> None:
    began = time.monotonic()
    times = (began + number / A_SECOND for number in range(turns))
    await asyncio.gather(*(session(url, times) for _ in range(history.SESSIONS_AT_ONCE)))


def by_table(path: Path) -> tuple[dict[str, int], dict[str, int]]:
    """Bytes and rows by table."""
    with contextlib.closing(sqlite3.connect(path)) as db:
        sizes = dict(db.execute("SELECT name, sum(pgsize) FROM dbstat GROUP BY 1 ORDER BY 2 DESC"))
        count = "SELECT (SELECT count(*) FROM calls), (SELECT count(*) FROM tool_calls)"
        rows = dict(zip(("calls", "tool calls"), db.execute(count).fetchone(), strict=True))
    return sizes, rows


def run(asked: Namespace) -> Result:
    with tempfile.TemporaryDirectory(prefix="bench-") as directory:
        wired, alone = Path(directory) / "stack", Path(directory) / "alone" / "clauditor.db"
        history.rolled.seed(SEED)
        began = time.monotonic()
        with vendor() as vendor_at, watched(wired, vendor_at.url) as stack:
            asyncio.run(sessions(stack.url, asked.turns))
            took = time.monotonic() - began
            missing = stack.missing(vendor_at.book(), 60.0)
        alone.parent.mkdir()
        history.rolled.seed(SEED)
        history.fill(alone, asked.turns)
        found = {"pipeline": by_table(wired / "data" / "clauditor.db"), "store": by_table(alone)}
    whole = {way: sum(sizes.values()) / asked.turns for way, (sizes, _) in found.items()}
    lines = ["| bytes of a turn | through the pipeline | by the store |", "|---|--:|--:|"]
    ways = [{name: size / asked.turns for name, size in sizes.items()} for sizes, _ in found.values()]
    large = [name for name, size in ways[0].items() if size >= LARGE_BYTES]
    lines += [
        f"| `{name}` | " + " | ".join(f"{way.get(name, 0):.1f}" for way in ways) + " |" for name in large
    ]
    rest = [sum(way.values()) - sum(way.get(name, 0) for name in large) for way in ways]
    lines += [f"| indexes and the rest | {rest[0]:.1f} | {rest[1]:.1f} |"]
    lines += [f"| **all** | **{whole['pipeline']:.0f}** | **{whole['store']:.0f}** |"]
    rows = {
        way: ", ".join(f"{count} {name}" for name, count in rows.items()) for way, (_, rows) in found.items()
    }
    apart = whole["pipeline"] / whole["store"] - 1
    figures = [
        Figure(
            what="bytes of a turn through the pipeline",
            goal=f"<= {MOST_BYTES}",
            measured=f"{whole['pipeline']:.0f}",
            is_met=whole["pipeline"] <= MOST_BYTES,
        ),
        Figure(
            what="more than by the store alone",
            goal=f"within {NEAR:.0%}",
            measured=f"{apart:+.0%}",
            is_met=abs(apart) <= NEAR,
        ),
    ]
    head = f"{asked.turns} turns in {took:.0f} s. Rows: {rows['pipeline']} (by the store: {rows['store']})."
    return Result([head, "", *lines, "", *table(figures)], [f"not captured: {name}" for name in missing])


def options(parser: ArgumentParser) -> None:
    parser.add_argument("turns", type=int, nargs="?", default=TURNS)


if __name__ == "__main__":
    command("turns", __doc__ or "", options, run)
