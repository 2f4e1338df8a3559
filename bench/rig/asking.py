"""Clients: one that waits and notes every piece as it comes (latency), and light ones for thousands at once.

Source: RFC 9112. Only what the pretend vendor and Envoy send is understood: chunks, or a length.
"""

from __future__ import annotations

import asyncio
import hashlib
import http.client
import itertools
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final
from urllib.parse import urlsplit

from bench.rig.plan import HEADER, Plan, stamps
from bench.rig.vendor import Entry

PATH: Final = "/v1/messages?beta=true"
AGENT: Final = "claude-cli/2.1.330 (external, cli)"
_MOST_OPENING: Final = 512  # a listener's queue has an end


def headers(session_id: str, plan: Plan, more: Mapping[str, str] = MappingProxyType({})) -> dict[str, str]:
    """Of a call, as Claude Code sends them, and the plan."""
    return {
        "content-type": "application/json",
        "user-agent": AGENT,
        "x-api-key": "sk-ant-fake",
        "x-claude-code-session-id": session_id,
        HEADER: plan.header(),
        **more,
    }


@dataclass(slots=True)
class Heard:
    """One answer as its client knows it.

    `sent_ns`: when the vendor wrote each delta (Unix nanoseconds); `delays` in seconds, from there to our reading.
    """

    response_sha256: str = ""
    response_bytes: int = 0
    first_seconds: float = 0.0
    whole_seconds: float = 0.0
    sent_ns: list[int] = field(default_factory=list)
    delays: list[float] = field(default_factory=list)
    together: int = 0
    """Deltas that came in one piece with the delta before."""


class Caller:
    """Asks one after the other on one connection, and waits for each answer."""

    def __init__(self, url: str, timeout_seconds: float = 120.0) -> None:
        parts = urlsplit(url)
        self._connection = http.client.HTTPConnection(
            parts.hostname or "", parts.port, timeout=timeout_seconds
        )

    def ask(self, session_id: str, plan: Plan, body: bytes) -> Heard:
        heard, digest = Heard(), hashlib.sha256()
        began = time.perf_counter()
        self._connection.request("POST", PATH, body, headers(session_id, plan))
        answer = self._connection.getresponse()
        while piece := answer.read1(1 << 18):
            at_ns = time.time_ns()
            if not heard.response_bytes:
                heard.first_seconds = time.perf_counter() - began
            heard.response_bytes += len(piece)
            digest.update(piece)
            if plan.gap_seconds:
                delays = [(at_ns - sent) / 1e9 for sent in stamps(piece)]
                heard.delays += delays
                heard.together += max(0, len(delays) - 1)
        heard.whole_seconds = time.perf_counter() - began
        answer.close()  # the answer, not the connection; http.client wants to be told
        heard.response_sha256 = digest.hexdigest()
        if answer.status != http.HTTPStatus.OK:
            raise RuntimeError(f"answered {answer.status}")
        return heard

    def close(self) -> None:
        self._connection.close()


class Line:
    """One connection of an event loop, on which exchanges follow each other."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def open(cls, url: str) -> Line:
        parts = urlsplit(url)
        return cls(*await asyncio.open_connection(parts.hostname, parts.port, limit=1 << 18))

    async def ask(
        self,
        session_id: str,
        plan: Plan,
        body: bytes,
        *,
        more: Mapping[str, str] = MappingProxyType({}),
        on_first: Callable[[], None] = lambda: None,
    ) -> Heard:
        """Raises OSError or asyncio.IncompleteReadError where the answer breaks off, RuntimeError where it is none."""
        heard, digest = Heard(), hashlib.sha256()
        began = time.perf_counter()
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers(session_id, plan, more).items())
        head = f"POST {PATH} HTTP/1.1\r\nhost: bench\r\ncontent-length: {len(body)}\r\n{lines}\r\n"
        self._writer.write(head.encode() + body)
        await self._writer.drain()
        answer = (await self._reader.readuntil(b"\r\n\r\n")).lower()
        if b" 200 " not in answer[:16]:
            raise RuntimeError(answer[:40].decode("latin-1"))
        heard.first_seconds = time.perf_counter() - began
        if b"transfer-encoding: chunked" in answer:
            while size := int(await self._reader.readuntil(b"\r\n"), 16):
                piece = (await self._reader.readexactly(size + 2))[:-2]
                if not heard.response_bytes:
                    on_first()
                heard.response_bytes += len(piece)
                at_ns = time.time_ns()
                for sent_ns in stamps(piece):
                    heard.sent_ns.append(sent_ns)
                    heard.delays.append((at_ns - sent_ns) / 1e9)
                digest.update(piece)
            await self._reader.readexactly(2)
        else:
            length = int(answer.partition(b"content-length: ")[2].partition(b"\r\n")[0])
            digest.update(await self._reader.readexactly(length))
            heard.response_bytes = length
        heard.response_sha256 = digest.hexdigest()
        heard.whole_seconds = time.perf_counter() - began
        return heard

    def close(self) -> None:
        self._writer.close()


@dataclass(frozen=True, slots=True)
class Call:
    """What is to be asked."""

    session_id: str
    plan: Plan
    body: bytes


@dataclass(slots=True)
class Told:
    """What became of many calls: answers by the plan's name, and what went wrong."""

    heard: dict[str, Heard] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)
    begun: int = 0


async def all_at_once(url: str, calls: list[Call], told: Told) -> None:
    """Each call on a connection of its own, all under way together."""
    opening = asyncio.Semaphore(_MOST_OPENING)

    def begun() -> None:
        told.begun += 1

    async def one(call: Call) -> None:
        try:
            async with opening:
                line = await Line.open(url)
            told.heard[call.plan.name] = await line.ask(call.session_id, call.plan, call.body, on_first=begun)
            line.close()
        except (OSError, RuntimeError, asyncio.IncompleteReadError) as error:
            told.errors.append(f"{call.plan.name}: {type(error).__name__} {error}")

    await asyncio.gather(*(one(call) for call in calls))


async def in_turn(url: str, calls: Iterator[Call], told: Told, *, lines: int, a_second: float = 0.0) -> None:
    """Calls over so many connections; `a_second` of them begin each second, ready or not (0: as fast as it goes)."""
    began, numbers = time.monotonic(), itertools.count()

    async def one() -> None:
        line = await Line.open(url)
        for call in calls:
            if a_second:
                await asyncio.sleep(max(0.0, began + next(numbers) / a_second - time.monotonic()))
            try:
                told.heard[call.plan.name] = await line.ask(call.session_id, call.plan, call.body)
            except (OSError, RuntimeError, asyncio.IncompleteReadError) as error:
                told.errors.append(f"{call.plan.name}: {type(error).__name__} {error}")
                line.close()
                line = await Line.open(url)
        line.close()

    await asyncio.gather(*(one() for _ in range(lines)))


def altered(calls: Iterable[Call], told: Told, book: Mapping[str, Entry]) -> list[str]:
    """Names of calls whose request or answer was another, or not whole, on the other side (SHA-256)."""
    found = []
    for call in calls:
        entry, heard = book.get(call.plan.name), told.heard.get(call.plan.name)
        is_same = (
            entry is not None
            and heard is not None
            and entry.is_whole
            and entry.response_sha256 == heard.response_sha256
            and entry.request_sha256 == hashlib.sha256(call.body).hexdigest()
        )
        if not is_same:
            found.append(call.plan.name)
    return found
