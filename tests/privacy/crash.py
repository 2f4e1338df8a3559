"""An Envoy that crashes writes what it was reading, keys included, to its standard error: that is no file.

`PYTHONPATH=tests python -m privacy.crash` strikes one down until it does, then looks through every file (Linux, x86-64).
`tests/test_coredumps.py` holds where its standard error goes to.
"""

# ruff: noqa: T201  (a program that prints what it found)

from __future__ import annotations

import contextlib
import ctypes
import signal
import socket
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import BinaryIO
from urllib.parse import urlsplit

from clauditor.demo.seeded import dice
from privacy.secrets import fill
from support.stack import RunningStack, watched_vendor
from support.waiting import until

TGKILL = 234  # syscalls(2), x86-64
TRIES = 25
KEY = fill("sk-ant-api03-<url93>AA", dice(1, "a crash"))


def flood(port: int, stop: threading.Event) -> None:
    """Requests with long heads, one after the other, so that a worker is mostly reading one."""
    head = f"GET /v1/x HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {KEY}\r\nx-api-key: {KEY}\r\n"
    data = (head + "".join(f"x-{number}: {'y' * 2000}\r\n" for number in range(200)) + "\r\n").encode()
    while not stop.is_set():
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=2) as client:
                threading.Thread(target=drain, args=(client,), daemon=True).start()
                while not stop.is_set():
                    client.sendall(data)
        except OSError:
            time.sleep(0.02)


def drain(client: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while client.recv(1 << 20):
            pass


def crash(stack: RunningStack) -> bytes:
    """What an Envoy that is struck down while it reads says on its standard error."""
    worker, said = until(lambda: serving(stack), "an Envoy that serves")
    with said:
        time.sleep(0.1)  # the flood comes
        ctypes.CDLL(None).syscall(TGKILL, int(worker.parent.parent.name), int(worker.name), signal.SIGSEGV)
        until(lambda: not worker.exists(), "its end")
        said.seek(0)
        return said.read()


def serving(stack: RunningStack) -> tuple[Path, BinaryIO] | None:
    """A worker thread of the Envoy that runs, and its standard error; None while there is none."""
    pid, _, _, state = (stack.data_dir / "run" / "envoy.pid").read_text().splitlines()
    try:
        for task in Path(f"/proc/{pid}/task").iterdir():
            if state == "ready" and (task / "comm").read_text().startswith("wrk"):
                return task, Path(f"/proc/{pid}/fd/2").open("rb")
    except OSError:
        pass
    return None


def main() -> int:
    with (
        tempfile.TemporaryDirectory(prefix="crash-") as directory,
        watched_vendor(Path(directory), seed=1) as (_, stack),
    ):
        port, stop = urlsplit(stack.proxy_url).port or 0, threading.Event()
        threads = [threading.Thread(target=flood, args=(port, stop)) for _ in range(4)]
        for thread in threads:
            thread.start()
        try:
            crashes = next((number for number in range(1, TRIES) if KEY.encode() in crash(stack)), None)
        finally:
            stop.set()
            for thread in threads:
                thread.join(10)
        files = [path for path in Path(directory).rglob("*") if path.is_file()]
        found = [path.name for path in files if KEY.encode() in path.read_bytes()]
        cores = [path.name for path in files if path.name.startswith("core")]
        print(
            f"a key on the standard error of Envoy: at crash {crashes}; in {len(files)} files: {found}; cores: {cores}"
        )
        return 1 if crashes is None or found or cores else 0


if __name__ == "__main__":
    sys.exit(main())
