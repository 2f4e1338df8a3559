"""Does the sidecar's work hang on what changes, or on what exists? And what does a request of 10 MB cost the loop?

    python bench/growth.py [--rounds 5] [--write]     (about a minute)

The wire layer, the hub and its sinks, fed with the messages that Envoy would copy, while more and more sessions live;
each round in a process of its own. Times are CPU of the one thread, the least of all rounds: work of others on the
machine only ever adds. A session that is live has just made a call, or (`at rest`) made it a while ago.
"""

from __future__ import annotations

import asyncio
import gc
import json
import multiprocessing
import os
import statistics
import sys
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Coroutine, Mapping
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any, Final, TypeVar

ROOT: Final = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from bench.rig.figures import MIB, Figure, Result, command, resident_bytes, table  # noqa: E402 - found on that path
from bench.rig.plan import Plan, request_body  # noqa: E402
from clauditor.edge.feed import Feed  # noqa: E402
from clauditor.edge.inbox import Copy, Inbox  # noqa: E402
from clauditor.edge.inspector import Inspector  # noqa: E402
from clauditor.edge.joining import Joining  # noqa: E402
from clauditor.hub import Hub  # noqa: E402
from clauditor.pb.ext_proc_pb2 import ProcessingRequest  # noqa: E402
from clauditor.pricing import Pricing  # noqa: E402
from clauditor.telemetry.metrics import Metrics  # noqa: E402
from clauditor.wire.exchange import Exchange  # noqa: E402
from clauditor.wire.identity import Secrets  # noqa: E402
from support.life import Life  # noqa: E402

SIZES: Final = (1, 10, 100, 500, 1_000, 2_000)
CHANGED: Final = (1, 10, 100, 1_000)
STREAMS: Final = 32
CHUNKS: Final = 300
TICKS: Final = 20
TIMES: Final = 3
REST_SECONDS: Final = 1_000.0
FLAT: Final = 0.1
LITTLE: Final = 0.01
PIECE_BYTES: Final = MIB
BIG_BYTES: Final = 10_000_000

T = TypeVar("T")


class Sidecar:
    """The parts between the socket and the sinks, without a socket and a clock."""

    def __init__(self, sessions: int) -> None:
        self.lives: list[Life] = []
        self.now = time.time()
        self.joining: Joining[Exchange] = Joining()
        self.feed = Feed()
        self.hub = Hub(book=Pricing(), sinks=(Metrics(version="bench"), self.feed, self.joining))
        self.inbox = Inbox()
        self.inspector = Inspector(
            self.inbox,
            publish=self.hub.publish,
            now=lambda: self.now,
            secrets=Secrets(salt=b"s" * 32, start_secret=b"t" * 32),
            joining=self.joining,
        )
        self.grow(sessions)

    def grow(self, sessions: int) -> None:
        """As many sessions live as that, each of which has just made a call."""
        more = range(len(self.lives), sessions)
        self.lives += [Life(self.hub, f"live-{number:05}") for number in more]
        for life in self.lives:
            life.at = self.now - 20
            life.turn()

    def play(self, messages: list[bytes]) -> None:
        """One exchange comes, and is looked at."""
        copy = Copy()
        for raw in messages:
            self.inbox.put(copy, ProcessingRequest.FromString(raw), len(raw), self.now)
        self.inbox.end(copy, "whole", self.now)
        steps(self.inspector.look())


def steps(work: Coroutine[Any, Any, None]) -> list[float]:
    """Runs what only ever gives way to others; the seconds of each of its slices."""
    slices: list[float] = []
    while True:
        began = time.perf_counter()
        try:
            work.send(None)
        except StopIteration:
            return slices
        finally:
            slices.append(time.perf_counter() - began)


def head(**values: str) -> dict[str, Any]:
    return {"headers": {"headers": [{"key": k.encode(), "raw_value": v.encode()} for k, v in values.items()]}}


def exchange(session_id: str, body: bytes, chunks: int) -> list[bytes]:
    """The messages of one exchange, as Envoy copies it."""
    plan = Plan(name=session_id)
    asked = {":method": "POST", ":path": "/v1/messages", "x-claude-code-session-id": session_id}
    pieces = [body[start : start + PIECE_BYTES] for start in range(0, len(body), PIECE_BYTES)]
    delta = plan.delta(0)
    answers = [plan.opening(), *[delta] * chunks, plan.closing()]
    messages = [
        ProcessingRequest(request_headers=head(**asked)),
        *(ProcessingRequest(request_body={"body": piece}) for piece in pieces),
        ProcessingRequest(request_body={"body": b"", "end_of_stream": True}),
        ProcessingRequest(response_headers=head(**{":status": "200", "content-type": "text/event-stream"})),
        *(ProcessingRequest(response_body={"body": answer}) for answer in answers),
        ProcessingRequest(response_body={"body": b"", "end_of_stream": True}),
    ]
    return [message.SerializeToString() for message in messages]


def measured(most: int) -> dict[int, dict[str, float]]:
    """In a process of its own, by how many sessions live: microseconds of a chunk, of a tick, and of telling."""
    sidecar, found = Sidecar(0), {}
    stream = exchange("live-00000", request_body(), CHUNKS)  # the same work, whatever else lives
    for size in [size for size in SIZES if size <= most]:
        sidecar.grow(size)
        sidecar.play(stream)
        gc.collect()
        chunk = min(chunk_seconds(sidecar, stream) for _ in range(TIMES)) * 1e6
        tick = min(tick_seconds(sidecar) for _ in range(TIMES)) * 1e6
        told = asyncio.run(telling(sidecar))
        sidecar.now += REST_SECONDS
        tick_seconds(sidecar)
        found[size] = {"chunk": chunk, "tick": tick, **told}
        found[size]["at rest"] = min(tick_seconds(sidecar) for _ in range(TIMES)) * 1e6
    return found


def chunk_seconds(sidecar: Sidecar, stream: list[bytes]) -> float:
    began = time.process_time()
    for _ in range(STREAMS):
        sidecar.play(stream)
    return (time.process_time() - began) / STREAMS / CHUNKS


def tick_seconds(sidecar: Sidecar) -> float:
    """Of one tick, the mean of some; nothing happens but that time passes."""
    began = time.process_time()
    for _ in range(TICKS):
        sidecar.now += 1.0
        sidecar.hub.tick(sidecar.now)
    return (time.process_time() - began) / TICKS


async def telling(sidecar: Sidecar) -> dict[str, float]:
    """Microseconds of telling one subscriber, by how many sessions changed."""
    feed, found = sidecar.feed, {}
    running = asyncio.create_task(feed.run(sidecar.hub, lambda: sidecar.now))
    reading = feed.stream(None, None)
    await anext(reading)
    for changed in CHANGED:
        if changed > len(sidecar.lives):
            break
        feed.mark(life.session_id for life in sidecar.lives)  # what the others owe is told first
        await feed.flush()
        feed.mark(life.session_id for life in sidecar.lives[:changed])
        began = time.process_time()
        await feed.flush()
        found[f"told {changed}"] = (time.process_time() - began) * 1e6
    running.cancel()
    return found


def big_request() -> dict[str, float]:
    """In a process of its own: a request of 10 MB, whole; slices of the loop, and what is left in memory."""
    sidecar = Sidecar(1)
    sidecar.play(exchange("live-00000", request_body(), 3))
    turns = [
        {"role": role, "content": [{"type": "text", "text": json.dumps({"number": number}) + "x" * 4_900}]}
        for number in range(BIG_BYTES // 5_000)
        for role in (["user", "assistant"][number % 2],)
    ]
    asked = json.loads(request_body()) | {"messages": [*turns, {"role": "user", "content": "go on"}]}
    messages = exchange("live-00000", json.dumps(asked).encode(), 3)
    gc.collect()
    before = resident_bytes(os.getpid())
    copy = Copy()
    for raw in messages:
        sidecar.inbox.put(copy, ProcessingRequest.FromString(raw), len(raw), sidecar.now)
    sidecar.inbox.end(copy, "whole", sidecar.now)
    slices = steps(sidecar.inspector.look())
    del copy
    return {
        "total": sum(slices) * 1e3,
        "longest": max(slices) * 1e3,
        "left": (resident_bytes(os.getpid()) - before) / MIB,
    }


def apart(work: Callable[..., T], *values: int) -> T:
    """What a function finds in a process of its own."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        return pool.submit(work, *values).result(120)


def run(asked: Namespace) -> Result:
    rounds = [apart(measured, asked.sessions) for _ in range(asked.rounds)]
    found = {
        size: {name: min(one[size][name] for one in rounds) for name in figures}
        for size, figures in rounds[0].items()
    }
    big = [apart(big_request) for _ in range(asked.rounds)]
    total, longest = (statistics.median(one[name] for one in big) for name in ("total", "longest"))
    return Result([*by_size(found), "", *table([*goals(found), *of_big(total, longest, big)])], [])


def by_size(found: Mapping[int, Mapping[str, float]]) -> list[str]:
    columns = ("chunk", "tick", "at rest", *(f"told {changed}" for changed in CHANGED))
    lines = [
        "| live sessions | a chunk, us | a tick, us | a tick, all at rest, us"
        + "".join(f" | {changed} told, us" for changed in CHANGED)
        + " |",
        "|--:" * (1 + len(columns)) + "|",
    ]
    for size, figures in found.items():
        cells = [f"{figures[name]:.1f}" if name in figures else "" for name in columns]
        lines.append(f"| {size} | {' | '.join(cells)} |")
    return lines


def goals(found: Mapping[int, Mapping[str, float]]) -> list[Figure]:
    first, last = min(found), max(found)
    grown = found[last]["chunk"] / found[first]["chunk"] - 1
    told = [found[size]["told 1"] for size in found]
    each = {
        name: took / int(name.split()[1]) for name, took in found[last].items() if name.startswith("told")
    }
    per_session = ", ".join(f"{took:.0f} us of {name.split()[1]}" for name, took in each.items())
    resting = (found[last]["at rest"] - found[first]["at rest"]) / (last - first) * 1e3
    return [
        Figure(
            what=f"CPU of a chunk, {first} to {last} live sessions",
            goal="flat, +-10 %",
            measured=f"{grown:+.0%}",
            is_met=abs(grown) <= FLAT,
        ),
        Figure(
            what=f"telling that one of {first} to {last} sessions changed",
            goal="what changed, not what exists",
            measured=f"{min(told):.0f} to {max(told):.0f} us",
            is_met=max(told) <= 2 * min(told),
        ),
        Figure(what=f"telling of each that changed, of {last}", goal="linear", measured=per_session),
        Figure(
            what=f"a tick with {last} sessions of which none changes",
            goal="of each <= 1 % of telling that it changed",
            measured=f"{found[last]['at rest']:.0f} us; {resting:.0f} ns of each",
            is_met=resting / 1e3 <= LITTLE * min(each.values()),
        ),
        Figure(
            what=f"a tick with {last} sessions that were all active just now",
            measured=f"{found[last]['tick'] / 1e3:.1f} ms",
        ),
    ]


def of_big(total: float, longest: float, big: list[dict[str, float]]) -> list[Figure]:
    left = max(one["left"] for one in big)
    return [
        Figure(
            what="a request of 10 MB: time of the loop",
            goal="<= 40 ms in slices <= 10 ms",
            measured=f"{total:.1f} ms, longest slice {longest:.1f} ms",
            is_met=total <= 40 and longest <= 10,
        ),
        Figure(what="and memory afterwards", goal="back", measured=f"{left:+.1f} MiB", is_met=left < 2.0),
    ]


def options(parser: ArgumentParser) -> None:
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--sessions", type=int, default=SIZES[-1], help="at most")


if __name__ == "__main__":
    command("growth", __doc__ or "", options, run)
