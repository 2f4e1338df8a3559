"""Thousands of streams at once through Envoy: is each one identical, is each one captured, and what does it take?

    python bench/streams.py [8000] [--write]     (about a minute and a half)

Every stream is a session of its own, so this is also thousands of live sessions. All of them are held open after
their first event until the last one has begun; then each goes on, an event every two seconds. Compared: SHA-256 of
requests and answers on both sides of Envoy, and the history's rows with the vendor's book.
"""

from __future__ import annotations

import asyncio
import os
import resource
import sys
import tempfile
import time
from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from bench.rig.asking import Call, Told, all_at_once, altered  # noqa: E402 - found on the path that was just set
from bench.rig.figures import MIB, Figure, Result, command, cpu_seconds, peak_bytes, resident_bytes, table  # noqa: E402
from bench.rig.plan import Plan, request_body  # noqa: E402
from bench.rig.stacks import watched  # noqa: E402
from bench.rig.vendor import VendorAt, vendor  # noqa: E402

STREAMS: Final = 8_000
EVENTS: Final = 8
GAP_SECONDS: Final = 2.0
BEGIN_SECONDS: Final = 90.0
SPARE_DESCRIPTORS: Final = 500
GOALS: Final = {"sidecar": 300, "envoy": 800}


async def play(vendor_at: VendorAt, url: str, calls: list[Call], told: Told) -> tuple[int, float]:
    """Asks all, and lets them go on once all have begun; how many were held together, and the seconds it took."""
    began = time.monotonic()
    asking = asyncio.create_task(all_at_once(url, calls, told))
    while told.begun + len(told.errors) < len(calls) and time.monotonic() < began + BEGIN_SECONDS:  # noqa: ASYNC110
        await asyncio.sleep(0.1)
    took = time.monotonic() - began
    held = await asyncio.to_thread(vendor_at.held)
    await asyncio.to_thread(vendor_at.go)
    await asking
    return held, took


def run(asked: Namespace) -> Result:
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))  # what is started from here inherits it
    needed = 2 * asked.streams + SPARE_DESCRIPTORS
    if hard < needed:
        raise SystemExit(f"{asked.streams} streams need a nofile limit of {needed}, this machine has {hard}")
    calls = [
        Call(f"bench-{number:05}", plan, request_body())
        for number in range(asked.streams)
        for plan in [
            Plan(
                name=f"s{number:05}", events=EVENTS, gap_seconds=asked.gap, is_held=True, output=100 + number
            )
        ]
    ]
    told = Told()
    with (
        tempfile.TemporaryDirectory(prefix="bench-") as directory,
        vendor() as vendor_at,
        watched(Path(directory), vendor_at.url) as stack,
    ):
        pids = {name: stack.pid(name) for name in ("sidecar", "envoy")}
        before = {name: (resident_bytes(pid), cpu_seconds(pid)) for name, pid in pids.items()}
        held, seconds = asyncio.run(play(vendor_at, stack.url, calls, told))
        book = vendor_at.book()
        missing = stack.missing(book)
        peaks = {name: peak_bytes(pid) / MIB for name, pid in pids.items()}
        used = {name: cpu_seconds(pid) - before[name][1] for name, pid in pids.items()}
        troubles, cut_short = stack.troubles() + stack.dropped(), stack.cut_short()
    different = altered(calls, told, book)
    figures = [
        Figure(
            what="held open at the same time",
            goal=str(asked.streams),
            measured=f"{held}",
            is_met=held == asked.streams,
        ),
        Figure(
            what="identical on both sides, requests and answers",
            goal="all",
            measured=f"{len(calls) - len(different)} of {len(calls)}",
            is_met=not different,
        ),
        Figure(
            what="captured whole, with the tokens that the vendor told",
            goal="all",
            measured=f"{len(book) - len(missing)} of {len(calls)}",
            is_met=not missing and len(book) == len(calls),
        ),
        Figure(
            what="overflow, failed open (Envoy's counters; the sidecar's)",
            goal="none",
            measured=", ".join(troubles) or "none",
            is_met=not troubles,
        ),
        Figure(what="copies that Envoy ended before their last message was read", measured=str(cut_short)),
    ]
    for name, peak in peaks.items():
        most = GOALS[name]
        idle = before[name][0] / MIB
        figures.append(
            Figure(
                what=f"memory of {name}, peak (before)",
                goal=f"<= {most} MiB",
                measured=f"{peak:.0f} MiB ({idle:.0f}); {used[name]:.1f} s of CPU",
                is_met=peak <= most,
            )
        )
    head = (
        f"{asked.streams} streams of {EVENTS} events, each of a session of its own, begun within {seconds:.0f} s;"
        f" `nofile` {hard}, {os.cpu_count()} cores for client, vendor, Envoy and sidecar together."
    )
    wrong = [*told.errors, *(f"altered: {name}" for name in different)]
    wrong += [f"not captured: {name}" for name in missing]
    return Result([head, "", *table(figures)], wrong)


def options(parser: ArgumentParser) -> None:
    parser.add_argument("streams", type=int, nargs="?", default=STREAMS)
    parser.add_argument(
        "--gap", type=float, default=GAP_SECONDS, help="seconds between two events of a stream"
    )


if __name__ == "__main__":
    command("streams", __doc__ or "", options, run)
