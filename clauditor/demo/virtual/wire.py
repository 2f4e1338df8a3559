"""The way between pretend clients and the pretend vendor, without a socket: each byte is shown to the wire layer
as Envoy would show it.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from typing import NoReturn

import httpx

from clauditor.demo.encoding import encoder
from clauditor.demo.reply import Reply
from clauditor.demo.request import read_request
from clauditor.demo.sent import Sent
from clauditor.demo.vendor import Delivery, Vendor
from clauditor.model.events import Event, GapFound
from clauditor.wire.exchange import PROGRESS_SECONDS, Exchange

Publish = Callable[[Event], None]


class Observer:
    """What the edge does with a copy of one exchange's bytes."""

    def __init__(self, exchange: Exchange, publish: Publish, now: Callable[[], float]) -> None:
        self._exchange = exchange
        self._publish = publish
        self._now = now
        self._progress_due: asyncio.TimerHandle | None = None

    def request(self, headers: Sequence[tuple[str, str]], body: bytes) -> None:
        self._tell(self._exchange.request_headers(headers, end=False, at=self._now()))
        self._tell(self._exchange.request_body(body, end=True, at=self._now()))

    def head(self, status: int, headers: Sequence[tuple[str, str]]) -> None:
        pairs = [(":status", str(status)), *headers]
        self._tell(self._exchange.response_headers(pairs, end=False, at=self._now()))

    def body(self, data: bytes, *, end: bool) -> None:
        self._tell(self._exchange.response_body(data, end=end, at=self._now()))
        if self._progress_due is None:
            loop = asyncio.get_running_loop()
            self._progress_due = loop.call_later(PROGRESS_SECONDS, self._tell_progress)

    def closed(self) -> None:
        """The copy ended; what was not understood is a gap."""
        exchange, at = self._exchange, self._now()
        self._tell(exchange.closed(at=at))
        if exchange.is_watched and exchange.partial:
            gap = GapFound(
                at=at,
                session_id=exchange.session_id or "",
                exchange_id=exchange.exchange_id,
                reason=exchange.partial[0],
                unseen_bytes=exchange.request_bytes + exchange.response_bytes,
            )
            self._publish(gap)

    def _tell_progress(self) -> None:
        self._progress_due = None
        self._tell(self._exchange.progress())

    def _tell(self, events: Iterable[Event | None]) -> None:
        for event in events:
            if event is not None:
                self._publish(event)


class VirtualWire(httpx.AsyncBaseTransport):
    """A network for `httpx`: requests go to the vendor, `observe` says who watches each of them.

    Seconds are those of the running loop; `vendor_now` is the vendor's own clock, which nobody sets.
    """

    def __init__(
        self, vendor: Vendor, observe: Callable[[], Observer], vendor_now: Callable[[], float]
    ) -> None:
        self._vendor = vendor
        self._observe = observe
        self._vendor_now = vendor_now

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        observer = self._observe()
        headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in request.headers.raw]
        target, body = request.url.raw_path.decode("ascii"), request.content
        try:
            pseudo = [(":method", request.method), (":path", target), (":authority", request.url.host)]
            observer.request([*pseudo, *headers], body)
            read = read_request(request.method, target, tuple(headers), body)
            if occurrence := self._vendor.occurrence(read.session_id, body):
                read = read_request(request.method, target, tuple(headers), body, occurrence)
            delivery = self._vendor.answer(read, cache_now=self._vendor_now(), wall_now=self._vendor_now())
            patience = float(request.extensions["timeout"].get("read") or math.inf)
            await _wait(delivery.reply.first_token_seconds, patience, request)
            if delivery.reply.cut_after_bytes == 0:
                await _end(delivery.reply, patience, request)
            self._vendor.began(delivery, self._vendor_now())
            observer.head(delivery.status, delivery.headers)
        except BaseException:  # the client left or was cancelled: the copy ends as well
            observer.closed()
            raise
        answer = _Answer(delivery, observer, self._vendor, patience, request)
        return httpx.Response(delivery.status, headers=list(delivery.headers), stream=answer, request=request)


class _Answer(httpx.AsyncByteStream):
    """The body of an answer, at its pace, until it ends or the client closes it."""

    def __init__(
        self,
        delivery: Delivery,
        observer: Observer,
        vendor: Vendor,
        patience: float,
        request: httpx.Request,
    ) -> None:
        self._delivery = delivery
        self._observer = observer
        self._vendor = vendor
        self._patience = patience
        self._request = request
        self._sent = Sent()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        reply, encode, silent = self._delivery.reply, encoder(self._delivery.encoding), 0.0
        for part in self._delivery.parts:
            await _wait(part.wait_seconds, self._patience - silent, self._request)
            silent = 0.0 if part.data else silent + part.wait_seconds
            data = encode.feed(part.data) if part.data else b""
            data += encode.finish() if part.last else b""
            for piece in self._pieces(data):
                self._observer.body(piece, end=False)
                self._sent.size += len(piece)
                yield piece
                if self._sent.size == reply.cut_after_bytes:
                    await _end(reply, self._patience, self._request)
            self._sent.note(part)
        if reply.end != "complete":
            await _end(reply, self._patience, self._request)
        self._observer.body(b"", end=True)

    async def aclose(self) -> None:
        if self._sent.tokens is not None:
            self._vendor.told(self._sent.tokens)
        self._observer.closed()

    def _pieces(self, data: bytes) -> Iterable[bytes]:
        reply = self._delivery.reply
        if reply.cut_after_bytes is not None:
            data = data[: reply.cut_after_bytes - self._sent.size]
        size = reply.chunk_bytes or max(1, len(data))
        return (data[start : start + size] for start in range(0, len(data), size))


async def _end(reply: Reply, patience: float, request: httpx.Request) -> NoReturn:
    """The connection ends as the reply says."""
    if reply.end == "hang":
        await _wait(math.inf, patience, request)
    raise httpx.RemoteProtocolError("the vendor hung up", request=request)


async def _wait(seconds: float, patience: float, request: httpx.Request) -> None:
    """Lets virtual seconds pass; raises when the client has no more patience with silence."""
    if seconds > 0:
        await asyncio.sleep(min(seconds, patience))
    if seconds >= patience:
        raise httpx.ReadTimeout("the vendor is silent", request=request)
