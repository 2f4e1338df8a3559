"""What the sidecar and Envoy keep in memory: idle, for each live session, through a gigabyte, and while one is stopped.

    python bench/memory.py [--sessions 2000] [--mebibytes 1024] [--stopped 60] [--write]     (about four minutes)

Resident sizes are the kernel's (`VmRSS`, `VmHWM` of proc(5)). A session that is live has made three calls of 4 KB.
The gigabyte comes once at a pace of many busy streams, and once as fast as the loopback takes it. The sidecar is
stopped (SIGSTOP) under twenty streams of 1 MB/s.
"""

from __future__ import annotations

import asyncio
import signal
import sys
import tempfile
import time
from argparse import ArgumentParser, Namespace
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from bench.rig.asking import Call, Told, all_at_once, altered, in_turn  # noqa: E402 - found on the path just set
from bench.rig.figures import (  # noqa: E402
    MIB,
    Figure,
    Result,
    command,
    forget_peak,
    peak_bytes,
    resident_bytes,
    slope,
    table,
)
from bench.rig.plan import Plan, request_body  # noqa: E402
from bench.rig.stacks import Watched, watched  # noqa: E402
from bench.rig.vendor import VendorAt, vendor  # noqa: E402
from clauditor.proxy.envoy import Admin  # noqa: E402

CALLS: Final = 3
POINTS: Final = 4
LINES: Final = 16
EVENT_BYTES: Final = 16_000
PACE: Final = 25 * MIB
STREAMS: Final = 20
STREAM_BYTES_A_SECOND: Final = 1_000_000
RETURN_SECONDS: Final = 30.0
SAMPLE_SECONDS: Final = 0.25
LEAD_SECONDS: Final = 4.0
_ALLOCATED: Final = "server.memory_allocated"


def sessions(stack: Watched, count: int, settle: float) -> list[Figure]:
    """Resident size after more and more live sessions; the straight line through it says what one takes."""
    pid = stack.pid("sidecar")
    idle = resident_bytes(pid)
    points = []
    for number in range(1, POINTS + 1):
        some = range(count * (number - 1) // POINTS, count * number // POINTS)
        plans = (
            Call(f"bench-{one:05}", Plan(name=f"m{one:05}-{turn}"), request_body(4_000))
            for one in some
            for turn in range(CALLS)
        )
        told = Told()
        asyncio.run(in_turn(stack.url, plans, told, lines=LINES))
        time.sleep(settle)
        points.append((float(some.stop), float(resident_bytes(pid))))
    each = slope(points) / 1000
    grown = ", ".join(f"{sessions:.0f}: {size / MIB:.0f} MiB" for sessions, size in points)
    return [
        Figure(
            what="sidecar, idle after its start",
            goal="<= 90 MB",
            measured=f"{idle / 1e6:.0f} MB",
            is_met=idle <= 90e6,
        ),
        Figure(
            what=f"sidecar, each live session (from {points[0][0]:.0f} to {points[-1][0]:.0f})",
            goal="<= 25 KB",
            measured=f"{each:.1f} KB ({grown})",
            is_met=each <= 25,
        ),
    ]


def one_long(stack: Watched, vendor_at: VendorAt, size: int, pace: float, wrong: list[str]) -> list[Figure]:
    """One answer of so many bytes."""
    pids = {name: stack.pid(name) for name in ("sidecar", "envoy")}
    before = {name: resident_bytes(pid) for name, pid in pids.items()}
    for pid in pids.values():
        forget_peak(pid)
    name = f"long-{pace:.0f}"
    gap = EVENT_BYTES / pace if pace else 0.0
    plan = Plan(name=name, events=size // EVENT_BYTES, text_bytes=EVENT_BYTES, gap_seconds=gap)
    calls, told = [Call(name, plan, request_body())], Told()
    began = time.monotonic()
    asyncio.run(all_at_once(stack.url, calls, told))
    took = time.monotonic() - began
    missing = stack.missing({name: vendor_at.book()[name]}, 20.0)
    different = altered(calls, told, vendor_at.book())
    peaks = {one: peak_bytes(pid) for one, pid in pids.items()}
    deadline = time.monotonic() + RETURN_SECONDS
    while time.monotonic() < deadline and any(
        resident_bytes(pid) > 1.2 * before[one] for one, pid in pids.items()
    ):
        time.sleep(SAMPLE_SECONDS)
    after = {one: resident_bytes(pid) / before[one] - 1 for one, pid in pids.items()}
    wrong += [*told.errors, *(f"altered: {each}" for each in different)]
    how = f"at {pace / MIB:.0f} MiB/s" if pace else "as fast as it goes"
    seen = "captured whole" if not missing else "told as a gap"
    most = {"sidecar": 200, "envoy": 150}
    figures = [
        Figure(
            what=f"{size / MIB:.0f} MiB in one stream, {how}",
            goal="identical",
            measured=f"{'altered' if different else 'identical'}, {seen}, {took:.0f} s",
            is_met=not different,
        )
    ]
    return figures + [
        Figure(
            what=f"{one}, peak; afterwards",
            goal=f"<= {most[one]} MiB; back to +20 %",
            measured=f"{peaks[one] / MIB:.0f} MiB; {after[one]:+.0%}",
            is_met=peaks[one] <= most[one] * MIB and after[one] <= 0.2,
        )
        for one in pids
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stopped:
    """Envoy while the sidecar stood still: bytes more than before (resident, allocated, left), and seconds."""

    grown: int
    held: int
    left: int
    back: float


def stopped(stack: Watched, vendor_at: VendorAt, seconds: float, wrong: list[str]) -> list[Figure]:
    """The sidecar stands still under twenty busy streams."""
    calls = [
        Call(
            f"stopped-{number}",
            Plan(
                name=f"p{number}",
                events=int(STREAM_BYTES_A_SECOND / EVENT_BYTES * (seconds + 8)),
                text_bytes=EVENT_BYTES,
                gap_seconds=EVENT_BYTES / STREAM_BYTES_A_SECOND,
            ),
            request_body(),
        )
        for number in range(STREAMS)
    ]
    told, envoy, admin = Told(), stack.pid("envoy"), Admin(stack.run.admin_socket)
    sidecar = stack.process("sidecar")

    def allocated() -> int:
        return admin.figures([_ALLOCATED]).get(_ALLOCATED, 0)

    async def play() -> Stopped:
        asking = asyncio.create_task(all_at_once(stack.url, calls, told))
        await asyncio.sleep(LEAD_SECONDS)
        resident, held = resident_bytes(envoy), await asyncio.to_thread(allocated)
        most = most_held = 0
        began = time.monotonic()
        sidecar.signal(signal.SIGSTOP)
        try:
            while time.monotonic() < began + seconds:
                most = max(most, resident_bytes(envoy))
                most_held = max(most_held, await asyncio.to_thread(allocated))
                await asyncio.sleep(SAMPLE_SECONDS)
        finally:
            sidecar.signal(signal.SIGCONT)
        ended = time.monotonic()
        until = ended + RETURN_SECONDS
        while await asyncio.to_thread(allocated) > 1.2 * held and time.monotonic() < until:  # noqa: ASYNC110
            await asyncio.sleep(SAMPLE_SECONDS)
        back = time.monotonic() - ended
        await asking
        return Stopped(
            grown=most - resident, held=most_held - held, left=resident_bytes(envoy) - resident, back=back
        )

    found = asyncio.run(play())
    different = altered(calls, told, vendor_at.book())
    wrong += [*told.errors, *(f"altered: {each}" for each in different)]
    return [
        Figure(
            what=f"sidecar stopped for {seconds:.0f} s, {STREAMS} streams of 1 MB/s",
            goal="identical",
            measured=f"{STREAMS - len(different)} of {STREAMS} identical",
            is_met=not different,
        ),
        Figure(
            what="Envoy grows meanwhile",
            goal="<= 300 MiB",
            measured=f"{found.grown / MIB:.0f} MiB resident ({found.held / MIB:.0f} MiB allocated)",
            is_met=found.grown <= 300 * MIB,
        ),
        Figure(
            what="what it has allocated is back to +20 %",
            goal=f"<= {RETURN_SECONDS:.0f} s",
            measured=f"{found.back:.1f} s; resident then {found.left / MIB:+.0f} MiB, given back later",
            is_met=found.back < RETURN_SECONDS,
        ),
    ]


def run(asked: Namespace) -> Result:
    wrong: list[str] = []
    figures = []
    with tempfile.TemporaryDirectory(prefix="bench-") as directory, vendor() as vendor_at:
        with watched(Path(directory) / "sessions", vendor_at.url) as stack:
            time.sleep(asked.settle)
            figures += [
                Figure(what="Envoy, idle", measured=f"{resident_bytes(stack.pid('envoy')) / 1e6:.0f} MB"),
                *sessions(stack, asked.sessions, asked.settle),
            ]
        for pace in (float(PACE), 0.0):
            with watched(Path(directory) / f"long-{pace:.0f}", vendor_at.url) as stack:
                warm_up(stack, asked.settle)
                figures += one_long(stack, vendor_at, asked.mebibytes * MIB, pace, wrong)
        with watched(Path(directory) / "stopped", vendor_at.url) as stack:
            figures += stopped(stack, vendor_at, asked.stopped, wrong)
    return Result(table(figures), wrong)


def warm_up(stack: Watched, settle: float) -> None:
    """What a first exchange brings into memory is not a stream's."""
    plans = (Call("warm", Plan(name=f"w{number}", events=20), request_body()) for number in range(40))
    asyncio.run(in_turn(stack.url, plans, Told(), lines=4))
    time.sleep(settle)


def options(parser: ArgumentParser) -> None:
    parser.add_argument("--sessions", type=int, default=2_000)
    parser.add_argument("--mebibytes", type=int, default=1_024, help="of the long stream")
    parser.add_argument("--settle", type=float, default=3.0, help="seconds of rest before a size is read")
    parser.add_argument("--stopped", type=float, default=60.0, help="seconds that the sidecar stands still")


if __name__ == "__main__":
    command("memory", __doc__ or "", options, run)
