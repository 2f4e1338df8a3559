"""Takes what Envoy copies off the wire at once: a gRPC server on a thread of its own, which waits for nobody.

Source: Envoy 1.40, `envoy.service.ext_proc.v3`, in observability mode: Envoy never waits for a reply and ignores it, so
none is sent. The stream is ours to end at the last message; otherwise Envoy would hold it for its deferred-close time
and run into its circuit breaker. And it gives up a stream so long after its exchange whether or not we have read it:
measured, an event loop that does something else for more than two seconds loses copies. Hence the thread.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import logging
import threading
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import grpc
from grpc_health.v1 import health, health_pb2_grpc

from clauditor import logs
from clauditor.edge.inbox import Copy, End, Inbox
from clauditor.edge.messages import ends_response
from clauditor.errors import ClauditorError
from clauditor.pb.ext_proc_pb2 import ProcessingRequest, ProcessingResponse

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
_START_SECONDS: Final = 30.0
_STOP_SECONDS: Final = 0.5
_ROOM_SECONDS: Final = 0.01
_ROOM_LOOKS: Final = 100  # a second: then the loop does not move, and the copy is given up

Message = tuple[ProcessingRequest, int]
"""A message and its size in bytes."""


@dataclass(slots=True)
class StreamCounters:
    """Streams since the start, and those under way."""

    exchanges: int = 0
    open: int = 0


class ExtProcServer:
    """The service on a Unix socket (mode 0600), with gRPC health checking beside it. `now` tells when a
    message came, in seconds.
    """

    def __init__(self, inbox: Inbox, socket: Path, *, now: Callable[[], float]) -> None:
        self.counters = StreamCounters()
        self.loop = logs.event_loop()
        self._inbox = inbox
        self._socket = socket
        self._now = now
        self._is_stopping = False
        self._started: concurrent.futures.Future[None] = concurrent.futures.Future()
        self._stop = asyncio.Event()
        self._thread = threading.Thread(target=self._turn, name="drain", daemon=True)

    def start(self) -> None:
        """Listen; returns once it does. The caller holds the data directory's lock, so whatever lies at the path is
        stale.

        Raises `ClauditorError` if the address cannot be bound.
        """
        self._thread.start()
        self._started.result(_START_SECONDS)

    async def stop(self) -> None:
        """Stop taking streams, and end those under way after half a second."""
        self._is_stopping = True
        if self._thread.is_alive():
            self.loop.call_soon_threadsafe(self._stop.set)
            await asyncio.to_thread(self._thread.join, 2 * _STOP_SECONDS)

    async def process(self, messages: AsyncIterator[Message], _context: Any) -> None:
        """Read one stream to its last message. Never raises on what it is sent."""
        self.counters.exchanges += 1
        self.counters.open += 1
        copy, is_whole = Copy(), False
        try:
            async for message, size in messages:
                at = self._now()
                if not (copy.is_dropped or self._inbox.has_room(copy, size)):
                    await self._wait_for_room(copy, size)
                self._inbox.put(copy, message, size, at)
                if is_whole := ends_response(message):
                    return
        finally:
            self.counters.open -= 1
            how: End = "whole" if is_whole else "stopped" if self._is_stopping else "cut"
            self._inbox.end(copy, how, self._now())

    async def _wait_for_room(self, copy: Copy, size: int) -> None:
        """Leave the next message with Envoy for a moment: the loop may only be slower than the wire."""
        for _ in range(_ROOM_LOOKS):
            await asyncio.sleep(_ROOM_SECONDS)
            if self._inbox.has_room(copy, size):
                return

    def _turn(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self.loop) as runner:
            runner.run(self._run())

    async def _run(self) -> None:
        try:
            server = await self._serve()
        except Exception as error:  # noqa: BLE001 - raised by `start`, in the caller's thread
            self._started.set_exception(error)
            return
        self._started.set_result(None)
        await self._stop.wait()
        await server.stop(_STOP_SECONDS)

    async def _serve(self) -> grpc.aio.Server:
        handler = grpc.stream_stream_rpc_method_handler(
            self.process,
            request_deserializer=lambda raw: (ProcessingRequest.FromString(raw), len(raw)),
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
        return server
