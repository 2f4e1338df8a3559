"""Is every exchange captured when very many come? A burst all at once, then more and more a second, a minute each.

    python bench/load.py [--rates 250 500 1000] [--seconds 60] [--burst 5000] [--write]     (about six minutes)

Exchanges begin by the clock, whether or not the ones before have ended. What was captured is the history's rows held
against the vendor's book; what was lost between Envoy and the sidecar is asked of Envoy itself.
"""

from __future__ import annotations

import asyncio
import resource
import sys
import tempfile
import time
from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from bench.rig.asking import Call, Told, all_at_once, altered, in_turn  # noqa: E402 - found on the path just set
from bench.rig.figures import MIB, Figure, Result, command, cpu_seconds, peak_bytes, percentile, table  # noqa: E402
from bench.rig.plan import Plan, request_body  # noqa: E402
from bench.rig.stacks import Watched, watched  # noqa: E402
from bench.rig.vendor import Entry, VendorAt, vendor  # noqa: E402

LINES: Final = 64
SESSIONS: Final = 500
CATCH_UP_SECONDS: Final = 60.0


def steady(
    stack: Watched, vendor_at: VendorAt, rate: float, seconds: float, wrong: list[str]
) -> list[Figure]:
    calls = [
        Call(f"load-{number % SESSIONS:03}", Plan(name=f"r{rate:g}-{number:06}"), request_body())
        for number in range(int(rate * seconds))
    ]
    told, pid = Told(), stack.pid("sidecar")
    before, began = cpu_seconds(pid), time.monotonic()
    asyncio.run(in_turn(stack.url, iter(calls), told, lines=LINES, a_second=rate))
    took = time.monotonic() - began
    times = [one.whole_seconds * 1e3 for one in told.heard.values()]
    figures = captured(f"{rate:g} a second", stack, vendor_at.book(), calls, told, wrong)
    used = (cpu_seconds(pid) - before) / len(calls) * 1e6
    reached = len(calls) / took
    return [
        Figure(
            what=f"{rate:g} a second: reached",
            goal=f"{rate:g}",
            measured=f"{reached:.0f}; p50 {percentile(times, 0.5):.1f} ms, p99 {percentile(times, 0.99):.1f} ms",
            is_met=reached >= 0.98 * rate,
        ),
        *figures,
        Figure(what=f"{rate:g} a second: sidecar's CPU of an exchange", measured=f"{used:.0f} us"),
    ]


def burst(stack: Watched, vendor_at: VendorAt, count: int, wrong: list[str]) -> list[Figure]:
    calls = [
        Call(f"burst-{number % SESSIONS:03}", Plan(name=f"b{number:06}"), request_body())
        for number in range(count)
    ]
    told = Told()
    asyncio.run(all_at_once(stack.url, calls, told))
    return captured(f"a burst of {count}", stack, vendor_at.book(), calls, told, wrong)


def captured(
    what: str, stack: Watched, book: dict[str, Entry], calls: list[Call], told: Told, wrong: list[str]
) -> list[Figure]:
    mine = {call.plan.name: book[call.plan.name] for call in calls if call.plan.name in book}
    began = time.monotonic()
    missing = stack.missing(mine, CATCH_UP_SECONDS)
    behind = time.monotonic() - began
    different = altered(calls, told, book)
    wrong += [*told.errors, *(f"altered: {name}" for name in different)]
    wrong += [f"not captured: {name}" for name in missing]
    count = len(calls)
    troubles = stack.troubles() + stack.dropped()
    gaps = ", ".join(f"{count} {reason}" for reason, count in stack.gaps().items())
    return [
        Figure(
            what=f"{what}: identical",
            goal="all",
            measured=f"{count - len(different)} of {count}",
            is_met=not different,
        ),
        Figure(
            what=f"{what}: captured",
            goal="all",
            measured=f"{len(mine) - len(missing)} of {count}, in the history {behind:.1f} s after the last",
            is_met=not missing and len(mine) == count,
        ),
        Figure(
            what=f"{what}: overflow, failed open",
            goal="none",
            measured=", ".join(troubles) or "none",
            is_met=not troubles,
        ),
        Figure(
            what=f"{what}: all gaps told so far; copies cut short",
            measured=f"{gaps or 'none'}; {stack.cut_short()}",
        ),
    ]


def run(asked: Namespace) -> Result:
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    wrong: list[str] = []
    with (
        tempfile.TemporaryDirectory(prefix="bench-") as directory,
        vendor() as vendor_at,
        watched(Path(directory), vendor_at.url) as stack,
    ):
        figures = burst(stack, vendor_at, asked.burst, wrong)
        for rate in asked.rates:
            vendor_at.forget()
            figures += steady(stack, vendor_at, rate, asked.seconds, wrong)
        peaks = ", ".join(
            f"{name} {peak_bytes(stack.pid(name)) / MIB:.0f} MiB" for name in ("sidecar", "envoy")
        )
    return Result(table([*figures, Figure(what="memory, peak", measured=peaks)]), wrong)


def options(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--rates", type=float, nargs="+", default=[250.0, 500.0, 1_000.0], help="exchanges a second, rising"
    )
    parser.add_argument("--seconds", type=float, default=60.0, help="of each rate")
    parser.add_argument("--burst", type=int, default=5_000, help="exchanges at once")


if __name__ == "__main__":
    command("load", __doc__ or "", options, run)
