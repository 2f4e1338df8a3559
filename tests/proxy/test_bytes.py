"""What goes in comes out: real Envoy with our configuration, raw bytes on both sides."""

from __future__ import annotations

import asyncio
import hashlib
import json
import random
import time
from collections.abc import Callable
from typing import Any

import pytest

# Hop-by-hop by RFC 9110 7.6.1, and Host, which names the other server.
ALLOWED_TO_DIFFER = {"host", "connection", "keep-alive", "transfer-encoding"}

Exchange = Callable[[int, bytes], Any]


def digest(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


def unchanged(fields: list[tuple[str, str]]) -> list[tuple[str, str]]:
    return [(name, value) for name, value in fields if name.lower() not in ALLOWED_TO_DIFFER]


def chunks(body: bytes, size: int, trailers: bytes = b"") -> bytes:
    pieces = [body[at : at + size] for at in range(0, len(body), size)]
    return b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n" + trailers + b"\r\n"


REQUEST_HEADERS = [
    ("Accept", "application/json"),
    ("X-Stainless-OS", "Linux"),
    ("anthropic-beta", "one,two"),
    ("ANTHROPIC-Dangerous-direct-Browser-access", "true"),
    ("x-api-key", "sk-ant-not-a-key"),
    ("Cookie", "a=1"),
    ("X-Request-Id", "the client's own"),
    ("X-Forwarded-For", "10.1.2.3"),
    ("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
    ("X-Twice", "first"),
    ("X-Twice", "second"),  # Envoy keeps one spelling per name: two spellings in one head would become one
    ("Accept-Encoding", "gzip, deflate, br, zstd"),
    ("X-Empty", ""),
    ("X-Long", "y" * 100_000),
]
RESPONSE_HEADERS = [
    ("Date", "Mon, 01 Jan 2024 00:00:00 GMT"),
    ("Content-Type", "text/event-stream; charset=utf-8"),
    ("Server", "cloudflare"),
    ("CF-Ray", "abc-DUS"),
    ("request-id", "req_1"),
    ("X-Request-Id", "from the server"),
    ("Set-Cookie", "a=1; Path=/"),
    ("Set-Cookie", "b=2; Path=/"),
    ("Via", "1.1 google"),
    ("x-envoy-upstream-service-time", "12"),
    ("Alt-Svc", 'h3=":443"'),
    ("X-Long", "z" * 70_000),
]


def head(start: str, fields: list[tuple[str, str]]) -> bytes:
    return "\r\n".join([start, *(f"{name}: {value}" for name, value in fields), "", ""]).encode("latin-1")


async def test_heads_keep_names_case_order_and_values(
    upstream: Any, start_proxy: Any, exchange: Exchange
) -> None:
    upstream.answer = lambda _: (
        head("HTTP/1.1 200 Fine", [*RESPONSE_HEADERS, ("Content-Length", "2")]) + b"ok"
    )
    port = start_proxy(f"http://127.0.0.1:{upstream.port}").port
    sent = [*REQUEST_HEADERS, ("Content-Length", "4")]
    response = await exchange(
        port, head("POST /v1/messages?beta=true HTTP/1.1", [("Host", "127.0.0.1"), *sent]) + b"body"
    )

    request = upstream.requests[0]
    assert request.start == "POST /v1/messages?beta=true HTTP/1.1"
    assert unchanged(request.headers) == sent
    assert request.values("host") == [f"127.0.0.1:{upstream.port}"]
    assert unchanged(response.headers) == [*RESPONSE_HEADERS, ("Content-Length", "2")]
    assert request.body == b"body"


@pytest.mark.parametrize("chunked", [False, True], ids=["content-length", "chunked"])
async def test_large_bodies_are_identical_both_ways(
    upstream: Any, start_proxy: Any, exchange: Exchange, chunked: bool
) -> None:
    noise = random.Random(1)  # noqa: S311 - incompressible, and the same each time
    there, back = noise.randbytes(4 << 20), noise.randbytes(4 << 20)

    def framed(start: str, body: bytes) -> bytes:
        if chunked:
            return head(start, [("Host", "x"), ("Transfer-Encoding", "chunked")]) + chunks(body, 70_001)
        return head(start, [("Host", "x"), ("Content-Length", str(len(body)))]) + body

    upstream.answer = lambda _: framed("HTTP/1.1 200 OK", back)
    port = start_proxy(f"http://127.0.0.1:{upstream.port}").port
    response = await exchange(port, framed("POST /v1/messages HTTP/1.1", there))

    assert digest(upstream.requests[0].body) == digest(there)
    assert digest(response.body) == digest(back)
    assert (upstream.requests[0].chunked, response.chunked) == (chunked, chunked)


async def test_trailers_pass_both_ways(upstream: Any, start_proxy: Any, exchange: Exchange) -> None:
    upstream.answer = lambda _: (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        + chunks(b"body", 2, b"X-Sum: 1\r\nx-Other: 2\r\n")
    )
    port = start_proxy(f"http://127.0.0.1:{upstream.port}").port
    request = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks(
        b"there", 3, b"X-Up: 3\r\n"
    )
    response = await exchange(port, request)
    assert [(name.lower(), value) for name, value in response.trailers] == [("x-sum", "1"), ("x-other", "2")]
    assert [(name.lower(), value) for name, value in upstream.requests[0].trailers] == [("x-up", "3")]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/"),
        ("GET", "/v1/models?limit=1000"),
        ("POST", "/v1/messages/count_tokens?beta=true"),
        ("DELETE", "/v1/files/file_1"),
        ("PATCH", "/unknown/../path//with%2Fslashes/./and%20space;v=1?q=a%26b&c"),
        ("PROPFIND", "/strange"),
    ],
)
async def test_every_method_and_path_is_forwarded(
    upstream: Any, start_proxy: Any, exchange: Exchange, method: str, path: str
) -> None:
    port = start_proxy(f"http://127.0.0.1:{upstream.port}").port
    response = await exchange(port, f"{method} {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    assert response.start == "HTTP/1.1 200 OK"
    assert upstream.requests[0].start == f"{method} {path} HTTP/1.1"


@pytest.mark.parametrize(
    ("prefix", "path", "arrives"),
    [
        ("", "/v1/messages?a=/b", "/v1/messages?a=/b"),
        ("/gw", "/v1/messages?a=/b", "/gw/v1/messages?a=/b"),
        ("/gw/deep", "/", "/gw/deep/"),
        ("/gw", "//twice", "/gw//twice"),
    ],
)
async def test_a_path_prefix_stands_in_front(
    upstream: Any, start_proxy: Any, exchange: Exchange, prefix: str, path: str, arrives: str
) -> None:
    port = start_proxy(f"http://127.0.0.1:{upstream.port}{prefix}").port
    await exchange(port, f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    assert upstream.requests[0].start == f"GET {arrives} HTTP/1.1"


@pytest.mark.parametrize("status", [400, 401, 404, 429, 500, 502, 503, 504, 529])
async def test_errors_pass_and_are_never_retried(
    upstream: Any, start_proxy: Any, exchange: Exchange, status: int
) -> None:
    body = b'{"type":"error"}'
    upstream.answer = lambda _: head(f"HTTP/1.1 {status} Word", [("Content-Length", str(len(body)))]) + body
    port = start_proxy(f"http://127.0.0.1:{upstream.port}").port
    response = await exchange(port, b"POST /v1/messages HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\n1")
    assert response.start.startswith(f"HTTP/1.1 {status} ")
    assert response.body == body
    assert len(upstream.requests) == 1


async def test_a_connection_cut_by_the_upstream_is_not_retried(
    upstream: Any, start_proxy: Any, exchange: Exchange
) -> None:
    upstream.answer = lambda _: b""
    port = start_proxy(f"http://127.0.0.1:{upstream.port}").port
    response = await exchange(
        port,
        b"POST /v1/messages HTTP/1.1\r\nHost: x\r\nX-Envoy-Retry-On: connect-failure\r\nContent-Length: 1\r\n\r\n1",
    )
    assert response.start.startswith("HTTP/1.1 503 ")
    assert len(upstream.requests) == 1


async def test_expect_continue_is_left_to_the_upstream(upstream: Any, start_proxy: Any) -> None:
    port = start_proxy(f"http://127.0.0.1:{upstream.port}").port
    async with asyncio.timeout(10):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\nbody")
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200 OK")
        writer.close()
    assert upstream.requests[0].values("expect") == ["100-continue"]


async def test_events_pass_one_by_one_while_the_answer_is_still_open(upstream: Any, start_proxy: Any) -> None:
    """The second event is only sent once the client holds the first one."""
    first_has_arrived = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"7\r\nevent 1\r\n")
        await writer.drain()
        await first_has_arrived.wait()
        writer.write(b"7\r\nevent 2\r\n0\r\n\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = start_proxy(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}").port
    async with asyncio.timeout(10):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        await reader.readuntil(b"event 1")
        first_has_arrived.set()
        await reader.readuntil(b"event 2")
        writer.close()
    server.close()


async def test_the_access_log_names_each_exchange_without_query_or_credentials(
    upstream: Any, start_proxy: Any, exchange: Exchange
) -> None:
    proxy = start_proxy(f"http://127.0.0.1:{upstream.port}")
    before_us = time.time_ns() // 1000
    await exchange(
        proxy.port,
        b"POST /v1/messages?secret=1 HTTP/1.1\r\nHost: x\r\nx-api-key: sk-ant-canary\r\nContent-Length: 3\r\n"
        b"X-Claude-Code-Session-Id: s-1\r\nx-claude-code-agent-id: a-1\r\n\r\n123",
    )
    async with asyncio.timeout(10):
        while not (text := proxy.run.access_log.read_text()):  # noqa: ASYNC110 - a file has no event
            await asyncio.sleep(0.02)
    line = json.loads(text)
    assert before_us <= int(line.pop("start_time_us")) <= time.time_ns() // 1000
    assert isinstance(line.pop("connection_id"), int)
    assert isinstance(line.pop("duration_ms"), int)
    assert line == {
        "method": "POST",
        "path": "/v1/messages",
        "status": 200,
        "flags": "-",
        "code_details": "via_upstream",
        "bytes_received": 3,
        "bytes_sent": 2,
        "session_id": "s-1",
        "agent_id": "a-1",
    }
    assert "canary" not in text + proxy.log()
    assert "secret" not in text + proxy.log()
