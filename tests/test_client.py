"""Questions to a real sidecar, and what a person reads when there is none."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest

from clauditor.client import SILENCE_SECONDS, SidecarClient, connect
from clauditor.config import Settings
from clauditor.edge.feed import HEARTBEAT_SECONDS
from clauditor.errors import ClauditorError
from clauditor.frames import StreamEvent
from support.served import TOKEN, Sidecar, serving
from support.waiting import eventually

T = TypeVar("T")


@pytest.fixture
async def sidecar(tmp_path: Path) -> AsyncIterator[Sidecar]:
    async with serving(tmp_path) as running:
        install(tmp_path, running.port)
        yield running


def install(data_dir: Path, port: int, token: str = TOKEN) -> Settings:
    """What a started stack leaves in its data directory."""
    (data_dir / "token").write_text(token + "\n")
    (data_dir / "run").mkdir(exist_ok=True)
    (data_dir / "run" / "stack.json").write_text(json.dumps({"api_host": "127.0.0.1", "api_port": port}))
    return Settings(data_dir=data_dir)


async def asked(question: Callable[[], T]) -> T:
    return await asyncio.to_thread(question)


async def test_every_question_is_answered(sidecar: Sidecar, tmp_path: Path) -> None:
    client = connect(Settings(data_dir=tmp_path))
    life = sidecar.life("abcd/1?x")
    life.turn()
    await sidecar.settle()
    assert [shot["session_id"] for shot in await asked(client.sessions)] == ["abcd/1?x"]
    assert await asked(lambda: client.sessions(limit=5, days=1, state="ended", search="shop")) == []
    assert (await asked(lambda: client.session("abcd")))["session_id"] == "abcd/1?x"
    assert len(await asked(lambda: client.turns("abcd", limit=3))) == 1
    assert (await asked(client.summary))["live"]["sessions"] == 1
    assert (await asked(lambda: client.gaps(limit=1, days=1)))["gaps"] == []
    assert (await asked(lambda: client.spend(by="project", days=2)))["total"]["turns"] == 1


async def test_another_address_can_be_named(sidecar: Sidecar, tmp_path: Path) -> None:
    install(tmp_path, port=1)
    client = connect(Settings(data_dir=tmp_path), f"http://localhost:{sidecar.port}/")
    assert await asked(client.sessions) == []


async def test_what_the_sidecar_objects_to_is_told_in_its_words(sidecar: Sidecar, tmp_path: Path) -> None:
    client = connect(Settings(data_dir=tmp_path))
    for question, sentence in (
        (lambda: client.sessions(limit=0), "limit must be a whole number from 1 to 1000."),
        (lambda: client.session("nobody"), "There is no session 'nobody'; clauditor sessions lists them."),
        (lambda: client.session("a b/c"), "No session can have such an id; clauditor sessions lists them."),
    ):
        with pytest.raises(ClauditorError) as caught:
            await asked(question)
        assert str(caught.value) == sentence


async def test_the_stream_begins_whole_and_goes_on(sidecar: Sidecar, tmp_path: Path) -> None:
    client = connect(Settings(data_dir=tmp_path))
    sidecar.life("a").turn()
    await sidecar.feed.flush()
    seen: list[StreamEvent] = []
    thread = threading.Thread(target=lambda: seen.extend(event for event in client.stream()))
    thread.start()
    await eventually(lambda: sidecar.feed.subscribers == 1)
    await eventually(
        lambda: sidecar.feed._subscribers and not next(iter(sidecar.feed._subscribers)).needs_whole
    )
    sidecar.life("a").turn()
    await sidecar.feed.flush()
    await asyncio.sleep(0.5)  # let a heartbeat pass
    sidecar.feed.close()
    await asked(thread.join)
    assert seen[0].event == "snapshot"
    assert seen[0].data["full"] is True
    assert {"event", "heartbeat"} <= {event.event for event in seen}
    assert seen[-1].id is None or seen[-1].id.isdecimal()


async def test_the_stream_for_an_event_loop_tells_the_same(sidecar: Sidecar, tmp_path: Path) -> None:
    client = connect(Settings(data_dir=tmp_path))
    sidecar.life("abcd").turn()
    sidecar.life("other").turn()
    await sidecar.feed.flush()
    async with asyncio.timeout(10):
        stream = client.astream("abcd")
        first = await anext(stream)
        assert [shot["session_id"] for shot in first.data["sessions"]] == ["abcd"]
        sidecar.life("abcd").turn()
        second = await anext(stream)
        while second.event == "heartbeat":
            second = await anext(stream)
        assert second.event == "event"
        await stream.aclose()  # type: ignore[attr-defined]  # an async generator behind the interface
        await eventually(lambda: sidecar.feed.subscribers == 0)
        resumed = client.astream("abcd", last_event_id=second.id)
        assert (await anext(resumed)).data.get("full") is not True
        sidecar.feed.close()
        async for _ in resumed:
            pass


def test_without_a_sidecar_one_sentence_says_what_to_do(tmp_path: Path) -> None:
    sentence = "Clauditor does not run here. Start it: clauditor up"
    with pytest.raises(ClauditorError) as caught:
        connect(Settings(data_dir=tmp_path))
    assert str(caught.value) == sentence
    client = connect(install(tmp_path, free_port()))
    for question in (client.sessions, lambda: next(client.stream()), lambda: asyncio.run(first(client))):
        with pytest.raises(ClauditorError) as caught:
            question()
        assert str(caught.value) == sentence


async def first(client: SidecarClient) -> StreamEvent:
    return await anext(client.astream())


def test_a_named_address_where_nothing_answers_is_named(tmp_path: Path) -> None:
    install(tmp_path, 1)
    url = f"http://127.0.0.1:{free_port()}"
    with pytest.raises(ClauditorError, match=f"Nothing answers at {url}"):
        connect(Settings(data_dir=tmp_path), url).summary()


def test_a_token_file_that_is_missing_is_named(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, token_file=tmp_path / "secret")
    with pytest.raises(
        ClauditorError, match=r"There is no token in .*secret; name its file with --token-file"
    ):
        connect(settings)


@pytest.mark.parametrize("url", ["", "127.0.0.1:9091", "ftp://x", "http://", "http://x:port", "http://[::1"])
def test_an_address_that_is_none_is_refused(tmp_path: Path, url: str) -> None:
    install(tmp_path, 1)
    with pytest.raises(ClauditorError):
        connect(Settings(data_dir=tmp_path), url or "nothing")


async def test_the_token_of_another_installation_is_explained(sidecar: Sidecar, tmp_path: Path) -> None:
    client = connect(install(tmp_path, sidecar.port, token="of-another-installation"))
    with pytest.raises(ClauditorError, match="has another token; give its data directory with --data-dir"):
        await asked(client.summary)
    with pytest.raises(ClauditorError, match="has another token"):
        await first(client)


async def test_a_listing_waits_for_a_sidecar_that_is_being_restarted(tmp_path: Path) -> None:
    port = free_port()
    client = connect(install(tmp_path, port), retry_seconds=10)
    answer = asyncio.create_task(asked(client.sessions))
    whole = asyncio.create_task(asked(lambda: next(client.stream())))
    await asyncio.sleep(0.3)
    async with serving(tmp_path, port=port):
        assert await answer == []
        assert (await whole).data["full"] is True


def test_a_listing_gives_up_after_its_time(tmp_path: Path) -> None:
    client = connect(install(tmp_path, free_port()), retry_seconds=0.3)
    with pytest.raises(ClauditorError, match="does not run here"):
        client.sessions()


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n[]",
        b"HTTP/1.1 500 Oops\r\ncontent-length: 0\r\n\r\n",
        b"HTTP/1.1 404 No\r\ncontent-length: 2\r\n\r\n{}",
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 6000\r\n\r\n" + b"[" * 6000,
        b"",
    ],
)
def test_a_stranger_on_the_port_is_a_sentence(tmp_path: Path, answer: bytes) -> None:
    with stranger(answer) as port, pytest.raises(ClauditorError):
        connect(install(tmp_path, port)).summary()


def test_what_an_error_says_cannot_reach_the_terminal_raw(tmp_path: Path) -> None:
    body = json.dumps({"error": {"code": "x", "message": "\x1b]0;owned\x07 no \x1b[31msuch"}}).encode()
    head = f"HTTP/1.1 404 No\r\ncontent-length: {len(body)}\r\n\r\n".encode()
    with stranger(head + body) as port, pytest.raises(ClauditorError) as caught:
        connect(install(tmp_path, port)).session("abcd")
    assert "\x1b" not in str(caught.value)


def test_two_and_a_half_heartbeats_without_a_byte_are_silence() -> None:
    assert 2 * HEARTBEAT_SECONDS < SILENCE_SECONDS <= 2.5 * HEARTBEAT_SECONDS


def test_a_stream_that_falls_silent_is_a_sentence(tmp_path: Path) -> None:
    """Also where the sidecar said something before: frozen, it still holds the connection."""
    head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n"
    said = head + b'event: heartbeat\ndata: {"at":1}\n\n'
    with stranger(said, hangs=True) as port:
        client = connect(install(tmp_path, port))
        seen: list[StreamEvent] = []

        async def listen() -> None:
            async for event in client.astream(silence_seconds=0.3):
                seen.append(event)  # noqa: PERF401 - what came before the silence counts

        asks: tuple[Callable[[], None], ...] = (
            lambda: seen.extend(client.stream(silence_seconds=0.3)),
            lambda: asyncio.run(listen()),
        )
        for ask in asks:
            seen.clear()
            with pytest.raises(ClauditorError, match="does not answer; see: clauditor status"):
                ask()
            assert len(seen) == 1


def test_asking_loads_neither_httpx_nor_textual_nor_a_server() -> None:
    code = "import sys, clauditor.client; print([m for m in ('httpx','textual','uvicorn','starlette') if m in sys.modules])"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        assert isinstance(port, int)
        return port


@contextlib.contextmanager
def stranger(answer: bytes, *, hangs: bool = False) -> Iterator[int]:
    """Some other program that listens: says `answer` to whoever comes, and closes, unless it `hangs`."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    peer: Any = listener.accept()[0]
                    with peer:
                        peer.recv(65536)
                        peer.sendall(answer)
                        if hangs:
                            peer.recv(1)  # until the other side has enough

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)
    thread.join(5)
