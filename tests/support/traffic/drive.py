"""Sends a plan through a running stack, many sessions at once, and keeps what came back."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import httpx

from clauditor.demo import Reply, Request, Simulator
from support.traffic.plan import Attempt, Call, Session
from support.traffic.requests import NUMBER_HEADER, Pen
from support.traffic.troubles import MARK

AT_ONCE = 32
_PATIENCE_SECONDS = 60.0
_VENDOR_SECONDS = 30.0


@dataclass(slots=True)
class Received:
    """What the client got, by attempt: the digest of each body that came whole, as it was on the wire, or why it
    did not.
    """

    digests: dict[int, str] = field(default_factory=dict)
    broken: dict[int, str] = field(default_factory=dict)


class Driver:
    """One run. The vendor is told by a header which answer each request is to get."""

    def __init__(self, vendor: Simulator, proxy_url: str, *, at_once: int = AT_ONCE) -> None:
        self.received = Received()
        self._vendor, self._url = vendor, proxy_url
        self._replies: dict[int, Reply | None] = {}
        self._arrived: dict[int, asyncio.Event] = {}
        self._turnstile = asyncio.Semaphore(at_once)
        self._loop = asyncio.get_running_loop()

    async def play(self, sessions: Sequence[Session]) -> Received:
        """Plays every session to its end; raises if the vendor has not seen all of it then."""
        self._vendor.reply_with(self._answer)
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=2 * AT_ONCE)
        async with (
            httpx.AsyncClient(trust_env=False, limits=limits, timeout=_PATIENCE_SECONDS) as http,
            asyncio.TaskGroup() as group,
        ):
            for session in sessions:
                group.create_task(self._session(http, session))
        numbers = {attempt.number for session in sessions for attempt in session.attempts}
        ledger = self._vendor.ledger
        if not await asyncio.to_thread(ledger.wait, len(numbers), timeout_seconds=_VENDOR_SECONDS):
            missing = sorted(numbers - {int(record.header(NUMBER_HEADER) or 0) for record in ledger.records})
            raise AssertionError(
                f"the vendor did not end {missing}; {ledger.in_flight} under way, broken: {self.received.broken}"
            )
        return self.received

    async def _session(self, http: httpx.AsyncClient, session: Session) -> None:
        async with self._turnstile:
            pen = Pen(session)
            for calls in session.groups:
                for call in calls:
                    pen.begin(call)
                await asyncio.gather(*(self._call(http, pen, call) for call in calls))
                for call in calls:
                    pen.finish(call)

    async def _call(self, http: httpx.AsyncClient, pen: Pen, call: Call) -> None:
        for attempt in call.attempts:
            method, target, headers, content = pen.request(call, attempt, urlsplit(self._url).netloc)
            self._replies[attempt.number] = attempt.reply
            request = http.build_request(method, self._url + target, headers=headers, content=content)
            if attempt.leaves == "at_once":
                await self._leave_at_once(http, request, attempt)
            else:
                await self._send(http, request, attempt)
            del self._replies[attempt.number]

    async def _send(self, http: httpx.AsyncClient, request: httpx.Request, attempt: Attempt) -> None:
        try:
            response = await http.send(request, stream=True)
            async with contextlib.aclosing(response):
                if attempt.leaves is not None:
                    await _read_to_the_mark(response)
                    return
                digest = hashlib.sha256()
                async for piece in response.aiter_raw():
                    digest.update(piece)
                self.received.digests[attempt.number] = digest.hexdigest()
        except httpx.TransportError as error:
            self.received.broken[attempt.number] = repr(error)

    async def _leave_at_once(self, http: httpx.AsyncClient, request: httpx.Request, attempt: Attempt) -> None:
        arrived = self._arrived[attempt.number] = asyncio.Event()
        asking = asyncio.create_task(http.send(request, stream=True))
        try:
            await arrived.wait()
        finally:
            asking.cancel()
            await asyncio.wait((asking,))
            del self._arrived[attempt.number]

    def _answer(self, request: Request) -> Reply | None:
        """Called in the vendor's thread, for every request that arrived whole."""
        number = int(request.header(NUMBER_HEADER) or 0)
        reply = self._replies.get(number)  # first: a client that leaves takes its reply along
        if (arrived := self._arrived.get(number)) is not None:
            self._loop.call_soon_threadsafe(arrived.set)
        return reply


async def _read_to_the_mark(response: httpx.Response) -> None:
    seen = b""
    async for piece in response.aiter_bytes():
        seen += piece
        if MARK.encode() in seen:
            return
    raise AssertionError("the answer ended before its mark")
