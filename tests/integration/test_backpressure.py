"""What is slow or stuck inside never costs a copy, and a loop that stands still for good is replaced."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import sqlite3
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from clauditor.demo import Simulator
from support.asking import Api
from support.books import books
from support.stack import RunningStack, watched_vendor
from support.steady import Traffic
from support.waiting import until

pytestmark = pytest.mark.timeout(240)

STUCK_SECONDS = 30.0
BLOCKED_SECONDS = 5.0  # longer than Envoy holds the copy of an exchange that is over
WATCHDOG_SECONDS = 8.0

# Imported by every Python that finds it on its path: the sidecar then stands still when it is asked to.
BLOCKER = """
import pathlib, signal, sys, time
if "serve" in sys.orig_argv:
    seconds = pathlib.Path(__file__).with_name("seconds")
    signal.signal(signal.SIGUSR1, lambda *_: time.sleep(float(seconds.read_text())))
"""


@pytest.fixture
def pair(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Simulator, RunningStack]]:
    (tmp_path / "blocker").mkdir()
    (tmp_path / "blocker" / "sitecustomize.py").write_text(BLOCKER)
    (tmp_path / "config" / "clauditor").mkdir(parents=True)
    (tmp_path / "config" / "clauditor" / "config.toml").write_text(f"watchdog_seconds = {WATCHDOG_SECONDS}\n")
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path / 'blocker'}:{os.environ.get('PYTHONPATH', '')}")
    with watched_vendor(tmp_path, seed=5) as both:
        yield both


def block(stack: RunningStack, directory: Path, seconds: float) -> int:
    """Make the sidecar's event loop stand still; its pid."""
    (directory / "blocker" / "seconds").write_text(str(seconds))
    pid = int(stack.status["sidecar"]["pid"])
    os.kill(pid, signal.SIGUSR1)
    return pid


def all_are_on_disk(vendor: Simulator, stack: RunningStack, seconds: float) -> None:
    """Every exchange that the vendor answered, whole, and no gap."""
    sessions = {record.session_id for record in vendor.ledger.records}
    assert len(sessions) > 50
    until(lambda: books(stack).answered >= sessions, "every exchange on disk", seconds)
    assert books(stack).gaps == {}


def seconds_until_shown(api: Api, session_id: str) -> float:
    asked_at = time.monotonic()
    until(lambda: api.shows(session_id), f"{session_id} shown", 5)
    return time.monotonic() - asked_at


def say(words: str) -> None:
    sys.stdout.write(f"{words}\n")


def test_a_history_that_is_locked_for_long_delays_nothing_else(pair: tuple[Simulator, RunningStack]) -> None:
    vendor, stack = pair
    api = Api(stack)
    with Traffic(stack.proxy_url).running("locked"):
        until(lambda: len(books(stack).answered) > 20, "calls on disk")
        with contextlib.closing(sqlite3.connect(stack.data_dir / "clauditor.db", isolation_level=None)) as db:
            db.execute("BEGIN IMMEDIATE")
            locked_at = time.monotonic()
            worst = 0.0
            while time.monotonic() - locked_at < STUCK_SECONDS:
                worst = max(worst, seconds_until_shown(api, vendor.ledger.records[-1].session_id))
                time.sleep(0.2)
            on_disk = len(books(stack).answered)
            db.execute("ROLLBACK")
        say(f"history locked for {STUCK_SECONDS:.0f} s: the newest call was shown within {worst:.2f} s")
        assert len(vendor.ledger.records) > on_disk + 50
    all_are_on_disk(vendor, stack, 30)


def test_a_subscriber_that_does_not_read_delays_nobody(pair: tuple[Simulator, RunningStack]) -> None:
    vendor, stack = pair
    api = Api(stack)
    host, port = api.url.removeprefix("http://").split(":")
    with contextlib.ExitStack() as open_readers:
        for _ in range(8):
            reader = open_readers.enter_context(socket.socket())
            reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            reader.connect((host, int(port)))
            head = f"GET /api/v1/stream HTTP/1.1\r\nHost: {host}:{port}\r\nAuthorization: Bearer {api.token}\r\n\r\n"
            reader.sendall(head.encode())
        until(lambda: api.metric("clauditor_feed_subscribers") == 8, "the subscribers")
        with Traffic(stack.proxy_url, clients=8).running("unread"):
            ended = 'clauditor_api_connections_dropped_total{reason="reading"}'
            until(lambda: api.metric(ended) >= 8, "all of them to be too slow", 60)
            assert api.metric("clauditor_edge_waiting_bytes") < 1 << 20
    all_are_on_disk(vendor, stack, 20)


def test_a_loop_that_stands_still_for_a_while_misses_nothing(
    pair: tuple[Simulator, RunningStack], tmp_path: Path
) -> None:
    vendor, stack = pair
    with Traffic(stack.proxy_url).running("blocked"):
        until(lambda: len(books(stack).answered) > 20, "calls on disk")
        pid = block(stack, tmp_path, BLOCKED_SECONDS)
        time.sleep(BLOCKED_SECONDS + 1)
    assert stack.status["sidecar"]["pid"] == pid
    all_are_on_disk(vendor, stack, 20)
    time.sleep(4)  # lines have waited for their copies
    assert books(stack).gaps == {}


def test_a_loop_that_stands_still_for_good_is_replaced(
    pair: tuple[Simulator, RunningStack], tmp_path: Path
) -> None:
    vendor, stack = pair
    with Traffic(stack.proxy_url).running("dead"):
        until(lambda: len(books(stack).answered) > 20, "calls on disk")
        blocked_at = time.monotonic()
        pid = block(stack, tmp_path, 600)
        until(lambda: stack.status["sidecar"]["pid"] not in (None, pid), "a new sidecar", 40)
        say(f"blocked for good: a new sidecar after {time.monotonic() - blocked_at:.1f} s")
        until(lambda: stack.status["sidecar"]["state"] == "running", "it serves")
        known = len(books(stack).answered)
        until(lambda: len(books(stack).answered) > known + 20, "calls on disk again")
    sessions = {record.session_id for record in vendor.ledger.records}
    until(
        lambda: (found := books(stack)).answered | set(found.gaps) >= sessions, "every exchange accounted", 20
    )
    assert "has not turned for 8 s" in (stack.data_dir / "run" / "sidecar.log").read_text()
