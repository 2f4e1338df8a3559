"""Does anything grow that should not? The real stack under steady traffic, with sessions that come and end.

    python bench/soak.py [--minutes 20] [--a-second 0.2] [--calls 100] [--write]     (`make soak MINUTES=n`)

So many sessions begin each second; each makes some calls with streamed answers, runs tools, and ends as the client says by
its hook. A subscriber listens all the time, and metrics are scraped. Every two seconds the kernel tells of each program its
resident size, open files and threads, and the file system the sizes of the write-ahead log and of everything else.

An ended session stays in memory for ten minutes, so the sidecar fills for that long: until then (and a little) is warm-up.
SQLite also keeps up to two megabytes of pages, which some seven thousand calls fill, and the history's writer remembers
the keys of ten thousand sessions (about 2 MB): many more sessions than people have show as growth until then.
A slope is told with its 95 % interval, from means of blocks, as neighbouring samples say the same thing twice; a run that is
too short for the interval to be of use says so and only looks for what is gross. Ends with 1 for open files or threads
that grow, a log beyond its limit, failed or altered answers, or memory that grows beyond doubt.
"""

from __future__ import annotations

import asyncio
import math
import statistics
import sys
import tempfile
import threading
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from bench.rig.coming import Traffic, clients, listen  # noqa: E402 - found on the path that was just set
from bench.rig.figures import MIB, Figure, Result, command, resident_bytes, slope, table  # noqa: E402
from bench.rig.stacks import Watched, watched  # noqa: E402
from bench.rig.vendor import VendorAt, vendor  # noqa: E402
from clauditor.edge.logfile import LIMIT_BYTES as ACCESS_LOG_BYTES  # noqa: E402
from clauditor.hub import FORGET_AFTER_SECONDS  # noqa: E402
from clauditor.proxy.rundir import LOG_LIMIT_BYTES  # noqa: E402
from clauditor.proxy.running import Name  # noqa: E402
from clauditor.store.database import WAL_LIMIT_BYTES  # noqa: E402

NAMES: Final[tuple[Name, ...]] = ("envoy", "sidecar", "supervisor")
SAMPLE_SECONDS: Final = 2.0
SCRAPE_SECONDS: Final = 15.0
FILLING_SECONDS: Final = FORGET_AFTER_SECONDS + 60.0
BLOCKS: Final = 10
T_95: Final = 2.306  # of Student's distribution with BLOCKS - 2 degrees of freedom
GOAL_MIB_AN_HOUR: Final = 1.0
LONG_SECONDS: Final = 3600.0  # after the warm-up; in less, what has a limit may still be filling
GROSS_MIB: Final = (
    40.0  # that a short run may grow: what ten minutes of ended sessions take, and the allocators
)
SPARE: Final = 3  # descriptors and threads more or less: a connection that has not gone yet


@dataclass
class Sample:
    """Of one moment: `at` in seconds since the beginning, the rest by program; files in bytes."""

    at: float
    resident: dict[Name, int]
    files: dict[Name, int]
    threads: dict[Name, int]
    wal: int
    logs: dict[str, int]


def sample(stack: Watched, pids: dict[Name, int], began: float) -> Sample:
    wal = stack.stack.data_dir / "clauditor.db-wal"
    logs = [path for path in stack.run.path.iterdir() if ".log" in path.name]
    return Sample(
        at=time.monotonic() - began,
        resident={name: resident_bytes(pid) for name, pid in pids.items()},
        files={name: _count(pid, "fd") for name, pid in pids.items()},
        threads={name: _count(pid, "task") for name, pid in pids.items()},
        wal=_size(wal),
        logs={path.name: _size(path) for path in logs},
    )


def _count(pid: int, kind: str) -> int:
    return sum(1 for _ in Path(f"/proc/{pid}/{kind}").iterdir())


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def compare(traffic: Traffic, vendor_at: VendorAt) -> None:
    """What was heard against what was sent."""
    book = vendor_at.book()
    for name in [name for name in traffic.answers if name in book and book[name].is_whole]:
        if traffic.answers.pop(name) != book[name].response_sha256:
            traffic.wrong.append(f"altered: {name}")
    traffic.wrong += [f"not sent as a whole: {name}" for name in traffic.answers]


def watch(stack: Watched, vendor_at: VendorAt, asked: Namespace, traffic: Traffic) -> list[Sample]:
    """Samples from the beginning to the end of the traffic."""
    pids = {name: stack.pid(name) for name in NAMES}
    samples: list[Sample] = []
    began = time.monotonic()
    playing = threading.Thread(
        target=lambda: asyncio.run(clients(stack, asked.minutes * 60, asked.a_second, asked.calls, traffic)),
        daemon=True,
    )
    end_listening = listen(stack)
    playing.start()
    next_scrape = began
    while playing.is_alive():
        samples.append(sample(stack, pids, began))
        if time.monotonic() >= next_scrape:
            next_scrape += SCRAPE_SECONDS
            stack.metrics()
        playing.join(SAMPLE_SECONDS)
    compare(traffic, vendor_at)
    end_listening()
    if pids != {name: stack.pid(name) for name in NAMES}:
        traffic.wrong.append("a program ended and was started again")
    return [one for one in samples if one.at <= asked.minutes * 60]


def interval(points: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """The slope of a straight line through the means of BLOCKS blocks of points, and half of its 95 % interval.

    Residuals of blocks are taken for independent, which those of single samples are not.
    """
    size = len(points) // BLOCKS
    blocks = [points[at : at + size] for at in range(0, size * BLOCKS, size)]
    means = [(statistics.fmean(x for x, _ in one), statistics.fmean(y for _, y in one)) for one in blocks]
    steep = slope(means)
    middle_x, middle_y = (statistics.fmean(values) for values in zip(*means, strict=True))
    spread = sum((x - middle_x) ** 2 for x, _ in means)
    rest = sum((y - middle_y - steep * (x - middle_x)) ** 2 for x, y in means)
    return steep, T_95 * math.sqrt(rest / (BLOCKS - 2) / spread)


def memory(name: Name, samples: Sequence[Sample], wrong: list[str]) -> Figure:
    """How a program's resident size grew, and whether that is known."""
    first, last = samples[0].resident[name] / MIB, samples[-1].resident[name] / MIB
    most = max(one.resident[name] for one in samples) / MIB
    sizes = f"{first:.0f} MiB at first, {last:.0f} at the end, {most:.0f} at most"
    settled = [one for one in samples if one.at >= FILLING_SECONDS]
    what = f"{name}: memory"
    if len(settled) < 6 * BLOCKS:
        if last - first > GROSS_MIB:
            wrong.append(f"{name} grew from {first:.0f} to {last:.0f} MiB")
        return Figure(
            what=what, goal=f"grows <= {GROSS_MIB:.0f} MiB", measured=sizes, is_met=last - first <= GROSS_MIB
        )
    steep, half = (
        value * 3600 / MIB for value in interval([(one.at, one.resident[name]) for one in settled])
    )
    span = f"{steep:+.1f} MiB/h (95 %: {steep - half:+.1f} to {steep + half:+.1f})"
    is_long = settled[-1].at - settled[0].at >= LONG_SECONDS
    is_met = True if steep + half < GOAL_MIB_AN_HOUR else False if is_long else None
    if last - first > GROSS_MIB or (is_long and steep - half > GOAL_MIB_AN_HOUR):
        wrong.append(f"{name} grows by {span}")
    short = "" if is_met is not None else ", too short to say"
    return Figure(
        what=what, goal="< 1 MiB/h after the warm-up", measured=f"{span}{short}; {sizes}", is_met=is_met
    )


def constant(what: str, values: Sequence[float], wrong: list[str]) -> Figure:
    """Whether the second half has as many as the first, give or take SPARE."""
    middle = len(values) // 2
    before, after = statistics.median(values[:middle]), statistics.median(values[middle:])
    is_met = after - before <= SPARE
    if not is_met:
        wrong.append(f"{what}: {before:g}, then {after:g}")
    measured = f"{before:g} in the first half, {after:g} in the second, {max(values):g} at most"
    return Figure(what=what, goal=f"constant, +-{SPARE}", measured=measured, is_met=is_met)


def bounded(what: str, most: float, limit: float, wrong: list[str]) -> Figure:
    is_met = most <= limit
    if not is_met:
        wrong.append(f"{what}: {most / MIB:.1f} MiB")
    return Figure(
        what=what, goal=f"<= {limit / MIB:.0f} MiB", measured=f"{most / MIB:.1f} MiB", is_met=is_met
    )


def figures(samples: Sequence[Sample], wrong: list[str]) -> list[Figure]:
    # The first sessions come one by one; from then on as many live at any time.
    steady = [one for one in samples if one.at >= min(30.0, samples[-1].at / 4)]
    found = [memory(name, steady, wrong) for name in NAMES]
    counts: tuple[tuple[str, Callable[[Sample, Name], int]], ...] = (
        ("open files", lambda one, name: one.files[name]),
        ("threads", lambda one, name: one.threads[name]),
    )
    for what, count in counts:
        found += [constant(f"{name}: {what}", [count(one, name) for one in steady], wrong) for name in NAMES]
    found.append(bounded("write-ahead log", max(one.wal for one in samples), WAL_LIMIT_BYTES, wrong))
    for name in sorted({name for one in samples for name in one.logs}):
        limit = ACCESS_LOG_BYTES if name.startswith("access") else LOG_LIMIT_BYTES
        found.append(bounded(name, max(one.logs.get(name, 0) for one in samples), limit, wrong))
    return found


def run(asked: Namespace) -> Result:
    traffic = Traffic()
    with (
        tempfile.TemporaryDirectory(prefix="bench-") as directory,
        vendor() as vendor_at,
        watched(Path(directory), vendor_at.url) as stack,
    ):
        samples = watch(stack, vendor_at, asked, traffic)
        troubles = [*stack.troubles(), *stack.dropped()]
    found = figures(samples, traffic.wrong)
    said = (
        f"{asked.minutes:g} minutes, {traffic.sessions} sessions with {traffic.calls} calls came and ended;"
        f" {', '.join(troubles) or 'Envoy and the sidecar lost no copy'}."
    )
    return Result([said, "", *table(found)], traffic.wrong)


def options(parser: ArgumentParser) -> None:
    parser.add_argument("--minutes", type=float, default=20.0)
    parser.add_argument("--a-second", type=float, default=0.2, help="sessions that begin")
    parser.add_argument("--calls", type=int, default=100, help="of each session")


if __name__ == "__main__":
    command("soak", __doc__ or "", options, run, ROOT / "docs" / "security.md")
