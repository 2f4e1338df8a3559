"""A raw upstream, a raw client and a real Envoy between them: nothing here parses HTTP more than it must."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import subprocess
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from clauditor.config import load_settings
from clauditor.proxy import ports
from clauditor.proxy.bootstrap import render
from clauditor.proxy.clusters import ProxyConfig
from clauditor.proxy.envoy import Admin, Envoy, find_envoy
from clauditor.proxy.process import LINUX
from clauditor.proxy.rundir import RunDir
from clauditor.proxy.stack import Stack
from clauditor.proxy.upstream import Upstream
from support.supervised import SIDECAR, MakeStack

DEADLINE_SECONDS = 10.0


@dataclass
class Message:
    """One HTTP/1.1 message as it was on the wire: header names keep their case, fields their order."""

    start: str
    headers: list[tuple[str, str]]
    body: bytes = b""
    trailers: list[tuple[str, str]] = field(default_factory=list)
    chunked: bool = False

    def values(self, name: str) -> list[str]:
        return [value for found, value in self.headers if found.lower() == name.lower()]


async def read_message(reader: asyncio.StreamReader) -> Message:
    """The next message with Content-Length, chunked or no body."""
    start = (await reader.readuntil(b"\r\n")).decode("latin-1").rstrip("\r\n")
    message = Message(start, await _read_fields(reader))
    if message.values("transfer-encoding") == ["chunked"]:
        message.chunked = True
        while size := int(await reader.readuntil(b"\r\n"), 16):
            message.body += await reader.readexactly(size)
            assert await reader.readexactly(2) == b"\r\n"
        message.trailers = await _read_fields(reader)
    elif length := message.values("content-length"):
        message.body = await reader.readexactly(int(length[0]))
    return message


async def _read_fields(reader: asyncio.StreamReader) -> list[tuple[str, str]]:
    fields = []
    while (line := await reader.readuntil(b"\r\n")) != b"\r\n":
        name, _, value = line.decode("latin-1").rstrip("\r\n").partition(":")
        fields.append((name, value.strip(" ")))
    return fields


Answer = Callable[[Message], bytes | Awaitable[bytes]]


class RawUpstream:
    """Records each request and sends the bytes that `answer` gives; b"" cuts the connection."""

    def __init__(self) -> None:
        self.requests: list[Message] = []
        self.answer: Answer = lambda _request: b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
        self.port = 0

    @contextlib.asynccontextmanager
    async def listening(
        self, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1"
    ) -> AsyncIterator[RawUpstream]:
        server = await asyncio.start_server(self._serve, host, 0, limit=1 << 26, ssl=tls)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                request = await read_message(reader)
                self.requests.append(request)
                answer = self.answer(request)
                reply = answer if isinstance(answer, bytes) else await answer
                if not reply:
                    break
                writer.write(reply)
                await writer.drain()
        writer.close()


async def exchange(port: int, request: bytes) -> Message:
    """Send raw bytes to a loopback port and read one message back."""
    async with asyncio.timeout(DEADLINE_SECONDS):
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 26)
        try:
            writer.write(request)
            await writer.drain()
            return await read_message(reader)
        finally:
            writer.close()


@dataclass
class Proxy:
    """A real Envoy that runs our configuration, without a sidecar."""

    port: int
    run: RunDir
    process: subprocess.Popen[bytes]

    def log(self) -> str:
        return self.run.log("envoy").read_text()


StartProxy = Callable[..., Proxy]


@pytest.fixture
def start_proxy(tmp_path: Path) -> Iterator[StartProxy]:
    """Start Envoy for an upstream address, with any other value of `ProxyConfig` overridden."""
    started: list[Proxy] = []

    def start(
        upstream: str,
        *,
        upstream_ca: Path = Path("unused"),
        upstream_proxy: tuple[str, int] | None = None,
        envoy: Envoy | None = None,
    ) -> Proxy:
        run = RunDir(tmp_path / f"proxy{len(started)}")
        run.prepare()
        port = ports.any_free("127.0.0.1")
        config = ProxyConfig(
            host="127.0.0.1",
            port=port,
            upstream=Upstream.of(upstream),
            upstream_ca=upstream_ca,
            upstream_proxy=upstream_proxy,
            extproc_socket=run.extproc_socket,
            admin_socket=run.admin_socket,
            access_log=run.access_log,
            linux=LINUX,
        )
        run.write(run.envoy_config, render(config))
        process = run.spawn(
            "envoy", (envoy or find_envoy(None)).command(run.envoy_config, run.log("envoy")), {}
        )
        proxy = Proxy(port, run, process)
        started.append(proxy)
        deadline = time.monotonic() + DEADLINE_SECONDS
        while not (Admin(run.admin_socket).is_ready() and ports.accepts("127.0.0.1", port)):
            assert process.poll() is None, proxy.log()
            assert time.monotonic() < deadline, proxy.log()
            time.sleep(0.01)
        return proxy

    yield start
    for proxy in started:
        proxy.process.kill()
        proxy.process.wait()


@pytest.fixture
def raw_upstream() -> RawUpstream:
    """An upstream that does not listen yet."""
    return RawUpstream()


@pytest.fixture
async def upstream() -> AsyncIterator[RawUpstream]:
    async with RawUpstream().listening() as listening:
        yield listening


@pytest.fixture
def closed_port() -> int:
    """A loopback port on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(name="exchange")
def exchange_fixture() -> Callable[[int, bytes], Awaitable[Message]]:
    return exchange


@pytest.fixture
def make_stack(tmp_path: Path) -> Iterator[MakeStack]:
    """A stack on free ports in a data directory of the test; stopped at the end, whatever happens."""
    made: list[Stack] = []

    def make(
        upstream: str = "http://127.0.0.1:1", *, ends_with_caller: bool = True, **flags: object
    ) -> Stack:
        given = {"data_dir": str(tmp_path / "data"), "port": 0, "api_port": 0, "upstream": upstream, **flags}
        made.append(Stack(load_settings(given, {}), sidecar=SIDECAR, ends_with_caller=ends_with_caller))
        return made[-1]

    yield make
    for stack in made:
        stack.stop()
