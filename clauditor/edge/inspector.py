"""Looks at what Envoy copied to us: an exchange's messages in their order become events, and gaps where they lack.

A copy that breaks off does not say why: such an exchange is held until the access log tells (`edge.joining`).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from clauditor.edge.inbox import Copy, End, Inbox
from clauditor.edge.joining import By, Ended, Gap, Joining
from clauditor.edge.messages import attribute, microseconds, pairs
from clauditor.model.events import MAIN_AGENT, UNOBSERVED, AttemptFailed, Event, FailureKind, GapFound
from clauditor.pb.ext_proc_pb2 import ProcessingRequest
from clauditor.wire.exchange import PROGRESS_SECONDS, Exchange
from clauditor.wire.identity import Secrets

log = logging.getLogger(__name__)

MOMENT_SECONDS: Final = 0.01  # between two looks, what comes is gathered: waking up costs more than a chunk
_TURN_ITEMS: Final = 32  # looked at before others may run: about half a millisecond,
_TURN_BYTES: Final = 256 << 10  # or a few milliseconds of long bodies
_FINISH_SECONDS: Final = 0.3
_LATE_SECONDS: Final = 5.0  # an end is told this much after it at most
_FAILURES: Final[Mapping[By, FailureKind]] = {
    "nobody": "stream",  # it came whole and held no answer
    "client": "aborted",
    "upstream": "stream",
    "proxy": "proxy",
    "unseen": "proxy",
}


@dataclass(slots=True)
class InspectorCounters:
    """What was looked at since the start: body bytes, and what went wrong."""

    request_bytes: int = 0
    response_bytes: int = 0
    cut_short: int = 0
    internal_errors: int = 0


def _as_it_is(at: float) -> float:
    return at


class Inspector:
    """Empties the inbox. `publish` takes events and must not block; `now` tells Unix seconds, and `wall` those of a
    moment in the inbox: a clock that is set while a copy waits there must not make its call longer.
    """

    def __init__(
        self,
        inbox: Inbox,
        *,
        publish: Callable[[Event], None],
        now: Callable[[], float],
        secrets: Secrets,
        joining: Joining[Exchange],
        wall: Callable[[float], float] = _as_it_is,
    ) -> None:
        self.counters = InspectorCounters()
        self._inbox = inbox
        self._publish = publish
        self._now = now
        self._wall = wall
        self._secrets = secrets
        self._joining = joining
        self._reading: dict[str, Ended[Exchange] | None] = {}
        self._exchanges: dict[Copy, Exchange | None] = {}  # None: it is looked at no longer
        self._flowing: dict[Exchange, None] = {}  # whose answers' bytes came since progress was last told
        self._flows = asyncio.Event()
        self._unattributed = 0

    async def run(self) -> None:
        """Look at what comes until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._tell_progress())
            loop = asyncio.get_running_loop()
            while True:
                await self.look()
                looked_at = loop.time()
                await self._inbox.wait()
                await asyncio.sleep(looked_at + MOMENT_SECONDS - loop.time())

    async def finish(self) -> None:
        """Look at what is left, for a moment."""
        try:
            async with asyncio.timeout(_FINISH_SECONDS):
                await self.look()
        except TimeoutError:
            log.warning("%d bytes of copies were not looked at", self._inbox.waiting_bytes)

    @property
    def lag_seconds(self) -> float:
        """How long what is next has waited."""
        oldest_at = self._inbox.oldest_at
        return 0.0 if oldest_at is None else self._now() - self._wall(oldest_at)

    async def look(self) -> None:
        """Look at all that waits, in slices that leave the loop free. Never raises on what was sent."""
        items = size = 0
        while (item := self._inbox.take()) is not None:
            try:
                if isinstance(item.what, str):
                    self._end(item.copy, item.what)
                elif (exchange := self._exchanges.get(item.copy)) and item.what.HasField("response_body"):
                    self._hear(exchange, item.what, self._wall(item.at))
                else:
                    await self._see(item.copy, item.what, self._wall(item.at))
            except Exception:  # our fault, not the client's: look no longer
                self.counters.internal_errors += 1
                log.exception("an exchange is no longer observed")
                self._give_up(item.copy, "internal_error")
            items, size = items + 1, size + item.size
            if items >= _TURN_ITEMS or size >= _TURN_BYTES:
                items = size = 0
                await asyncio.sleep(0)

    async def _see(self, copy: Copy, message: ProcessingRequest, at: float) -> None:
        if copy not in self._exchanges:
            self._exchanges[copy] = None
            self._exchanges[copy] = self._open(message)
        if (exchange := self._exchanges[copy]) is not None:
            await self._feed(exchange, message, at)

    def _give_up(self, copy: Copy, reason: str, unseen_bytes: int | None = None) -> None:
        """Look at a copy no longer. What was not seen of it is told at once: its end may be minutes away."""
        exchange = self._exchanges.get(copy)
        if exchange is None:
            return
        self._exchanges[copy] = None
        if exchange.is_watched:
            exchange.partial.insert(0, reason)
            self._close(exchange, "unseen", unseen_bytes=unseen_bytes)
            self._joining.given_up(exchange.exchange_id)

    def _end(self, copy: Copy, how: End) -> None:
        if how == "overflow":
            self._give_up(copy, how, copy.dropped_bytes)
            return
        self.counters.cut_short += how == "cut"
        exchange = self._exchanges.pop(copy, None)
        # At our own stop the calls under way go on without us: the next start finds them open, as gaps.
        if exchange is None or how == "stopped":
            return
        if how == "whole" or not exchange.is_watched:
            self._close(exchange)
        if exchange.is_watched:
            self.settle(self._joining.copied(exchange, is_whole=how == "whole"))

    def settle(self, said: Iterable[Ended[Exchange] | Gap]) -> None:
        """Tell what copies and the access log together say. Never raises."""
        for each in said:
            if isinstance(each, Gap):
                self._publish_gap(
                    each.session_id, each.agent_id, each.exchange_id, each.reason, each.unseen_bytes
                )
            elif each.capture.exchange_id in self._reading:
                self._reading[each.capture.exchange_id] = each
            else:
                self._close(each.capture, each.by, each.at)

    async def _feed(self, exchange: Exchange, message: ProcessingRequest, at: float) -> None:
        """Hand one message on."""
        match message.WhichOneof("request"):
            case "response_body":
                self._hear(exchange, message, at)
            case "request_body":
                body, data = message.request_body, message.request_body.body
                self.counters.request_bytes += len(data)
                await self._read_request(exchange, data, end=body.end_of_stream, at=at)
            case "request_headers":
                head = message.request_headers
                events = exchange.request_headers(pairs(head.headers), end=head.end_of_stream, at=at)
                if exchange.is_watched:
                    self._joining.opened(exchange, at)
                self._tell(events)
            case "response_headers":
                head = message.response_headers
                details = attribute(message, "response.code_details")
                is_local = bool(details) and details != "via_upstream"
                self._tell(
                    exchange.response_headers(
                        pairs(head.headers), end=head.end_of_stream, at=at, local_reply=is_local
                    )
                )
            case "response_trailers":
                self._tell(exchange.response_trailers(at=at))
            case _:
                pass

    def _hear(self, exchange: Exchange, message: ProcessingRequest, at: float) -> None:
        """The next bytes of an answer: the hot path."""
        body, data = message.response_body, message.response_body.body  # each look at it is a copy
        self.counters.response_bytes += len(data)
        if not self._flowing:
            self._flows.set()
        self._flowing[exchange] = None
        for event in exchange.response_body(data, end=body.end_of_stream, at=at):
            self._publish(event)

    async def _tell_progress(self) -> None:
        """All together and in step: what screens are told right after it is no older than PROGRESS_SECONDS."""
        while True:
            await self._flows.wait()
            await asyncio.sleep(PROGRESS_SECONDS)
            self._flows.clear()
            flowing, self._flowing = self._flowing, {}
            for number, exchange in enumerate(flowing, 1):
                self._tell(exchange.progress())
                if number % _TURN_ITEMS == 0:
                    await asyncio.sleep(0)

    async def _read_request(self, exchange: Exchange, data: bytes, *, end: bool, at: float) -> None:
        """Others run while a long request is read; an end that is told meanwhile waits for its start."""
        self._reading[exchange.exchange_id] = None
        try:
            for event in exchange.request_body(data, end=end, at=at):
                if event is None:
                    await asyncio.sleep(0)
                else:
                    self._publish(event)
        finally:
            ended = self._reading.pop(exchange.exchange_id)
            if ended is not None:
                self._close(exchange, ended.by, ended.at)

    def _open(self, message: ProcessingRequest) -> Exchange:
        connection = attribute(message, "connection.id")
        micros = microseconds(attribute(message, "request.time"))
        if connection is None or micros is None:
            self._unattributed += 1
            exchange_id = f"unattributed-{self._unattributed}-{int(self._now() * 1e6)}"
        else:
            exchange_id = f"{connection}-{micros}"
        return Exchange(exchange_id, secrets=self._secrets)

    def _close(
        self,
        exchange: Exchange,
        by: By | None = None,
        at: float | None = None,
        *,
        unseen_bytes: int | None = None,
    ) -> None:
        """The exchange is over: say what is left to say, and what of a call was not understood.

        `by` and `at`: who ended one whose copy broke off, and when. `unseen_bytes`: of one that is a gap (None: all).
        """
        try:
            now = self._now()
            at = now if at is None else min(now, max(at, now - _LATE_SECONDS))  # the clock may have been set
            if by == "nobody":
                self._tell(exchange.response_trailers(at=at))
            self._tell(_broken_by(by, event) for event in exchange.closed(at=at))
            if exchange.is_watched and exchange.partial:
                reason = exchange.partial[0]
                exchange.partial.clear()  # told once, also if the line ended it before its last message came
                self._publish_gap(
                    exchange.session_id or "",
                    MAIN_AGENT,
                    exchange.exchange_id,
                    reason,
                    exchange.request_bytes + exchange.response_bytes
                    if unseen_bytes is None
                    else unseen_bytes,
                )
        except Exception:
            self.counters.internal_errors += 1
            log.exception("the end of an exchange was lost")

    def _publish_gap(
        self, session_id: str, agent_id: str, exchange_id: str, reason: str, unseen_bytes: int
    ) -> None:
        self._publish(
            GapFound(
                at=self._now(),
                session_id=session_id,
                agent_id=agent_id,
                exchange_id=exchange_id,
                reason=reason,
                unseen_bytes=unseen_bytes,
            )
        )

    def _tell(self, events: Iterable[Event]) -> None:
        for event in events:
            self._publish(event)


def _broken_by(by: By | None, event: Event) -> Event:
    """An attempt whose answer broke off, as the log has it."""
    if by is None or not isinstance(event, AttemptFailed) or event.kind != "aborted":
        return event
    return replace(event, kind=_FAILURES[by], error_type=UNOBSERVED if by == "unseen" else event.error_type)
