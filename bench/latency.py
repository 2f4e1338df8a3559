"""What watching adds to the time of a request and to each piece of a stream.

    python bench/latency.py [--rounds 1000] [--streams 40] [--write]     (about three minutes)

The same requests go, one after the other in an order that is drawn anew each round, straight to the vendor, through
bare Envoy (the shipped configuration without the filter), through the whole stack, through the shipped Envoy with no
sidecar and with one that reads its copies and does nothing, and through the reference tool's synchronous filter, whose
processor does nothing as well. A pause after each lets work behind the answer end before the next is timed.
"""

from __future__ import annotations

import contextlib
import random
import sys
import tempfile
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from bench.rig.asking import Caller, Heard  # noqa: E402 - found on the path that was just set
from bench.rig.figures import Figure, Result, command, percentile, table  # noqa: E402
from bench.rig.plan import Plan, request_body  # noqa: E402
from bench.rig.stacks import processed, synchronous, watched  # noqa: E402
from bench.rig.vendor import vendor  # noqa: E402
from faults.proxies import envoy, unobserved  # noqa: E402

REQUEST_BYTES: Final = 100_000
EVENTS: Final = 100
GAP_SECONDS: Final = 0.002
PAUSE_SECONDS: Final = 0.008
WARM_UP: Final = 10
WAYS: Final = (
    *("direct", "bare Envoy", "watched", "watched, sidecar down"),
    *("observer that does nothing", "synchronous"),
)
UP, DOWN, BARE = "watched", "watched, sidecar down", "bare Envoy"
HELD_SECONDS: Final = 0.005

Heards = Mapping[str, list[Heard]]


@contextlib.contextmanager
def ways() -> Iterator[dict[str, str]]:
    """URLs by way."""
    with contextlib.ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        upstream = stack.enter_context(vendor()).url
        urls = (
            upstream,
            stack.enter_context(envoy(directory / "bare", upstream, unobserved)).url,
            stack.enter_context(watched(directory / "watched", upstream)).url,
            stack.enter_context(envoy(directory / "down", upstream, lambda _: None)).url,
            stack.enter_context(processed(directory / "nothing", upstream, lambda _: None)),
            stack.enter_context(processed(directory / "synchronous", upstream, synchronous)),
        )
        yield dict(zip(WAYS, urls, strict=True))


def play(callers: Mapping[str, Caller], rounds: int, plan: Plan, body: bytes) -> Heards:
    """Each round asks once on each way."""
    heard: dict[str, list[Heard]] = {way: [] for way in WAYS}
    order, rolled = list(WAYS), random.Random(1)
    for number in range(rounds + WARM_UP):
        rolled.shuffle(order)
        for way in order:
            answer = callers[way].ask("bench-latency", plan, body)
            if number >= WARM_UP:
                heard[way].append(answer)
            time.sleep(PAUSE_SECONDS)
    return heard


def of_requests(heard: Heards) -> list[str]:
    times = {way: [one.whole_seconds * 1e3 for one in found] for way, found in heard.items()}
    p50, p99 = ({way: percentile(found, ratio) for way, found in times.items()} for ratio in (0.5, 0.99))
    lines = [
        "| a POST of 100 KB | p50, ms | p99, ms | more than bare Envoy, p50 | p99 |",
        "|---|--:|--:|--:|--:|",
    ]
    lines += [
        f"| {way} | {p50[way]:.2f} | {p99[way]:.2f} | {p50[way] - p50[BARE]:+.2f} | {p99[way] - p99[BARE]:+.2f} |"
        for way in WAYS
    ]
    figures = []
    for way, most in ((UP, 0.3), (DOWN, 0.4)):
        added = p50[way] - p50[BARE], p99[way] - p99[BARE]
        figures.append(
            Figure(
                what=f"added to a POST of 100 KB, {way}",
                goal=f"p50 <= {most} ms, p99 <= 1.0 ms",
                measured=f"{added[0]:+.2f} ms, {added[1]:+.2f} ms",
                is_met=added[0] <= most and added[1] <= 1.0,
            )
        )
    return [*lines, "", *table(figures)]


def of_streams(heard: Heards) -> list[str]:
    delays = {way: [delay for one in found for delay in one.delays] for way, found in heard.items()}
    p50, p99 = ({way: percentile(found, ratio) for way, found in delays.items()} for ratio in (0.5, 0.99))
    firsts = {way: [one.first_seconds for one in found] for way, found in heard.items()}
    first = {way: percentile(found, 0.99) for way, found in firsts.items()}
    columns = (
        "delay p50, us | p99, us | longest, ms | with the one before | held > 5 ms | first byte p50, ms | p99"
    )
    lines = [f"| an event every {GAP_SECONDS * 1e3:g} ms | {columns} |", "|---|--:|--:|--:|--:|--:|--:|--:|"]
    for way in WAYS:
        together = sum(one.together for one in heard[way])
        held = sum(delay > HELD_SECONDS for delay in delays[way])
        lines.append(
            f"| {way} | {p50[way] * 1e6:.0f} | {p99[way] * 1e6:.0f} | {max(delays[way]) * 1e3:.1f} | {together}"
            f" | {held} of {len(delays[way])} | {percentile(firsts[way], 0.5) * 1e3:.2f} | {first[way] * 1e3:.2f} |"
        )
    ratios = p50[UP] / p50[BARE], p99[UP] / p99[BARE]
    held_up, held_bare = (sum(delay > HELD_SECONDS for delay in delays[way]) for way in (UP, BARE))
    added = (first[UP] - first[BARE]) * 1e3
    figures = [
        Figure(
            what="delay of an event, watched against bare Envoy",
            goal="ratio <= 1.1 at p50 and p99",
            measured=f"{ratios[0]:.2f}, {ratios[1]:.2f}",
            is_met=max(ratios) <= 1.1,
        ),
        Figure(
            what="added to the first byte, p99",
            goal="<= 1 ms",
            measured=f"{added:+.2f} ms",
            is_met=added <= 1.0,
        ),
        Figure(
            what="events held longer than 5 ms, watched (bare Envoy)",
            goal="none by us",
            measured=f"{held_up} ({held_bare})",
            is_met=held_up <= held_bare,
        ),
    ]
    return [*lines, "", *table(figures)]


def run(asked: Namespace) -> Result:
    with ways() as urls:
        callers = {way: Caller(url) for way, url in urls.items()}
        short = Plan(name="latency", is_streamed=False)
        posts = play(callers, asked.rounds, short, request_body(REQUEST_BYTES))
        paced = Plan(name="latency", events=EVENTS, gap_seconds=GAP_SECONDS)
        streams = play(callers, asked.streams, paced, request_body())
        for caller in callers.values():
            caller.close()
    wrong = [
        f"{way}: answers differ in length"
        for way, found in streams.items()
        if {one.response_bytes for one in found} != {streams["direct"][0].response_bytes}
    ]
    counts = (
        f"{asked.rounds} requests and {asked.streams} streams of {EVENTS} events on each way, interleaved."
    )
    return Result([counts, "", *of_requests(posts), "", *of_streams(streams)], wrong)


def options(parser: ArgumentParser) -> None:
    parser.add_argument("--rounds", type=int, default=1_000)
    parser.add_argument("--streams", type=int, default=40)


if __name__ == "__main__":
    command("latency", __doc__ or "", options, run)
