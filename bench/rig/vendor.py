"""A pretend vendor that costs little: does what the request's plan says, and writes down what it took and sent.

It runs in a process of its own. `GET /book` tells what was sent by name, `GET /held` how many streams are held,
`POST /go` lets them go on, `POST /forget` empties the book.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import http.client
import json
import multiprocessing
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from bench.rig.plan import HEADER, Plan

HOST: Final = "127.0.0.1"
_LONGEST_HEAD: Final = 1 << 16
_HEAD: Final = (
    "HTTP/1.1 200 OK\r\ncontent-type: %s\r\nrequest-id: req_%s\r\n"
    "anthropic-organization-id: 0f8fad5b-d9cb-469f-a165-70867728950e\r\n%s\r\n\r\n"
)


@dataclass(slots=True)
class Entry:
    """One exchange as the vendor knows it. Times are Unix nanoseconds."""

    request_sha256: str
    response_sha256: str = ""
    response_bytes: int = 0
    output_tokens: int = 0
    opened_ns: int = 0
    closed_ns: int = 0
    is_whole: bool = False


@dataclass(slots=True)
class Vendor:
    """The server's side."""

    book: dict[str, Entry] = field(default_factory=dict)
    held: int = 0
    go: asyncio.Event = field(default_factory=asyncio.Event)

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            while await self._exchange(reader, writer):
                pass
        writer.close()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        first, *lines = head.rstrip().split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
        digest, missing = hashlib.sha256(), int(headers.get("content-length", "0"))
        while missing:
            piece = await reader.read(min(missing, 1 << 18))
            if not piece:
                return False
            digest.update(piece)
            missing -= len(piece)
        if HEADER not in headers:
            body = json.dumps(self._asked(first.split(" ")[1])).encode()
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%s" % (len(body), body))
            return True
        plan = Plan.of(headers[HEADER])
        entry = self.book[plan.name] = Entry(digest.hexdigest(), output_tokens=plan.output)
        if plan.is_streamed:
            await self._stream(writer, plan, entry)
            return True
        body = plan.whole()
        entry.opened_ns = entry.closed_ns = time.time_ns()
        entry.response_sha256, entry.response_bytes = hashlib.sha256(body).hexdigest(), len(body)
        entry.is_whole = True
        length = f"content-length: {len(body)}"
        writer.write((_HEAD % ("application/json", plan.name, length)).encode() + body)
        return True

    async def _stream(self, writer: asyncio.StreamWriter, plan: Plan, entry: Entry) -> None:
        digest = hashlib.sha256()
        chunked = "transfer-encoding: chunked"
        writer.write((_HEAD % ("text/event-stream; charset=utf-8", plan.name, chunked)).encode())

        def send(data: bytes) -> None:
            digest.update(data)
            entry.response_bytes += len(data)
            writer.write(b"%x\r\n%s\r\n" % (len(data), data))

        entry.opened_ns = time.time_ns()
        send(plan.opening())
        began = time.monotonic()
        for number in range(plan.events):
            if number == 1 and plan.is_held:
                self.held += 1
                await self.go.wait()
                self.held -= 1
                began = time.monotonic() - plan.gap_seconds * (hash(plan.name) % 100) / 100
            wait = began + number * plan.gap_seconds - time.monotonic()
            if plan.gap_seconds and wait > 0:
                await asyncio.sleep(wait)
            send(plan.delta(time.time_ns()))
            await writer.drain()
        entry.closed_ns = time.time_ns()
        send(plan.closing())
        writer.write(b"0\r\n\r\n")
        entry.response_sha256, entry.is_whole = digest.hexdigest(), True
        await writer.drain()

    def _asked(self, path: str) -> Any:
        match path:
            case "/book":
                names = Entry.__slots__
                return {
                    name: {field: getattr(entry, field) for field in names}
                    for name, entry in self.book.items()
                }
            case "/held":
                return self.held
            case "/go":
                self.go.set()
                self.go = asyncio.Event()
            case "/forget":
                self.book.clear()
        return None


@dataclass(frozen=True, slots=True)
class VendorAt:
    """The clients' side."""

    port: int

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}"

    def book(self) -> dict[str, Entry]:
        return {name: Entry(**fields) for name, fields in self._ask("/book").items()}

    def held(self) -> int:
        return int(self._ask("/held"))

    def go(self) -> None:
        self._ask("/go")

    def forget(self) -> None:
        self._ask("/forget")

    def _ask(self, path: str) -> Any:
        connection = http.client.HTTPConnection(HOST, self.port, timeout=30)
        try:
            connection.request("GET", path)
            return json.loads(connection.getresponse().read())
        finally:
            connection.close()


def serve(port: Any) -> None:
    """Serve for ever; tells its port through a queue."""

    async def run() -> None:
        vendor = Vendor()
        server = await asyncio.start_server(
            vendor.connected, HOST, 0, limit=_LONGEST_HEAD * 4, backlog=16_384
        )
        port.put(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(run())


@contextlib.contextmanager
def vendor() -> Iterator[VendorAt]:
    """A vendor in a process of its own, until the end of the block."""
    context = multiprocessing.get_context("spawn")
    port = context.Queue()
    process = context.Process(target=serve, args=(port,), daemon=True)
    process.start()
    try:
        yield VendorAt(port.get(timeout=30))
    finally:
        process.terminate()
        process.join(10)
