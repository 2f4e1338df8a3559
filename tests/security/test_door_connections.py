"""Connections that keep us waiting: each is ended in time, they are bounded together, and who asks is answered."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from clauditor.edge import connections
from security.door import Wire
from support.served import TOKEN, Sidecar, serving
from support.waiting import eventually

HEAD = f"GET /api/v1/sessions HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer {TOKEN}\r\n".encode()
STREAM = HEAD.replace(b"sessions", b"stream") + b"\r\n"
PATIENCE = 0.4
MANY = 150  # sessions: more than a connection holds unread


@pytest.fixture
async def sidecar(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Sidecar]:
    monkeypatch.setattr(connections, "PATIENCE_SECONDS", PATIENCE)
    monkeypatch.setattr(connections, "KERNEL_BYTES", 1 << 14)
    async with serving(tmp_path) as running:
        yield running


class Knocker:
    """A connection without any manners."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def drip(self, data: bytes) -> None:
        """A byte now and then, sooner than a timeout between two of them would notice."""
        with contextlib.suppress(OSError):
            for byte in data:
                self.writer.write(bytes((byte,)))
                await self.writer.drain()
                await asyncio.sleep(PATIENCE / 8)

    async def ends(self) -> bytes:
        """What came until the server ended the connection."""
        async with asyncio.timeout(20):
            with contextlib.suppress(ConnectionError):
                return await self.reader.read()
            return b""


@contextlib.asynccontextmanager
async def knocking(sidecar: Sidecar, begin: bytes = b"") -> AsyncIterator[Knocker]:
    with socket.socket() as raw:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        raw.setblocking(False)
        await asyncio.get_running_loop().sock_connect(raw, ("127.0.0.1", sidecar.port))
        reader, writer = await asyncio.open_connection(sock=raw, limit=1024)
        writer.write(begin)
        yield Knocker(reader, writer)
        writer.transport.abort()


async def first_line(knocker: Knocker) -> bytes:
    async with asyncio.timeout(20):
        return await knocker.reader.readline()


# -- each by itself ------------------------------------------------------------------------------------


@pytest.mark.parametrize("begin", [b"", b"G", HEAD])
async def test_a_head_that_does_not_come_to_its_end_is_not_waited_for(sidecar: Sidecar, begin: bytes) -> None:
    async with knocking(sidecar, begin) as knocker:
        assert await knocker.ends() == b""
    assert sidecar.server.crowd.dropped["head"] == 1


async def test_bytes_now_and_then_win_no_time(sidecar: Sidecar) -> None:
    async with knocking(sidecar, HEAD) as knocker:
        dripping = asyncio.create_task(knocker.drip(b"x-more: " + b"a" * 1000))
        assert await knocker.ends() == b""
        dripping.cancel()
    assert sidecar.server.crowd.dropped["head"] == 1


async def test_nor_do_they_in_the_second_request_of_a_connection(sidecar: Sidecar) -> None:
    async with knocking(sidecar, HEAD + b"\r\n") as knocker:
        assert b" 200 " in await first_line(knocker)
        await eventually(lambda: sidecar.server.crowd.by_turn()["idle"] == 1)
        dripping = asyncio.create_task(knocker.drip(HEAD * 10))
        await knocker.ends()
        dripping.cancel()
    assert sidecar.server.crowd.dropped["head"] == 1


async def test_nor_in_a_body_that_nobody_asked_for(sidecar: Sidecar) -> None:
    """After the answer, and beside a stream that goes on."""
    for head in (HEAD, STREAM[:-2]):
        async with knocking(sidecar, head + b"content-length: 100000\r\n\r\n") as knocker:
            assert b" 200 " in await first_line(knocker)
            dripping = asyncio.create_task(knocker.drip(b"x" * 1000))
            await knocker.ends()
            dripping.cancel()
    dropped = sidecar.server.crowd.dropped
    assert dropped["head"] + dropped["body"] == 2


async def test_who_reads_nothing_is_ended_and_counted(sidecar: Sidecar) -> None:
    for number in range(MANY):
        sidecar.life(f"session-{number}").turn()
    async with knocking(sidecar, STREAM):
        await eventually(lambda: sidecar.server.crowd.dropped["reading"] == 1)
        await eventually(lambda: sidecar.feed.subscribers == 0)


async def test_who_reads_slowly_is_told_everything(sidecar: Sidecar) -> None:
    for number in range(MANY):
        sidecar.life(f"session-{number}").turn()
    async with knocking(sidecar, STREAM) as knocker:
        received, began = b"", asyncio.get_running_loop().time()
        async with asyncio.timeout(30):
            while b'"full":true' not in received:
                for _ in range(8):
                    received += await knocker.reader.read(1 << 12)
                await asyncio.sleep(PATIENCE / 2)
        assert asyncio.get_running_loop().time() - began > 2 * PATIENCE
    assert sidecar.server.crowd.dropped["reading"] == 0
    assert received.count(b'"session_id":"session-') >= MANY


async def test_what_is_no_http_is_answered_in_our_form_and_never_breaks_a_connection_of_ours(
    sidecar: Sidecar, caplog: pytest.LogCaptureFixture
) -> None:
    chunked = b"POST / HTTP/1.1\r\nhost: 127.0.0.1\r\ntransfer-encoding: chunked\r\n\r\n"
    for begin in (
        b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n", b"SSH-2.0-OpenSSH_9.6\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"\r\n" * 400,
        b"GET / HTTP/1.1\r\nhost : 127.0.0.1\r\n\r\n", b"GET /\x00 HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n",
        HEAD + b"x: " + b"a" * 70_000 + b"\r\n\r\n", HEAD + b"a: b\r\n" * 20_000 + b"\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", chunked + b"nonsense\r\n", chunked + b"-1\r\n", HEAD + b"\r\n" + b"\xff" * 100,
    ):  # fmt: skip
        async with knocking(sidecar, begin) as knocker:
            received = await first_line(knocker)
            assert received[:12] in {b"HTTP/1.1 400", b"HTTP/1.1 405", b"HTTP/1.1 421", b"HTTP/1.1 200", b""}
    assert sidecar.server.crowd.dropped["malformed"] >= 9
    assert not [record for record in caplog.records if record.levelname == "ERROR"], caplog.text
    assert (await sidecar.client.get("/healthz")).status_code == 200


# -- all together --------------------------------------------------------------------------------------


async def test_of_too_many_that_wait_the_oldest_goes_and_who_asks_is_answered(
    sidecar: Sidecar, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "MAX_AWAITED", 20)
    monkeypatch.setattr(connections, "PATIENCE_SECONDS", 60.0)
    crowd = sidecar.server.crowd
    async with contextlib.AsyncExitStack() as many:
        for number in range(60):
            await many.enter_async_context(knocking(sidecar, HEAD[:number]))
            if number % 10 == 9:
                assert (await sidecar.client.get("/api/v1/sessions")).status_code == 200
        await eventually(lambda: crowd.dropped["crowded"] >= 40)
        assert len(crowd.connections) <= 21
        wire = Wire(sidecar.port)
        assert (await wire.send(HEAD + b"\r\n")).status == 200
        wire.close()


async def test_what_lies_unread_is_bounded_in_all_connections_together(
    sidecar: Sidecar, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "MAX_UNREAD_BYTES", 200_000)
    monkeypatch.setattr(connections, "PATIENCE_SECONDS", 60.0)
    for number in range(MANY):
        sidecar.life(f"session-{number}").turn()
    crowd = sidecar.server.crowd
    asked = HEAD.replace(b"sessions ", b"sessions?limit=1000 ") + b"\r\n"
    async with contextlib.AsyncExitStack() as many:
        for _ in range(8):
            await many.enter_async_context(knocking(sidecar, asked))
        await eventually(lambda: crowd.dropped["crowded"] >= 6, 30)
        unread = [one.unread_bytes for one in crowd.connections if not one.transport.is_closing()]
        assert sum(unread) <= 200_000
        assert (await sidecar.client.get("/healthz")).status_code == 200


async def test_of_too_many_requests_under_way_the_newest_is_told_so(
    sidecar: Sidecar, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "MAX_ASKING", 2)
    async with knocking(sidecar, STREAM), knocking(sidecar, STREAM) as second:
        await first_line(second)
        await eventually(lambda: sidecar.server.crowd.asking == 2)
        answer = await sidecar.client.get("/healthz")
        assert (answer.status_code, answer.json()["error"]["code"]) == (503, "busy")
        assert answer.headers["content-security-policy"]
    await eventually(lambda: sidecar.server.crowd.asking == 0)
    assert (await sidecar.client.get("/healthz")).status_code == 200
    assert sidecar.server.crowd.dropped["busy"] == 1


async def test_a_slow_crowd_and_idle_streams_keep_nobody_out(
    sidecar: Sidecar, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The figures with a thousand of each are bench/slow_connections.py's."""
    monkeypatch.setattr(connections, "PATIENCE_SECONDS", 60.0)
    async with contextlib.AsyncExitStack() as many:
        for number in range(300):
            await many.enter_async_context(knocking(sidecar, HEAD[: number % len(HEAD)]))
        for _ in range(100):
            await many.enter_async_context(knocking(sidecar, STREAM))
        await eventually(lambda: sidecar.feed.readers_replaced >= 36)
        for number in range(20):
            sidecar.life(f"session-{number}").turn()
            answer = await sidecar.client.get(f"/api/v1/sessions/session-{number}")
            assert answer.json()["turns"] == 1
        assert sidecar.feed.subscribers == 64
        assert len(sidecar.server.crowd.connections) <= 256 + 64 + 1
    await sidecar.settle()
    assert sidecar.store.problem is None


async def test_connections_are_counted_by_what_is_waited_for(sidecar: Sidecar) -> None:
    crowd = sidecar.server.crowd
    async with knocking(sidecar), knocking(sidecar, STREAM), knocking(sidecar, HEAD + b"\r\n") as idle:
        await first_line(idle)
        await eventually(
            lambda: (crowd.by_turn()["head"], crowd.by_turn()["idle"], crowd.asking) == (1, 1, 1)
        )
    await eventually(lambda: not crowd.connections)
    assert set(crowd.by_turn().values()) == {0}
