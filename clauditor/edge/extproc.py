"""What Envoy copies to us: one gRPC stream an HTTP exchange, drained first and understood after.

Source: Envoy 1.40, `envoy.service.ext_proc.v3`, in observability mode: Envoy never waits for a reply and
ignores it, so none is sent. The stream is ours to end at the last message; otherwise Envoy would hold it
for its deferred-close time and run into its circuit breaker. A copy that breaks off does not say why: such an exchange
is held until the access log tells (`edge.joining`).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import grpc
from grpc_health.v1 import health, health_pb2_grpc

from clauditor.edge.joining import By, Ended, Gap, Joining
from clauditor.edge.messages import attribute, ends_response, microseconds, pairs
from clauditor.errors import ClauditorError
from clauditor.model.events import MAIN_AGENT, AttemptFailed, Event, FailureKind, GapFound
from clauditor.model.session import UNOBSERVED
from clauditor.pb.ext_proc_pb2 import HttpBody, ProcessingRequest, ProcessingResponse
from clauditor.wire.exchange import Exchange
from clauditor.wire.identity import Secrets

log = logging.getLogger(__name__)

_SERVICE: Final = "envoy.service.ext_proc.v3.ExternalProcessor"
_MAX_MESSAGE_BYTES: Final = 64 * 1024 * 1024  # Envoy's body chunks are about 1 MB, heads up to 8 MB

# Measured with Envoy 1.40: with gRPC's defaults a burst of 5,000 exchanges loses up to a quarter of them,
# and pings on a quiet stream count as an attack and end it.
_SERVER_OPTIONS: Final = (
    ("grpc.server.max_pending_requests", 100_000),
    ("grpc.server.max_pending_requests_hard_limit", 200_000),
    ("grpc.http2.max_ping_strikes", 0),
    ("grpc.http2.min_recv_ping_interval_without_data_ms", 1000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.max_receive_message_length", _MAX_MESSAGE_BYTES),
    ("grpc.so_reuseport", 0),
)
_STOP_SECONDS: Final = 0.5
_LATE_SECONDS: Final = 5.0  # an end is told this much after it at most
_FAILURES: Final[Mapping[By, FailureKind]] = {
    "nobody": "stream",  # it came whole and held no answer
    "client": "aborted",
    "upstream": "stream",
    "proxy": "proxy",
    "unseen": "proxy",
}


@dataclass(slots=True)
class EdgeCounters:
    """What passed the edge since the start: streams, those under way, bytes, and what went wrong."""

    exchanges: int = 0
    open: int = 0
    request_bytes: int = 0
    response_bytes: int = 0
    cut_short: int = 0
    internal_errors: int = 0


class ExtProc:
    """The gRPC service. `publish` takes events and must not block; `now` tells Unix seconds."""

    def __init__(
        self,
        *,
        publish: Callable[[Event], None],
        now: Callable[[], float],
        secrets: Secrets,
        joining: Joining[Exchange],
    ) -> None:
        self.counters = EdgeCounters()
        self.is_stopping = False
        self._publish = publish
        self._now = now
        self._secrets = secrets
        self._joining = joining
        self._reading: dict[str, Ended[Exchange] | None] = {}
        self._unattributed = 0

    async def process(self, messages: AsyncIterator[ProcessingRequest], _context: Any) -> None:
        """Follow one exchange from its first message to its last. Never raises on what it is sent."""
        counters = self.counters
        counters.exchanges += 1
        counters.open += 1
        exchange: Exchange | None = None
        is_broken = is_whole = False
        try:
            async for message in messages:
                if is_broken:
                    is_whole = ends_response(message)
                else:
                    try:
                        if exchange is None:
                            exchange = self._open(message)
                        is_whole = await self._feed(exchange, message)
                    except Exception:  # our fault, not the client's: stop looking, go on draining
                        is_broken = True
                        is_whole = ends_response(message)
                        counters.internal_errors += 1
                        log.exception("an exchange is no longer observed")
                if is_whole:
                    return
        finally:
            counters.open -= 1
            # At our own stop the calls under way go on without us: the next start finds them open, as gaps.
            if exchange is not None and not self.is_stopping:
                counters.cut_short += not is_whole
                if is_broken:
                    exchange.partial.append("internal_error")
                    self._close(exchange, "unseen")
                elif is_whole or not exchange.is_watched:
                    self._close(exchange)
                if exchange.is_watched:
                    self.settle(self._joining.copied(exchange, is_whole=is_whole or is_broken))

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

    async def _feed(self, exchange: Exchange, message: ProcessingRequest) -> bool:
        """Hand one message on; True when it was the last of its exchange."""
        at = self._now()
        match message.WhichOneof("request"):
            case "response_body":
                body = message.response_body
                self.counters.response_bytes += len(body.body)
                self._tell(exchange.response_body(body.body, end=body.end_of_stream, at=at))
                return body.end_of_stream
            case "request_body":
                body = message.request_body
                self.counters.request_bytes += len(body.body)
                await self._read_request(exchange, body, at)
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
                return head.end_of_stream
            case "response_trailers":
                self._tell(exchange.response_trailers(at=at))
                return True
            case _:
                pass
        return False

    async def _read_request(self, exchange: Exchange, body: HttpBody, at: float) -> None:
        """Others run while a long request is read; an end that is told meanwhile waits for its start."""
        self._reading[exchange.exchange_id] = None
        try:
            for event in exchange.request_body(body.body, end=body.end_of_stream, at=at):
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

    def _close(self, exchange: Exchange, by: By | None = None, at: float | None = None) -> None:
        """The exchange is over: say what is left to say, and what of a call was not understood.

        `by` and `at`: who ended one whose copy broke off, and when.
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
                    exchange.request_bytes + exchange.response_bytes,
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


class ExtProcServer:
    """The service on a Unix socket (mode 0600), with gRPC health checking beside it."""

    def __init__(self, service: ExtProc, socket: Path) -> None:
        self._socket = socket
        self._service = service
        self._server: grpc.aio.Server | None = None

    async def start(self) -> None:
        """Listen. The caller holds the data directory's lock, so whatever lies at the path is stale.

        Raises `ClauditorError` if the address cannot be bound.
        """
        handler = grpc.stream_stream_rpc_method_handler(
            self._service.process,
            request_deserializer=ProcessingRequest.FromString,
            response_serializer=ProcessingResponse.SerializeToString,
        )
        server = grpc.aio.server(options=_SERVER_OPTIONS)
        server.add_generic_rpc_handlers(
            (grpc.method_handlers_generic_handler(_SERVICE, {"Process": handler}),)
        )
        health_pb2_grpc.add_HealthServicer_to_server(health.aio.HealthServicer(), server)
        self._socket.unlink(missing_ok=True)
        try:
            server.add_insecure_port(f"unix:{self._socket}")
            await server.start()
        except RuntimeError as error:
            raise ClauditorError(
                f"Cannot listen for Envoy at {self._socket}: another sidecar may hold it, see clauditor status."
            ) from error
        self._socket.chmod(0o600)
        self._server = server

    async def stop(self) -> None:
        """Stop taking streams, and end those under way after half a second."""
        self._service.is_stopping = True
        if self._server is not None:
            await self._server.stop(_STOP_SECONDS)
