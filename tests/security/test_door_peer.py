"""Whoever holds the port while the sidecar is away: another user's program is told no token, by no command."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import click
import pytest

from clauditor import peer
from clauditor.cli.completion import session_ids
from clauditor.client import SidecarClient, connect
from clauditor.config import Settings
from clauditor.errors import ClauditorError
from clauditor.frames import StreamEvent
from clauditor.hooks.place import find_place
from clauditor.hooks.post import HOOKS_PATH, post, target
from clauditor.peer import may_be_told
from clauditor.proxy import locks
from support.posts import TOKEN, Posts, installation, taking_posts

FOREIGN = Path(__file__).with_name("foreign.py")
STRANGER, MPTCP = 65534, 262
REFUSED = r"^Another user's program listens at http://\S+, and was told nothing; take another port: "

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can start another user's program")


@dataclass
class Stranger:
    """A program of another user that listens."""

    port: int
    process: subprocess.Popen[str]

    def heard(self) -> str:
        """What the next connection said, as Python writes it."""
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()


@contextlib.contextmanager
def stranger(uid: int = STRANGER, address: str = "127.0.0.1", protocol: int = 0) -> Iterator[Stranger]:
    command = [sys.executable, str(FOREIGN), str(uid), "0", address, str(protocol)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        if not (port := process.stdout.readline()):
            pytest.skip("this system has no such socket")
        try:
            yield Stranger(int(port), process)
        finally:
            process.kill()


@contextlib.contextmanager
def connected(port: int, address: str = "127.0.0.1") -> Iterator[socket.socket]:
    with socket.create_connection((address, port), 5) as connection:
        yield connection


def first(client: SidecarClient) -> StreamEvent:
    return next(client.stream())


def first_async(client: SidecarClient) -> StreamEvent:
    async def ask() -> StreamEvent:
        return await anext(client.astream())

    return asyncio.run(ask())


# -- the look ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
@pytest.mark.parametrize("listening", ["127.0.0.1", "::1", "0.0.0.0", "::"])  # noqa: S104 - on loopback only
def test_our_own_program_is_known_accepted_or_not(address: str, listening: str) -> None:
    both = listening == "::"
    if (":" in address) != (":" in listening) and not both:
        return
    family = socket.AF_INET6 if ":" in listening else socket.AF_INET
    with (
        socket.create_server((listening, 0), family=family, dualstack_ipv6=both) as listener,
        connected(listener.getsockname()[1], address) as connection,
    ):
        assert may_be_told(connection)
        accepted, _ = listener.accept()
        with accepted:
            assert may_be_told(connection)


@as_root
@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
@pytest.mark.parametrize("protocol", [0, MPTCP])
def test_another_users_program_is_known_accepted_or_not(address: str, protocol: int) -> None:
    with (
        stranger(address=address, protocol=protocol) as other,
        connected(other.port, address) as one,
        connected(other.port, address) as two,
    ):
        assert not may_be_told(one)  # taken
        assert not may_be_told(two)  # not yet: the first one keeps it busy


@as_root
def test_who_may_read_the_token_may_be_told_it(tmp_path: Path) -> None:
    token_file = tmp_path / "token"
    token_file.write_text(TOKEN)
    with stranger() as other:
        os.chown(token_file, STRANGER, STRANGER)
        with connected(other.port) as connection:
            assert may_be_told(connection, token_file)
        os.chown(token_file, 1234, 1234)
        with connected(other.port) as connection:
            assert not may_be_told(connection, token_file)
            assert not may_be_told(connection, tmp_path / "missing")


@as_root
def test_root_may_be_told_by_anybody() -> None:
    """It reads every file anyway, and forwards the ports of containers."""
    look = (
        "import encodings.idna, os, socket, sys; from clauditor.peer import may_be_told\n"
        "os.setuid(65534)\n"
        "print(may_be_told(socket.create_connection(('127.0.0.1', int(sys.argv[1])))))"
    )
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = str(listener.getsockname()[1])
        done = subprocess.run([sys.executable, "-c", look, port], capture_output=True, text=True, check=True)
    assert done.stdout == "True\n"


def test_where_the_kernel_does_not_say_our_sidecar_must_be_alive(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(peer, "LINUX", False)
    lock = tmp_path / "sidecar.lock"
    hold = f"import time\nfrom pathlib import Path\nfrom clauditor.proxy.locks import hold\nhold(Path({str(lock)!r}))\nprint(flush=True)\ntime.sleep(60)"
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        connected(listener.getsockname()[1]) as connection,
    ):
        assert not may_be_told(connection, lock=lock)
        os.close(locks.hold(lock))
        assert not may_be_told(connection, lock=lock)
        with subprocess.Popen([sys.executable, "-c", hold], stdout=subprocess.PIPE) as sidecar:
            assert sidecar.stdout is not None
            sidecar.stdout.readline()
            assert may_be_told(connection, lock=lock)
            sidecar.kill()
        assert may_be_told(connection), "an address that was named is believed"


# -- everybody who sends the token ---------------------------------------------------------------------


@as_root
def test_no_question_reaches_a_stranger(tmp_path: Path) -> None:
    with stranger() as other:
        installation(tmp_path, api_port=other.port, port=1)
        for url in (None, f"http://127.0.0.1:{other.port}", f"http://localhost:{other.port}"):
            client = connect(Settings(data_dir=tmp_path), url)
            for question in (
                client.sessions,
                partial(first, client),
                partial(first_async, client),
                client.page_url,
            ):
                with pytest.raises(ClauditorError, match=REFUSED):
                    question()
                assert other.heard() == "b''"


@as_root
def test_no_hook_status_line_or_completion_reaches_a_stranger(tmp_path: Path) -> None:
    with stranger() as other:
        installation(tmp_path, api_port=other.port, port=1)
        place = find_place({"data_dir": str(tmp_path)}, {})
        for url in (None, f"http://127.0.0.1:{other.port}", f"http://localhost:{other.port}/x"):
            to = target(place, url)
            assert to is not None
            assert post(to, HOOKS_PATH, {}, time.monotonic() + 5) == "silent"
            assert other.heard() == "b''"
        context = click.Context(click.Command("show"))
        context.params = {"data_dir": str(tmp_path)}
        assert session_ids(context, click.Argument(["id"]), "") == []
        assert other.heard() == "b''"
        for command, given in (("statusline", {"session_id": "s"}), ("hook", {"hook_event_name": "Stop"})):
            subprocess.run(
                [sys.executable, "-m", "clauditor", command, "--data-dir", str(tmp_path)],
                input=json.dumps({"session_id": "s"} | given), text=True, check=True, timeout=30, capture_output=True,
            )  # fmt: skip
            assert other.heard() == "b''"


def test_our_own_sidecar_is_told(tmp_path: Path) -> None:
    with taking_posts() as posts:
        told(tmp_path, posts)
    assert posts.tokens == [f"Bearer {TOKEN}"] * 2


def told(data_dir: Path, posts: Posts) -> None:
    installation(data_dir, api_port=posts.port, port=1)
    to = target(find_place({"data_dir": str(data_dir)}, {}), None)
    assert to is not None
    assert post(to, HOOKS_PATH, {}, time.monotonic() + 5) == {}
    assert connect(Settings(data_dir=data_dir)).post(HOOKS_PATH, {}) == {}
