"""The edge on a real gRPC channel: what is copied becomes events, and what was not understood becomes a gap."""

from __future__ import annotations

import asyncio
import concurrent.futures
import json
import time
from collections.abc import AsyncIterator, Iterable, Sequence
from pathlib import Path
from typing import Any

import grpc
import pytest

from clauditor.edge.extproc import ExtProcServer
from clauditor.edge.inbox import Copy, Inbox
from clauditor.edge.inspector import Inspector
from clauditor.edge.joining import By, Joining, Line
from clauditor.hub import Hub
from clauditor.model.events import (
    UNOBSERVED,
    AttemptFailed,
    AttemptFinished,
    AttemptStarted,
    Event,
    GapFound,
    Progress,
    ResponseStarted,
)
from clauditor.model.facts import Fact
from clauditor.model.session import Session
from clauditor.pb.ext_proc_pb2 import ProcessingRequest
from clauditor.wire.exchange import PROGRESS_SECONDS, Exchange
from support.messages_api import (
    ANSWER,
    HEADERS,
    JSON_HEAD,
    SECRETS,
    SESSION,
    STREAM_HEAD,
    body,
    message_start,
    request,
)
from support.story import FlatBook
from support.waiting import eventually

METHOD = "/envoy.service.ext_proc.v3.ExternalProcessor/Process"
WHEN = {
    "connection.id": {"number_value": 7.0},
    "request.time": {"string_value": "2026-11-22T14:00:00.000001+00:00"},
}
ATTRIBUTES: dict[str, Any] = {"envoy.filters.http.ext_proc": {"fields": WHEN}}


class Edge:
    """A served edge and the events it published."""

    def __init__(self, socket: Path, inbox: Inbox | None = None) -> None:
        self.events: list[Event] = []
        self.joining: Joining[Exchange] = Joining()
        self.inbox = inbox or Inbox()
        self.service = Inspector(
            self.inbox, publish=self.publish, now=lambda: 1000.0, secrets=SECRETS, joining=self.joining
        )
        self.server = ExtProcServer(self.inbox, socket, now=lambda: 1000.0)
        self.address = f"unix:{socket}"

    async def copy(self, messages: Iterable[ProcessingRequest], *, cut: bool = False) -> None:
        async with grpc.aio.insecure_channel(self.address) as channel:
            call = channel.stream_stream(
                METHOD, request_serializer=ProcessingRequest.SerializeToString, response_deserializer=None
            )()
            for message in messages:
                await call.write(message)
            if cut:
                await call.done_writing()
            assert await call.read() is grpc.aio.EOF
        await self.looked()

    async def looked(self) -> None:
        """Every stream has ended, and all of it was looked at."""
        await eventually(lambda: self.server.counters.open == 0)
        await self.service.look()

    def observe(self, event: Event, session: Session | None, facts: Sequence[Fact]) -> None:
        self.events.append(event)

    def publish(self, event: Event) -> None:
        """Stands in for the hub, of which the joining is a sink."""
        self.events.append(event)
        self.joining.observe(event, None, ())

    def logged(self, **fields: Any) -> None:
        """Envoy logs the exchange, and time passes."""
        line = Line(exchange_id="7-1795356000000001", agent_id="main", **fields)
        self.service.settle(self.joining.logged(line))

    def of(self, kind: type[Any]) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]


@pytest.fixture
async def edge(tmp_path: Path) -> AsyncIterator[Edge]:
    edge = Edge(tmp_path / "s")
    edge.server.start()
    yield edge
    await edge.server.stop()


def head(headers: dict[str, str], *, end: bool = False) -> dict[str, Any]:
    pairs = [{"key": name.encode(), "raw_value": value.encode()} for name, value in headers.items()]
    return {"headers": {"headers": pairs}, "end_of_stream": end}


def exchange(
    sent: bytes = body(request()), answer: bytes = ANSWER, answer_head: dict[str, str] = STREAM_HEAD
) -> list[ProcessingRequest]:
    return [
        ProcessingRequest(request_headers=head(HEADERS), attributes=ATTRIBUTES),
        ProcessingRequest(request_body={"body": sent, "end_of_stream": True}),
        ProcessingRequest(response_headers=head(answer_head)),
        ProcessingRequest(response_body={"body": answer, "end_of_stream": False}),
        ProcessingRequest(response_body={"body": b"", "end_of_stream": True}),
    ]


async def test_an_exchange_is_named_by_its_connection_and_microsecond_and_ended_by_us(edge: Edge) -> None:
    await edge.copy(exchange())
    (finished,) = edge.of(AttemptFinished)
    assert (finished.session_id, finished.exchange_id) == (SESSION, "7-1795356000000001")
    assert not edge.of(GapFound)
    counters = edge.server.counters
    assert (counters.exchanges, counters.open, edge.service.counters.cut_short) == (1, 0, 0)


@pytest.mark.parametrize(
    ("by", "kind"), [("client", "aborted"), ("upstream", "stream"), ("proxy", "proxy"), ("nobody", "stream")]
)
@pytest.mark.parametrize("line_first", [True, False])
async def test_a_copy_that_broke_off_ends_once_as_the_log_has_it(
    edge: Edge, by: By, kind: str, line_first: bool
) -> None:
    started = message_start()
    messages = exchange(answer=started)[:4]
    line = {"by": by, "request_bytes": len(body(request())), "response_bytes": len(started), "seconds": 0.0}
    if line_first:
        edge.logged(**line)
    await edge.copy(messages, cut=True)
    assert bool(edge.of(AttemptFailed)) == line_first
    if not line_first:
        edge.logged(**line)
    (failure,) = edge.of(AttemptFailed)
    assert (failure.kind, failure.error_type, failure.usage.input, failure.at) == (kind, None, 10, 1000.0)
    assert len(edge.of(AttemptStarted)) == 1
    assert not edge.of(GapFound)
    assert edge.service.counters.cut_short == 1


async def test_a_copy_that_broke_off_while_its_exchange_went_on_ends_unseen_and_is_a_gap_later(
    edge: Edge,
) -> None:
    await edge.copy(exchange(answer=message_start())[:4], cut=True)
    edge.service.settle(edge.joining.pass_time(2.0))
    (failure,) = edge.of(AttemptFailed)
    assert (failure.kind, failure.error_type) == ("proxy", UNOBSERVED)
    edge.logged(request_bytes=1, response_bytes=len(message_start()) + 70)
    (gap,) = edge.of(GapFound)
    assert (gap.session_id, gap.reason, gap.unseen_bytes) == (SESSION, "partial", 70)


async def test_a_copy_that_lacks_only_its_end_is_an_answer_like_any_other(edge: Edge) -> None:
    whole = {"type": "message", "id": "m", "role": "assistant", "model": "claude-opus-5-5", "content": []}
    answer = body({**whole, "stop_reason": "end_turn", "usage": {"input_tokens": 3, "output_tokens": 4}})
    sent = body(request(stream=False))
    await edge.copy(exchange(sent, answer, JSON_HEAD)[:4], cut=True)
    assert not edge.of(AttemptFinished)
    edge.logged(request_bytes=len(sent), response_bytes=len(answer))
    (finished,) = edge.of(AttemptFinished)
    assert (finished.usage.input, finished.usage.output) == (3, 4)
    assert not edge.of(GapFound)


async def test_the_time_of_an_end_is_the_breaks_own(edge: Edge) -> None:
    edge.server._now = lambda: 1003.0
    await edge.copy(exchange()[:3], cut=True)
    edge.service._now = lambda: 1004.5
    edge.logged(by="client", seconds=0.5)
    assert [failure.at for failure in edge.of(AttemptFailed)] == [1003.5]


async def test_an_end_that_is_told_while_a_long_request_is_read_waits_for_its_start(edge: Edge) -> None:
    long = body(request(*({"role": "user", "content": "x" * 200_000} for _ in range(60))))
    async with asyncio.timeout(20), asyncio.TaskGroup() as group:
        group.create_task(edge.copy(exchange(long)[:2], cut=True))
        while not edge.service._reading:  # noqa: ASYNC110 - it is looked at between two slices of the reading
            await asyncio.sleep(0)
        edge.logged(by="client", request_bytes=len(long))
        assert not edge.of(AttemptStarted)
    assert len(edge.of(AttemptStarted)) == 1
    assert [failure.kind for failure in edge.of(AttemptFailed)] == ["aborted"]
    assert edge.service._reading == {}


async def test_our_own_stop_is_nobodys_failure(edge: Edge) -> None:
    async with grpc.aio.insecure_channel(edge.address) as channel:
        call = channel.stream_stream(
            METHOD, request_serializer=ProcessingRequest.SerializeToString, response_deserializer=None
        )()
        for message in exchange()[:3]:
            await call.write(message)
        looking = asyncio.create_task(edge.service.run())
        await eventually(lambda: bool(edge.of(ResponseStarted)))
        await edge.server.stop()
        looking.cancel()
    await edge.looked()
    assert len(edge.of(AttemptStarted)) == 1
    assert not edge.of(AttemptFailed)


async def test_an_answer_before_the_request_is_whole_is_told_too(edge: Edge) -> None:
    too_large = {":status": "413", "content-type": "application/json"}
    await edge.copy(
        [
            ProcessingRequest(request_headers=head(HEADERS), attributes=ATTRIBUTES),
            ProcessingRequest(request_body={"body": body(request()), "end_of_stream": False}),
            ProcessingRequest(response_headers=head(too_large, end=True)),
        ]
    )
    assert len(edge.of(AttemptStarted)) == 1
    assert edge.of(AttemptFailed)[0].status == 413


@pytest.mark.parametrize(
    ("sent", "answer_head", "reason"),
    [
        (b"{not json", STREAM_HEAD, "request_unreadable"),
        (body(request()), {**STREAM_HEAD, "content-encoding": "gzip"}, "response_corrupt"),
        (body(request()), {**STREAM_HEAD, "content-encoding": "snappy"}, "response_unknown_encoding"),
    ],
)
async def test_a_call_that_was_not_understood_is_a_gap(
    edge: Edge, sent: bytes, answer_head: dict[str, str], reason: str
) -> None:
    await edge.copy(exchange(sent, answer_head=answer_head))
    (gap,) = edge.of(GapFound)
    assert (gap.session_id, gap.reason, gap.exchange_id) == (SESSION, reason, "7-1795356000000001")
    assert gap.unseen_bytes == len(sent) + len(ANSWER)


async def test_bytes_that_flow_are_told_of_all_calls_together_and_the_last_before_a_silence_too(
    edge: Edge,
) -> None:
    looking = asyncio.create_task(edge.service.run())
    for number in range(3):
        copy, messages = Copy(), exchange(answer=message_start())
        messages[0].attributes["envoy.filters.http.ext_proc"].fields["connection.id"].number_value = number
        for at, message in enumerate([*messages[:4], messages[3]], 1):
            edge.inbox.put(copy, message, 100, 1000.0 + at + number)
    await eventually(lambda: len(edge.of(Progress)) == 3)
    assert [event.at for event in edge.of(Progress)] == [1005.0, 1006.0, 1007.0]
    await asyncio.sleep(2 * PROGRESS_SECONDS)  # nothing flows: nothing is told
    assert len(edge.of(Progress)) == 3
    looking.cancel()


async def test_other_traffic_is_counted_and_makes_no_events(edge: Edge) -> None:
    models = {**HEADERS, ":path": "/v1/models", ":method": "GET"}
    await edge.copy(
        [
            ProcessingRequest(request_headers=head(models, end=True), attributes=ATTRIBUTES),
            ProcessingRequest(response_headers=head({":status": "200"})),
            ProcessingRequest(
                response_body={"body": json.dumps({"data": []}).encode(), "end_of_stream": True}
            ),
        ]
    )
    assert edge.events == []
    assert edge.server.counters.exchanges == 1


async def test_our_own_error_ends_the_observation_and_nothing_else(edge: Edge) -> None:
    def broken(_: Event) -> None:
        raise RuntimeError

    edge.service._publish = broken
    await edge.copy(exchange())
    assert edge.service.counters.internal_errors >= 1
    assert edge.service._exchanges == {}
    edge.service._publish = edge.publish
    await edge.copy(exchange())
    assert len(edge.of(AttemptFinished)) == 1


async def test_a_call_that_we_failed_to_read_to_its_end_is_a_gap(edge: Edge) -> None:
    def broken(event: Event) -> None:
        edge.publish(event)
        if isinstance(event, ResponseStarted):
            raise RuntimeError  # noqa: TRY004 - any will do

    edge.service._publish = broken
    await edge.copy(exchange())
    edge.logged(request_bytes=10**6, response_bytes=10**6)
    assert [(failure.kind, failure.error_type) for failure in edge.of(AttemptFailed)] == [
        ("proxy", UNOBSERVED)
    ]
    assert [(gap.session_id, gap.reason) for gap in edge.of(GapFound)] == [(SESSION, "internal_error")]


class Slow:
    """A sink that takes its time over the first event."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.ended_at = 0.0

    def observe(self, event: Event, session: Session | None, facts: Sequence[Fact]) -> None:
        if not self.ended_at:
            time.sleep(self.seconds)
            self.ended_at = time.monotonic()


async def test_nothing_that_is_slow_on_the_loop_delays_the_drain(edge: Edge) -> None:
    """Signals and sinks run in `publish`: while one of them takes seconds, streams are read to their end."""
    slow = Slow(4.0)
    hub = Hub(book=FlatBook(), sinks=(slow, edge))
    edge.service._publish = hub.publish
    looking = asyncio.create_task(edge.service.run())
    many = 20
    drained_at: list[float] = []
    with concurrent.futures.ThreadPoolExecutor(many) as clients:
        for number in range(many):
            client = clients.submit(send_and_wait, edge.address, number)
            client.add_done_callback(lambda _: drained_at.append(time.monotonic()))
        await eventually(lambda: bool(slow.ended_at))
    assert len([at for at in drained_at if at < slow.ended_at]) == many
    assert (edge.server.counters.open, edge.server.counters.exchanges) == (0, many)
    assert edge.service.lag_seconds >= 0.0
    await eventually(lambda: len(edge.of(AttemptFinished)) == many)
    looking.cancel()
    assert (edge.service.counters.internal_errors, edge.inbox.waiting_bytes) == (0, 0)


def send_and_wait(address: str, number: int) -> None:
    """One exchange, from a thread; returns when its stream was ended by the sidecar."""
    messages = exchange()
    messages[0].attributes["envoy.filters.http.ext_proc"].fields["connection.id"].number_value = number
    with grpc.insecure_channel(address) as channel:
        call = channel.stream_stream(
            METHOD, request_serializer=ProcessingRequest.SerializeToString, response_deserializer=None
        )
        assert list(call(iter(messages), timeout=20)) == []


async def test_a_copy_for_which_there_is_no_room_is_a_gap_once_and_its_session_is_marked(
    tmp_path: Path,
) -> None:
    edge = Edge(tmp_path / "s", Inbox(max_copy_bytes=20_000))
    hub = Hub(book=FlatBook(), sinks=(edge.joining, edge))
    edge.service._publish = hub.publish
    edge.server.start()
    before = exchange(answer=message_start())
    more = ProcessingRequest(response_body={"body": b": " + b"x" * 9_000 + b"\n\n", "end_of_stream": False})
    async with grpc.aio.insecure_channel(edge.address) as channel:
        call = channel.stream_stream(
            METHOD, request_serializer=ProcessingRequest.SerializeToString, response_deserializer=None
        )()
        for message in [*before[:4], more, more, more]:
            await call.write(message)
        await eventually(lambda: edge.inbox.counters.of_one == 1)
        await edge.service.look()  # the loop is back, and the stream goes on
        shot = hub.snapshot(SESSION, 1000.0)
        assert shot is not None
        assert (shot["unobserved"]["exchanges"], shot["cost_complete"]) == (1, False)
        assert (shot["failed_attempts"], shot["state"]) == (0, "waiting")
        for message in [more, before[4]]:
            await call.write(message)
        assert await call.read() is grpc.aio.EOF
    await edge.looked()
    edge.logged(request_bytes=10**6, response_bytes=10**6)
    assert [(gap.reason, gap.session_id, gap.unseen_bytes > 9_000) for gap in edge.of(GapFound)] == [
        ("overflow", SESSION, True)
    ]
    assert [failure.error_type for failure in edge.of(AttemptFailed)] == [UNOBSERVED]
    assert edge.joining.counters.joined == 1
    assert edge.joining.is_idle
    assert edge.service._exchanges == {}
    edge.service._publish = edge.publish
    await edge.copy(exchange())  # the next one is seen whole
    assert len(edge.of(AttemptFinished)) == 1
    await edge.server.stop()


async def test_what_has_waited_for_the_history_to_open_is_seen_as_if_it_came_now(edge: Edge) -> None:
    for number in range(3):
        await asyncio.to_thread(send_and_wait, edge.address, number)
    assert edge.events == []
    await edge.service.look()
    assert len(edge.of(AttemptFinished)) == 3
    assert not edge.of(GapFound)


async def test_a_stream_that_is_faster_than_we_can_look_is_seen_whole(tmp_path: Path) -> None:
    edge = Edge(tmp_path / "s", Inbox(max_copy_bytes=600_000))
    edge.server.start()
    looking = asyncio.create_task(edge.service.run())
    first, second, third, whole, last = exchange()
    line = ProcessingRequest(response_body={"body": b": " + b"x" * 200_000 + b"\n\n"})
    await edge.copy([first, second, third, *[line] * 200, whole, last])
    looking.cancel()
    await edge.looked()
    assert len(edge.of(AttemptFinished)) == 1
    assert not edge.of(GapFound)
    assert edge.inbox.counters.of_one == 0
    await edge.server.stop()
