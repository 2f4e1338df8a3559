"""A stack under test: the processes behind its pid files, and an upstream that keeps an answer open."""

from __future__ import annotations

import contextlib
import signal
import socket
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

from clauditor.proxy.process import Process
from clauditor.proxy.stack import Stack

SIDECAR = (sys.executable, str(Path(__file__).parents[1] / "proxy" / "stand_in_sidecar.py"))
DEADLINE_SECONDS = 10.0

MakeStack = Callable[..., Stack]


def wait_until(condition: Callable[[], object], seconds: float = DEADLINE_SECONDS) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def pid_of(stack: Stack, name: str) -> int:
    return int(stack.run.pid_file(name).read_text().split()[0])


def process_of(stack: Stack, name: str) -> Process:
    process = Process.of(pid_of(stack, name))
    assert process is not None
    return process


def kill(process: Process) -> None:
    process.signal(signal.SIGKILL)
    assert process.wait(DEADLINE_SECONDS)


def status_code(url: str) -> int:
    """What the proxy answers; without an upstream that is Envoy's own 503."""
    try:
        with urllib.request.urlopen(url, timeout=5) as response:  # noqa: S310 - our own loopback URL
            return int(response.status)
    except urllib.error.HTTPError as error:
        return error.code


@contextlib.contextmanager
def slow_upstream(release: threading.Event) -> Iterator[int]:
    """Sends the first half of an answer at once and the second when released."""

    def serve() -> None:
        with contextlib.suppress(OSError):
            connection, _ = server.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nfirst")
                release.wait(DEADLINE_SECONDS)
                connection.sendall(b"last")

    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=serve, daemon=True).start()
        yield server.getsockname()[1]
