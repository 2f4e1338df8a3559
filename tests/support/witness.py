"""An upstream that reads strictly and writes down what it read, and a client that sends any bytes."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import h11

SECONDS = 10.0


@dataclass(frozen=True)
class Seen:
    """One request as h11 reads it."""

    method: str
    target: str
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""

    def names(self) -> list[str]:
        return [name for name, _ in self.headers]


@dataclass
class Witness:
    """Answers each whole request with `200` and its number; notes what is none."""

    requests: list[Seen] = field(default_factory=list)
    odd: list[str] = field(default_factory=list)
    """What h11 refused to read."""
    connections: int = 0
    port: int = 0

    @contextlib.asynccontextmanager
    async def listening(self) -> AsyncIterator[Witness]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()

    def forget(self) -> None:
        self.requests, self.odd = [], []

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        connection, seen = h11.Connection(h11.SERVER), Seen("", "")
        try:
            while True:
                match connection.next_event():
                    case h11.NEED_DATA:
                        connection.receive_data(await reader.read(1 << 16))
                    case h11.Request() as request:
                        headers = tuple(
                            (name.decode(), value.decode("latin-1")) for name, value in request.headers
                        )
                        seen = Seen(request.method.decode(), request.target.decode("latin-1"), headers)
                    case h11.Data() as data:
                        seen = Seen(seen.method, seen.target, seen.headers, seen.body + bytes(data.data))
                    case h11.EndOfMessage():
                        self.requests.append(seen)
                        answer = b"%d" % len(self.requests)
                        length = [("content-length", str(len(answer)))]
                        for part in (
                            h11.Response(status_code=200, headers=length),
                            h11.Data(data=answer),
                            h11.EndOfMessage(),
                        ):
                            writer.write(connection.send(part) or b"")
                        if connection.our_state is not h11.DONE or connection.their_state is not h11.DONE:
                            break
                        connection.start_next_cycle()
                    case _:
                        break
        except h11.RemoteProtocolError as error:
            self.odd.append(str(error))
        except (ConnectionError, asyncio.CancelledError):  # the test is over
            pass
        writer.close()


async def talk(port: int, sent: bytes, answers: int) -> list[int]:
    """The statuses of so many answers to some bytes; fewer where the connection is closed before."""
    found: list[int] = []
    async with asyncio.timeout(SECONDS):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            writer.write(sent)
            while len(found) < answers:
                found.append(await _status(reader))
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()
    return found


async def _status(reader: asyncio.StreamReader) -> int:
    head = await reader.readuntil(b"\r\n\r\n")
    length = 0
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            length = int(value)
    if b"transfer-encoding: chunked" in head.lower():
        await reader.readuntil(b"0\r\n\r\n")
    else:
        await reader.readexactly(length)
    return int(head.split(b" ", 2)[1])
