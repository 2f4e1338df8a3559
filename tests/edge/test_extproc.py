"""The edge on a real gRPC channel: what is copied becomes events, and what was not understood becomes a gap."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterable
from pathlib import Path
from typing import Any

import grpc
import pytest

from clauditor.edge.extproc import ExtProc, ExtProcServer
from clauditor.model.events import (
    AttemptFailed,
    AttemptFinished,
    AttemptStarted,
    Event,
    GapFound,
    ResponseStarted,
)
from clauditor.pb.ext_proc_pb2 import ProcessingRequest
from support.messages_api import ANSWER, HEADERS, SECRETS, SESSION, STREAM_HEAD, body, request
from support.stack import until

METHOD = "/envoy.service.ext_proc.v3.ExternalProcessor/Process"
WHEN = {
    "connection.id": {"number_value": 7.0},
    "request.time": {"string_value": "2026-11-22T14:00:00.000001+00:00"},
}
ATTRIBUTES: dict[str, Any] = {"envoy.filters.http.ext_proc": {"fields": WHEN}}


class Edge:
    """A served edge and the events it published."""

    def __init__(self, socket: Path) -> None:
        self.events: list[Event] = []
        self.service = ExtProc(publish=self.events.append, now=lambda: 1000.0, secrets=SECRETS)
        self.server = ExtProcServer(self.service, socket)
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

    def of(self, kind: type[Any]) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]


@pytest.fixture
async def edge(tmp_path: Path) -> AsyncIterator[Edge]:
    edge = Edge(tmp_path / "s")
    await edge.server.start()
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
    assert (edge.service.counters.exchanges, edge.service.counters.open, edge.service.counters.cut_short) == (
        1,
        0,
        0,
    )


async def test_a_copy_that_stops_early_ends_its_attempt_once(edge: Edge) -> None:
    await edge.copy(exchange()[:3], cut=True)
    assert len(edge.of(AttemptStarted)) == len(edge.of(AttemptFailed)) == 1
    assert edge.service.counters.cut_short == 1


async def test_our_own_stop_is_nobodys_failure(edge: Edge) -> None:
    async with grpc.aio.insecure_channel(edge.address) as channel:
        call = channel.stream_stream(
            METHOD, request_serializer=ProcessingRequest.SerializeToString, response_deserializer=None
        )()
        for message in exchange()[:3]:
            await call.write(message)
        await asyncio.to_thread(until, lambda: bool(edge.of(ResponseStarted)), "a stream under way")
        await edge.server.stop()
        await asyncio.to_thread(until, lambda: edge.service.counters.open == 0, "the end of the stream")
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
    assert edge.service.counters.exchanges == 1


async def test_our_own_error_ends_the_observation_and_nothing_else(edge: Edge) -> None:
    def broken(_: Event) -> None:
        raise RuntimeError

    edge.service._publish = broken
    await edge.copy(exchange())
    assert edge.service.counters.internal_errors >= 1
    edge.service._publish = edge.events.append
    await edge.copy(exchange())
    assert len(edge.of(AttemptFinished)) == 1
