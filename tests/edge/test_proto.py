"""Our cut-down protocol file against Envoy's full API, both ways."""

from __future__ import annotations

import pytest
from betterproto2 import Message
from envoy_data_plane.envoy.config.core import v3 as core
from envoy_data_plane.envoy.service.ext_proc import v3 as full

from clauditor.edge.messages import microseconds, pairs
from clauditor.pb.ext_proc_pb2 import ProcessingRequest

HEADERS = core.HeaderMap(
    headers=[
        core.HeaderValue(key=":path", raw_value=b"/v1/messages?beta=true"),
        core.HeaderValue(key="x-odd", raw_value=b"\xff\xfe"),
        core.HeaderValue(key="x-old", value="plain"),
    ]
)
REQUESTS: list[full.ProcessingRequest] = [
    full.ProcessingRequest(request_headers=full.HttpHeaders(headers=HEADERS, end_of_stream=True)),
    full.ProcessingRequest(response_headers=full.HttpHeaders(headers=HEADERS)),
    full.ProcessingRequest(request_body=full.HttpBody(body=b"\x00{}", end_of_stream=False)),
    full.ProcessingRequest(response_body=full.HttpBody(body=b"", end_of_stream=True)),
    full.ProcessingRequest(request_trailers=full.HttpTrailers(trailers=HEADERS)),
    full.ProcessingRequest(response_trailers=full.HttpTrailers(trailers=HEADERS)),
]


def which(message: Message) -> str:
    return next(
        name
        for name in (
            "request_headers",
            "response_headers",
            "request_body",
            "response_body",
            "request_trailers",
            "response_trailers",
        )
        if getattr(message, name) is not None
    )


@pytest.mark.parametrize("request_", REQUESTS, ids=which)
def test_we_read_what_envoy_writes_and_write_what_envoy_reads(request_: full.ProcessingRequest) -> None:
    ours = ProcessingRequest.FromString(bytes(request_))
    assert ours.WhichOneof("request") == which(request_)
    assert full.ProcessingRequest.parse(ours.SerializeToString()) == request_


def test_headers_come_as_text_whatever_their_bytes() -> None:
    ours = ProcessingRequest.FromString(bytes(REQUESTS[0]))
    assert pairs(ours.request_headers.headers) == [
        (":path", "/v1/messages?beta=true"),
        ("x-odd", "\ufffd\ufffd"),
        ("x-old", "plain"),
    ]


@pytest.mark.parametrize(
    ("text", "micros"),
    [
        ("2026-11-22T14:00:00Z", 1795356000000000),
        ("2026-11-22T14:00:00.000001Z", 1795356000000001),
        ("2026-11-22T14:00:00.123456789Z", 1795356000123456),
        ("yesterday", None),
        (None, None),
    ],
)
def test_the_request_time_is_integermicroseconds(text: str | None, micros: int | None) -> None:
    assert microseconds(text) == micros
