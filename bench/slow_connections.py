"""A thousand half-open connections and a thousand idle streams on the API's port: does anybody notice?

    python bench/slow_connections.py [--half-open 1000] [--streams 1000] [--seconds 30]     (about two minutes)
    python bench/slow_connections.py --unread [--readers 64] [--sessions 4000]              (about a minute)

First nobody, then the crowd, while calls pass the proxy and an honest reader asks the API. Half of the half-open say
nothing, half a byte of a head each second; who is dropped comes back about a second later. The streams are opened with the
token and then neither read nor closed. `--unread`: the sidecar's memory before, with and after readers of the live
stream that never read. All of them are processes of their own.
"""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import multiprocessing
import random
import resource
import socket
import sys
import tempfile
import threading
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

ROOT: Final = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from bench.rig.asking import Call, Told, altered, in_turn  # noqa: E402 - found on the path that was just set
from bench.rig.figures import (  # noqa: E402
    MIB,
    Figure,
    Result,
    command,
    forget_peak,
    peak_bytes,
    percentile,
    resident_bytes,
    table,
)
from bench.rig.plan import Plan, request_body  # noqa: E402
from bench.rig.stacks import Watched, watched  # noqa: E402
from bench.rig.vendor import vendor  # noqa: E402
from clauditor.edge.connections import PATIENCE_SECONDS  # noqa: E402
from clauditor.edge.feed import MAX_SUBSCRIBERS  # noqa: E402

CALLS_A_SECOND: Final = 20.0
LINES: Final = 16
EVENTS: Final = 10
ASK_SECONDS: Final = 0.05  # between two questions of the honest reader
LEFT_SECONDS: Final = 60.0  # at most, until who never reads is ended
ARRIVAL_SECONDS: Final = 30.0  # at most
REPLACED: Final = "clauditor_feed_readers_replaced_total"
DRIP_SECONDS: Final = 1.0


@dataclass
class Reader:
    """Somebody honest: asks on a new connection each time, and keeps the times (seconds)."""

    url: str
    token: str
    seconds: list[float] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    def ask(self) -> None:
        parts = urlsplit(self.url)
        began = time.perf_counter()
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=10)
        try:
            connection.request(
                "GET", "/api/v1/sessions?limit=10", headers={"authorization": f"Bearer {self.token}"}
            )
            answer = connection.getresponse()
            answer.read()
            if answer.status != http.HTTPStatus.OK:
                self.failures.append(f"answered {answer.status}")
        except (OSError, http.client.HTTPException) as error:
            self.failures.append(repr(error))
        finally:
            connection.close()
        self.seconds.append(time.perf_counter() - began)


def crowd(url: str, token: str, half_open: int, streams: int) -> None:
    """The crowd's process, until it is ended."""
    asyncio.run(_crowd(url, token, half_open, streams))


async def _crowd(url: str, token: str, half_open: int, streams: int) -> None:
    parts = urlsplit(url)
    place = (parts.hostname or "", parts.port or 80)
    head = (
        f"GET /api/v1/stream HTTP/1.1\r\nHost: {place[0]}:{place[1]}\r\nAuthorization: Bearer {token}\r\n\r\n"
    )

    async def slow(number: int) -> None:
        while True:
            with contextlib.suppress(OSError):
                reader, writer = await asyncio.open_connection(*place)
                dripping = asyncio.create_task(_drip(writer, head.encode())) if number % 2 else None
                await reader.read()
                if dripping is not None:
                    dripping.cancel()
                writer.close()
            await asyncio.sleep(random.uniform(0.5, 1.5))

    async def idle() -> None:
        raw = socket.socket()
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 14)  # else the kernel reads for it
        raw.setblocking(False)
        loop = asyncio.get_running_loop()
        with contextlib.suppress(OSError):
            await loop.sock_connect(raw, place)
            await loop.sock_sendall(raw, head.encode())
        await asyncio.Event().wait()

    async with asyncio.TaskGroup() as tasks:
        for number in range(max(half_open, streams)):
            if number < half_open:
                tasks.create_task(slow(number))
            if number < streams:
                tasks.create_task(idle())
            if number % 20 == 0:
                await asyncio.sleep(0.02)


async def _drip(writer: asyncio.StreamWriter, data: bytes) -> None:
    with contextlib.suppress(OSError):
        for byte in data:
            writer.write(bytes((byte,)))
            await writer.drain()
            await asyncio.sleep(DRIP_SECONDS)


@contextlib.contextmanager
def crowding(stack: Watched, half_open: int, streams: int) -> Iterator[None]:
    process = multiprocessing.get_context("spawn").Process(
        target=crowd, args=(stack.api_url, stack.token, half_open, streams), daemon=True
    )
    process.start()
    try:
        yield
    finally:
        process.kill()
        process.join()


def phase(name: str, stack: Watched, seconds: float) -> tuple[list[Call], Told, Reader]:
    """Calls through the proxy and questions to the API, side by side, for so long."""
    count = int(CALLS_A_SECOND * seconds)
    calls = [
        Call(
            f"{name}-{number % 40:02}",
            Plan(name=f"{name}{number:05}", events=EVENTS, gap_seconds=0.05),
            request_body(2_000),
        )
        for number in range(count)
    ]
    told, reader = Told(), Reader(stack.api_url, stack.token)
    proxying = threading.Thread(
        target=lambda: asyncio.run(
            in_turn(stack.url, iter(calls), told, lines=LINES, a_second=CALLS_A_SECOND)
        )
    )
    proxying.start()
    while proxying.is_alive():
        reader.ask()
        time.sleep(ASK_SECONDS)
    proxying.join()
    return calls, told, reader


def arrival(stack: Watched, asked: Namespace, replaced_before: float) -> Reader:
    """An honest reader's questions until the whole crowd is there."""
    reader, deadline = Reader(stack.api_url, stack.token), time.monotonic() + ARRIVAL_SECONDS
    while time.monotonic() < deadline:
        reader.ask()
        figures = stack.metrics()
        if figures[REPLACED] - replaced_before >= asked.streams - MAX_SUBSCRIBERS:
            break
    return reader


def seconds_until_dropped(stack: Watched) -> float:
    """How long a connection that says nothing is kept, while nobody else wants its place."""
    parts = urlsplit(stack.api_url)
    with socket.create_connection((parts.hostname or "", parts.port or 80), 60) as connection:
        began = time.perf_counter()
        with contextlib.suppress(ConnectionError):
            connection.recv(1)
        return time.perf_counter() - began


def of_a_crowd(
    asked: Namespace, stack: Watched, phases: list[tuple[list[Call], Told, Reader]]
) -> list[Figure]:
    phase("warm", stack, 2.0)
    alone = phase("alone", stack, asked.seconds)
    head_seconds = seconds_until_dropped(stack)
    before = stack.metrics()
    with crowding(stack, asked.half_open, asked.streams):
        arriving = arrival(stack, asked, before[REPLACED])
        crowded = phase("crowd", stack, asked.seconds)
        during = stack.metrics()
    phases += [alone, crowded]
    dropped = {
        reason: int(during[key] - before[key])
        for key in during
        if key.startswith("clauditor_api_connections_dropped_total")
        for reason in [key.partition('"')[2].rstrip('"}')]
    }
    held = sum(value for key, value in during.items() if key.startswith("clauditor_api_connections{"))
    replaced = during[REPLACED] - before[REPLACED]
    p99 = percentile(crowded[2].seconds, 0.99) * 1e3
    return [
        Figure(what="the API alone", measured=_spread(alone[2])),
        Figure(what="the API while they come, all within a second", measured=_spread(arriving)),
        Figure(
            what=f"the API beside {asked.half_open} half-open and {asked.streams} idle streams",
            goal="p99 <= 50 ms, no failure",
            measured=f"{_spread(crowded[2])}, {len(crowded[2].failures)} failures",
            is_met=p99 <= 50 and not crowded[2].failures,
        ),
        Figure(
            what="a head that does not come is waited for",
            goal="10 s",
            measured=f"{head_seconds:.1f} s",
            is_met=abs(head_seconds - PATIENCE_SECONDS) < 1,
        ),
        Figure(
            what="connections held meanwhile",
            measured=f"{held:.0f} of {asked.half_open + asked.streams}; streams replaced by newer ones {replaced:.0f}",
        ),
        Figure(
            what="ended", measured=", ".join(f"{name} {count}" for name, count in dropped.items() if count)
        ),
        Figure(
            what="sidecar: open files; memory",
            measured=f"{during['clauditor_process_open_fds']:.0f}; "
            f"{before['clauditor_process_resident_memory_bytes'] / MIB:.0f} -> "
            f"{during['clauditor_process_resident_memory_bytes'] / MIB:.0f} MiB",
        ),
    ]


def _spread(reader: Reader) -> str:
    p50, p99 = (percentile(reader.seconds, ratio) * 1e3 for ratio in (0.5, 0.99))
    return f"p50 {p50:.1f} ms, p99 {p99:.1f} ms, longest {max(reader.seconds) * 1e3:.0f} ms of {len(reader.seconds)}"


def of_readers(asked: Namespace, stack: Watched) -> list[Figure]:
    calls = [
        Call(f"many-{number:05}", Plan(name=f"many{number:05}"), request_body(400))
        for number in range(asked.sessions)
    ]
    asyncio.run(in_turn(stack.url, iter(calls), Told(), lines=32))
    deadline = time.monotonic() + 60
    while len(stack.captured()) < asked.sessions and time.monotonic() < deadline:
        time.sleep(0.5)
    pid = stack.pid("sidecar")
    Reader(stack.api_url, stack.token).ask()
    before = resident_bytes(pid)
    forget_peak(pid)
    with crowding(stack, 0, asked.readers):
        most, left, began = 0.0, 1.0, time.monotonic()
        while left and time.monotonic() - began < LEFT_SECONDS:
            left = stack.metrics()["clauditor_feed_subscribers"]
            most, left = max(most, left), left or float(not most)
            time.sleep(0.5)
        seconds = time.monotonic() - began
    peak = peak_bytes(pid) - before
    return [
        Figure(what=f"sidecar with {asked.sessions} sessions", measured=f"{before / MIB:.0f} MiB"),
        Figure(
            what=f"more with {most:.0f} readers that never read, at most",
            goal="<= 64 MiB",
            measured=f"{peak / MIB:.0f} MiB",
            is_met=peak <= 64 * MIB,
        ),
        Figure(
            what=f"readers left after {seconds:.0f} s; memory then",
            goal="0",
            measured=f"{left:.0f}; {resident_bytes(pid) / MIB:.0f} MiB",
            is_met=not left,
        ),
    ]


def run(asked: Namespace) -> Result:
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))  # the crowd inherits it
    wrong: list[str] = []
    with (
        tempfile.TemporaryDirectory(prefix="bench-") as directory,
        vendor() as vendor_at,
        watched(Path(directory), vendor_at.url) as stack,
    ):
        if asked.unread:
            return Result(table(of_readers(asked, stack)), wrong)
        phases: list[tuple[list[Call], Told, Reader]] = []
        figures = of_a_crowd(asked, stack, phases)
        for name, (calls, told, reader) in zip(("alone", "beside the crowd"), phases, strict=True):
            book = vendor_at.book()
            mine = {call.plan.name: book[call.plan.name] for call in calls if call.plan.name in book}
            missing, different = stack.missing(mine), altered(calls, told, book)
            wrong += [*told.errors, *(f"not captured: {one}" for one in missing)]
            wrong += [*(f"altered: {one}" for one in different), *reader.failures]
            figures.append(
                Figure(
                    what=f"calls {name}: identical, captured",
                    goal="all",
                    measured=f"{len(calls) - len(different)}, {len(mine) - len(missing)} of {len(calls)}",
                    is_met=not missing and not different and len(mine) == len(calls),
                )
            )
        troubles = stack.troubles() + stack.dropped()
        figures.append(
            Figure(
                what="overflow, failed open",
                goal="none",
                measured=", ".join(troubles) or "none",
                is_met=not troubles,
            )
        )
    return Result(table(figures), wrong)


def options(parser: ArgumentParser) -> None:
    parser.add_argument("--half-open", type=int, default=1000)
    parser.add_argument("--streams", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=30.0, help="of each of the two phases")
    parser.add_argument("--unread", action="store_true", help="memory, with readers that never read")
    parser.add_argument("--readers", type=int, default=64)
    parser.add_argument("--sessions", type=int, default=4000)


if __name__ == "__main__":
    command("slow_connections", __doc__ or "", options, run)
