"""The proxy has one upstream and no other way out: not by method, target, Host, header, upgrade or protocol."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from support.surfaces import Surfaces
from support.witness import Witness, talk

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\4\0\0\0\0\0"
CLIENT_HELLO = (
    bytes.fromhex("16030100" + "2e010000" + "2a0303") + b"\1" * 32 + bytes.fromhex("000002130101000000")
)
WEBSOCKET = (
    b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAA\r\n"
)
H2C = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n"

FORWARDING = (
    b"X-Forwarded-Host: {other}\r\nX-Original-URL: http://{other}/\r\nForwarded: host={other}\r\n"
    b"X-Envoy-Original-Dst-Host: {other}\r\nX-Envoy-Original-Path: /y\r\n"
)

REFUSED: dict[str, tuple[bytes, int]] = {
    "CONNECT": (b"CONNECT {other} HTTP/1.1\r\nHost: {other}\r\n\r\n", 404),
    "CONNECT with a path": (b"CONNECT /x HTTP/1.1\r\nHost: {other}\r\n\r\n", 400),
    "CONNECT to the upstream": (b"CONNECT {upstream} HTTP/1.1\r\nHost: {upstream}\r\n\r\n", 404),
    "websocket": (b"GET / HTTP/1.1\r\nHost: x\r\n" + WEBSOCKET + b"\r\n", 403),
    "an upgrade to anything": (
        b"GET / HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: TLS/1.2\r\n\r\n",
        403,
    ),
    "HTTP/2 by prior knowledge": (PREFACE, 400),
    "TLS": (CLIENT_HELLO, 400),
    "a target without a slash": (b"GET @{other}/x HTTP/1.1\r\nHost: x\r\n\r\n", 400),
    "a port as target": (b"GET :80/x HTTP/1.1\r\nHost: x\r\n\r\n", 400),
    "an absolute target without a host": (b"GET http:///x HTTP/1.1\r\nHost: x\r\n\r\n", 400),
    "the whole server": (b"OPTIONS * HTTP/1.1\r\nHost: {other}\r\n\r\n", 404),
    "a Host that is none": (b"GET / HTTP/1.1\r\nHost: x@{other}/y\r\n\r\n", 400),
}
"""What a client sends, and the status of its answer; `{other}` is a server that nobody may reach this way."""

FORWARDED: dict[str, tuple[bytes, str]] = {
    "an absolute target": (b"GET http://{other}/x HTTP/1.1\r\nHost: {other}\r\n\r\n", "/x"),
    "an absolute target by TLS": (b"GET https://{other}/x HTTP/1.1\r\nHost: {other}\r\n\r\n", "/x"),
    "an absolute target with a user": (b"GET http://u:p@{other}/x HTTP/1.1\r\nHost: {other}\r\n\r\n", "/x"),
    "another Host": (b"GET /x HTTP/1.1\r\nHost: {other}\r\n\r\n", "/x"),
    "a Host with two ports": (b"GET /x HTTP/1.1\r\nHost: {other}:80\r\n\r\n", "/x"),
    "two slashes": (b"GET //{other}/x HTTP/1.1\r\nHost: x\r\n\r\n", "//{other}/x"),
    "dots": (b"GET /a/../../x HTTP/1.1\r\nHost: x\r\n\r\n", "/a/../../x"),
    "encoded dots": (
        b"GET /%2e%2e/%2E%2E%2fx%00%0d%0a HTTP/1.1\r\nHost: x\r\n\r\n",
        "/%2e%2e/%2E%2E%2fx%00%0d%0a",
    ),
    "backslashes": (b"GET /\\{other}\\x HTTP/1.1\r\nHost: x\r\n\r\n", "/\\{other}\\x"),
    "HTTP/2 by upgrade, which is not passed on": (b"GET /x HTTP/1.1\r\nHost: x\r\n" + H2C + b"\r\n", "/x"),
    "forwarding headers": (b"GET /x HTTP/1.1\r\nHost: x\r\n" + FORWARDING + b"\r\n", "/x"),
}
"""What a client sends, and the target that the upstream, and nobody else, gets."""


async def test_nothing_leads_anywhere_but_to_the_upstream(start_proxy: Any) -> None:
    async with Witness().listening() as upstream, Witness().listening() as other:
        proxy = start_proxy(f"http://127.0.0.1:{upstream.port}")
        names = {"other": f"127.0.0.1:{other.port}", "upstream": f"127.0.0.1:{upstream.port}"}

        def filled(text: bytes) -> bytes:
            for name, value in names.items():
                text = text.replace(b"{%b}" % name.encode(), value.encode())
            return text

        found = {name: await talk(proxy.port, filled(sent), 1) for name, (sent, _) in REFUSED.items()}
        assert found == {name: [status] for name, (_, status) in REFUSED.items()}
        assert upstream.requests == []
        for name, (sent, target) in FORWARDED.items():
            upstream.forget()
            assert await talk(proxy.port, filled(sent), 1) == [200], name
            (seen,) = upstream.requests
            assert seen.target == filled(target.encode()).decode(), name
            hosts = [value for header, value in seen.headers if header == "host"]
            assert hosts == [names["upstream"]], name
            assert not {"upgrade", "http2-settings", "connection"} & set(seen.names()), name
        assert upstream.odd == []
        assert other.connections == 0
        surfaces = Surfaces()
        surfaces.look([proxy.process.pid])
        assert surfaces.peers <= {("127.0.0.1", upstream.port)}
        assert surfaces.listening == {("127.0.0.1", proxy.port)}


async def test_an_upgrade_that_nobody_asked_for_opens_no_tunnel(start_proxy: Any) -> None:
    got = bytearray()
    over = asyncio.Event()

    async def tunnel(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n")
        while data := await reader.read(65536):
            got.extend(data)
        writer.close()
        over.set()

    server = await asyncio.start_server(tunnel, "127.0.0.1", 0)
    proxy = start_proxy(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
    async with asyncio.timeout(10):
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"\0raw bytes\0")
        await reader.read()  # refused, and the connection closed
        writer.close()
        proxy.process.terminate()
        await over.wait()
    server.close()
    assert got.startswith(b"GET / HTTP/1.1\r\n")
    assert b"raw bytes" not in got


async def test_no_client_can_ask_the_proxy_to_ask_twice(
    raw_upstream: Any, start_proxy: Any, exchange: Any
) -> None:
    raw_upstream.answer = lambda _: b"HTTP/1.1 503 Overloaded\r\nContent-Length: 0\r\n\r\n"
    async with raw_upstream.listening():
        proxy = start_proxy(f"http://127.0.0.1:{raw_upstream.port}")
        asked = b"X-Envoy-Max-Retries: 5\r\nX-Envoy-Retry-On: 5xx\r\nContent-Length: 1\r\n\r\n1"
        response = await exchange(proxy.port, b"POST /v1/messages HTTP/1.1\r\nHost: x\r\n" + asked)
        assert response.start.startswith("HTTP/1.1 503 ")
        assert len(raw_upstream.requests) == 1


@pytest.mark.parametrize("name", ["ANTHROPIC_BASE_URL", "ALL_PROXY", "HTTP_PROXY"])
def test_no_variable_of_a_shell_moves_the_upstream(name: str, tmp_path: Any) -> None:
    from clauditor.config import ANTHROPIC, load_settings

    settings = load_settings({"data_dir": str(tmp_path)}, {name: "http://evil.example"})
    assert settings.upstream == ANTHROPIC
    assert settings.upstream_proxy is None
