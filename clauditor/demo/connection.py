"""One TCP connection to the pretend vendor: HTTP/1.1 by h11, with the rim left open for every accident.

Source: RFC 9112; a client that closes its side while an answer runs has gone away, as the real client does.
"""

from __future__ import annotations

import asyncio
import hashlib
import math
import socket
import struct
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final, Protocol

import h11

from clauditor.demo.answer import Part
from clauditor.demo.encoding import encoder
from clauditor.demo.ledger import Ledger, Record
from clauditor.demo.reply import Reply
from clauditor.demo.request import Request, read_request
from clauditor.demo.sent import Sent
from clauditor.demo.vendor import Delivery, Vendor

HEAD_LIMIT: Final = 8 * 1024 * 1024
BODY_LIMIT: Final = 64 * 1024 * 1024
_INBOX_LIMIT: Final = 1024 * 1024


class Clock(Protocol):
    """The vendor's time: `wall` is this machine's, `scaled` runs at the speed of the play."""

    speed: float

    def wall(self) -> float: ...

    def scaled(self) -> float: ...


class _ClientGoneError(Exception):
    """The client closed the connection."""


class _EndedError(Exception):
    """The reply says that the connection ends here."""


class Connection:
    """Serves exchanges until one side closes."""

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        *,
        vendor: Vendor,
        ledger: Ledger,
        clock: Clock,
        released: Callable[[str], asyncio.Event],
    ) -> None:
        self._reader, self._writer = reader, writer
        self._vendor, self._ledger, self._clock, self._released = vendor, ledger, clock, released
        self._http = h11.Connection(h11.SERVER, max_incomplete_event_size=HEAD_LIMIT)
        self._inbox = bytearray()
        self._changed = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()
        self._gone = asyncio.Event()

    async def serve(self) -> None:
        """Runs to the end of the connection; never raises for what the client does."""
        pump = asyncio.create_task(self._pump(), name="demo-pump")
        try:
            while await self._exchange():
                self._http.start_next_cycle()
        except (h11.RemoteProtocolError, h11.LocalProtocolError, OSError, _ClientGoneError, _EndedError):
            pass  # a broken client ends its connection, nothing else
        finally:
            pump.cancel()
            self._writer.close()

    async def _pump(self) -> None:
        """Reads ahead a little, to notice a client that leaves in the middle of an answer."""
        try:
            while data := await self._reader.read(65536):
                self._inbox += data
                self._changed.set()
                if len(self._inbox) > _INBOX_LIMIT:
                    self._room.clear()
                await self._room.wait()
        except OSError:
            pass  # a reset is a way of leaving
        self._gone.set()
        self._changed.set()

    async def _next_event(self) -> Any:
        while (event := self._http.next_event()) is h11.NEED_DATA:
            if self._http.they_are_waiting_for_100_continue:
                await self._send(h11.InformationalResponse(status_code=100, headers=[]))
            while not self._inbox and not self._gone.is_set():
                self._changed.clear()
                await self._changed.wait()
            data = bytes(self._inbox)
            self._inbox.clear()
            self._room.set()
            self._http.receive_data(data)
        return event

    async def _exchange(self) -> bool:
        """One request and its answer; True while the connection can carry another."""
        head = await self._next_event()
        if not isinstance(head, h11.Request):
            return False
        number = self._ledger.opened()
        record: Record | None = None
        started_at = self._clock.wall()
        try:
            body = bytearray()
            while isinstance(event := await self._next_event(), h11.Data):
                body += event.data
                if len(body) > BODY_LIMIT:
                    return False
            if not isinstance(event, h11.EndOfMessage):
                return False
            request = self._read(head, bytes(body))
            delivery = self._vendor.answer(
                request, cache_now=self._clock.scaled(), wall_now=self._clock.wall()
            )
            sent, digest = Sent(), hashlib.sha256()
            try:
                await self._deliver(delivery, sent, digest)
            finally:
                if sent.tokens is not None:
                    self._vendor.told(sent.tokens)
                record = sent.record(
                    number, delivery, digest.hexdigest(), started_at=started_at, ended_at=self._clock.wall()
                )
        finally:
            self._ledger.closed(record)
        return self._http.our_state is h11.DONE and self._http.their_state is h11.DONE

    def _read(self, head: h11.Request, body: bytes) -> Request:
        headers = tuple((k.decode("latin-1"), v.decode("latin-1")) for k, v in head.headers.raw_items())
        target = head.target.decode("latin-1")
        first = read_request(head.method.decode("ascii"), target, headers, body)
        occurrence = self._vendor.occurrence(first.session_id, body)
        return read_request(first.method, target, headers, body, occurrence) if occurrence else first

    async def _deliver(self, delivery: Delivery, sent: Sent, digest: Any) -> None:
        reply = delivery.reply
        if delivery.status != 200:
            sent.outcome = "error"
        elif reply.error is not None:
            sent.outcome = "stream_error"
        try:
            await self._wait(reply.first_token_seconds)
            if reply.cut_after_bytes == 0:
                await self._end(reply)
            if delivery.chunked:
                await self._deliver_chunked(delivery, sent, digest)
            else:
                await self._deliver_whole(delivery, sent, digest)
        except (_ClientGoneError, OSError, asyncio.CancelledError):
            sent.outcome = "aborted"
            raise
        except _EndedError:
            sent.outcome = "cut"
            raise

    async def _deliver_chunked(self, delivery: Delivery, sent: Sent, digest: Any) -> None:
        await self._head(delivery, [("Transfer-Encoding", "chunked")])
        encode = encoder(delivery.encoding)
        for part in delivery.parts:
            await self._hold(part)
            data = encode.feed(part.data) if part.data else b""
            await self._body(
                data + (encode.finish() if part.last else b""), part, delivery.reply, sent, digest
            )
        if delivery.reply.end != "complete":
            await self._end(delivery.reply)
        await self._send(h11.EndOfMessage(headers=list(delivery.reply.trailers)))

    async def _deliver_whole(self, delivery: Delivery, sent: Sent, digest: Any) -> None:
        part = next(delivery.parts)
        await self._hold(part)
        encode = encoder(delivery.encoding)
        body = encode.feed(part.data) + encode.finish()
        await self._head(delivery, [("Content-Length", str(len(body)))])
        reply = delivery.reply
        if reply.end != "complete" and reply.cut_after_bytes is None:
            reply = replace(reply, cut_after_bytes=len(body) - 1)  # with its last byte it would be over
        if delivery.request.method != "HEAD":
            await self._body(body, part, reply, sent, digest)
        if reply.end != "complete":
            await self._end(reply)
        await self._send(h11.EndOfMessage())

    async def _head(self, delivery: Delivery, framing: list[tuple[str, str]]) -> None:
        self._vendor.began(delivery, self._clock.scaled())
        headers = [*delivery.headers, *framing]
        await self._send(h11.Response(status_code=delivery.status, headers=headers, reason=b""))

    async def _body(self, data: bytes, part: Part, reply: Reply, sent: Sent, digest: Any) -> None:
        """Sends a part; what it says is told once all of it is out, also when the connection ends there."""
        size = reply.chunk_bytes or len(data) or 1
        for start in range(0, len(data), size):
            piece = data[start : start + size]
            if reply.cut_after_bytes is not None:
                piece = piece[: reply.cut_after_bytes - sent.size]
            if piece:
                await self._send(h11.Data(data=piece))
                digest.update(piece)
                sent.size += len(piece)
            if reply.cut_after_bytes is not None and sent.size >= reply.cut_after_bytes:
                if start + len(piece) == len(data):
                    sent.note(part)
                await self._end(reply)
        sent.note(part)

    async def _send(self, event: Any) -> None:
        if self._gone.is_set():
            raise _ClientGoneError
        data = self._http.send(event)
        if data:
            self._writer.write(data)
            await self._writer.drain()

    async def _hold(self, part: Part) -> None:
        if part.hold is not None:
            await self._until(self._released(part.hold))
        await self._wait(part.wait_seconds)

    async def _wait(self, seconds: float) -> None:
        """Waits seconds of the play; raises when the client leaves meanwhile."""
        if seconds > 0:
            limit = None if math.isinf(seconds) else seconds / self._clock.speed
            try:
                await asyncio.wait_for(self._gone.wait(), limit)
            except TimeoutError:
                return
        if self._gone.is_set():
            raise _ClientGoneError

    async def _until(self, released: asyncio.Event) -> None:
        waits = [asyncio.create_task(event.wait()) for event in (released, self._gone)]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
        if self._gone.is_set():
            raise _ClientGoneError

    async def _end(self, reply: Reply) -> None:
        """Ends the connection as the reply says; always raises."""
        if reply.end == "hang":
            await self._wait(math.inf)
        if reply.end == "rst":
            # lingering zero seconds makes the kernel send a reset instead of a close
            raw = self._writer.get_extra_info("socket")
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self._writer.transport.abort()
        raise _EndedError
