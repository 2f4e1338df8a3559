"""The laboratory: the pretend vendor, a whole stack and a bare Envoy in front of it, and clients at both.

The vendor answers by the name of the session, `watched-small-17`: so each exchange has a session of its own, and is
found again in the vendor's books and in the sidecar's.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import httpx

from clauditor.config import load_settings
from clauditor.demo import Reply, Request, Simulator
from clauditor.proxy.envoy import Admin
from clauditor.proxy.plan import Plan
from clauditor.proxy.process import Process
from clauditor.proxy.running import Name, running
from clauditor.proxy.stack import Stack
from faults.clients import PATIENCE_SECONDS, Heard, exchange
from faults.kinds import KINDS, MIB, SMALL, Kind, body, held, reply, request
from faults.proxies import Proxy, envoy, unobserved
from support.waiting import until

Side = Literal["watched", "bare"]
SIDES: tuple[Side, ...] = ("watched", "bare")
HERE = Path(__file__).parent
_EXT_PROC = "http.clauditor.ext_proc"
BOOK_LIMIT = 1_000_000  # exchanges: a book that forgets its first ones would call them altered
FAILED_REST_SECONDS = 0.1  # a client tries again after a moment
OPEN_STREAMS = "cluster.sidecar.upstream_rq_active"
WITNESSES = {
    "failed open": f"{_EXT_PROC}.failure_mode_allowed",
    "streams failed": f"{_EXT_PROC}.streams_failed",
    "overflow": "cluster.sidecar.upstream_rq_pending_overflow",
    "overflow (active)": "cluster.sidecar.upstream_rq_active_overflow",
    "backed up": "cluster.sidecar.upstream_flow_control_backed_up_total",
    "keepalive": "cluster.sidecar.http2.keepalive_timeout",
}
"""Envoy's own counters, and our short words for them."""


@dataclass
class Lab:
    """Everything that runs, and the levers. `otherwise`: what the vendor says instead of what it should, to exchanges
    that begin from now on, and how long their clients wait for a piece.
    """

    vendor: Simulator
    stack: Stack
    plan: Plan
    bare: Proxy
    levers: Path
    otherwise: tuple[Reply, float] | None = None
    answers: dict[str, Reply] = field(default_factory=dict)
    blind_until: float = 0.0
    heard: dict[Side, list[Heard]] = field(default_factory=lambda: {side: [] for side in SIDES})
    numbers: Iterator[int] = field(default_factory=itertools.count)

    @property
    def data_dir(self) -> Path:
        return self.stack.run.data_dir

    @property
    def admin(self) -> Admin:
        return Admin(self.stack.run.admin_socket)

    def wall(self) -> float:
        """The clock of the vendor's books."""
        return self.vendor.clock.wall()

    def url(self, side: Side) -> str:
        return self.plan.proxy_url if side == "watched" else self.bare.url

    def process(self, name: Name) -> Process:
        """The program that runs now under this name, ready or not."""
        found = running(self.stack.run, name)
        assert found is not None, f"no {name} runs"
        return found.process

    def until_ready(self, name: Name, *, other_than: Process | None = None) -> Process:
        """Waits until this program serves, if need be another one than before. `blind_until` is when there was still
        nobody new to listen for copies.
        """
        before = self._listening()

        def look() -> Process | None:
            now = self.wall()
            if self._listening() == before:
                self.blind_until = now
            found = running(self.stack.run, name)
            is_up = found is not None and found.ready and found.process != other_than
            return found.process if found is not None and is_up else None

        return until(look, f"a {name} that is ready")

    def _listening(self) -> tuple[int, int] | None:
        """What tells one socket of the sidecar from the next one at its path."""
        try:
            found = self.stack.run.extproc_socket.stat()
        except FileNotFoundError:
            return None
        return found.st_ino, found.st_ctime_ns

    def open_exchanges(self) -> int:
        """What the sidecar itself counts as under way."""
        for line in self.get("/metrics").text.splitlines():
            if line.startswith("clauditor_edge_open_exchanges "):
                return int(float(line.split()[1]))
        return 0

    def open_streams(self) -> int:
        """Streams of copies that Envoy holds open to the sidecar now; 0 if it does not say."""
        return self.admin.figures([OPEN_STREAMS]).get(OPEN_STREAMS, 0)

    def witnesses(self) -> dict[str, int]:
        figures = self.admin.figures(WITNESSES.values())
        return {word: figures.get(name, 0) for word, name in WITNESSES.items()}

    def get(self, path: str) -> httpx.Response:
        token = (self.data_dir / "token").read_text().strip()
        headers = {"authorization": f"Bearer {token}"}
        return httpx.get(f"{self.plan.api_url}{path}", headers=headers, trust_env=False, timeout=10)

    def ask(self, side: Side, kind: Kind) -> Heard:
        """One exchange; what the client heard is kept."""
        name, patience_seconds = self.name(side, kind.name), PATIENCE_SECONDS
        if (otherwise := self.otherwise) is not None:  # one look: client and vendor agree about each exchange
            self.answers[name], patience_seconds = otherwise
        found = exchange(
            self.url(side),
            name,
            body(kind),
            patience_seconds=patience_seconds,
            counts_wait=kind.request_bytes < MIB,
        )
        self.heard[side].append(found)
        return found

    def name(self, side: Side, what: str) -> str:
        return f"{side}-{what}-{next(self.numbers)}"

    @contextlib.contextmanager
    def stream_held_open(self) -> Iterator[threading.Thread]:
        """A watched stream whose first bytes have come and that goes on when the block ends."""
        name, has_begun = self.name("watched", "held"), threading.Event()

        def run() -> None:
            found = exchange(self.url("watched"), name, request(500), on_first=has_begun.set)
            self.heard["watched"].append(found)

        thread = threading.Thread(target=run, name=name)
        thread.start()
        try:
            assert has_begun.wait(20), "the stream that is to be held does not begin"
            yield thread
        finally:
            self.vendor.release(name)
            thread.join(60)

    @contextlib.contextmanager
    def supervisor_stopped(self) -> Iterator[None]:
        """Nobody starts anything again meanwhile."""
        supervisor = self.process("supervisor")
        supervisor.signal(signal.SIGSTOP)
        try:
            yield
        finally:
            supervisor.signal(signal.SIGCONT)

    def reply(self, asked: Request) -> Reply | None:
        side, _, rest = asked.session_id.partition("-")
        if side not in SIDES:
            return None
        what = rest.rpartition("-")[0]
        if what == "held":
            return held(asked.session_id)
        return self.answers.get(asked.session_id) or reply(KINDS[what])


@contextlib.contextmanager
def laboratory(
    directory: Path,
    *,
    data_dir: Path | None = None,
    settings: str = "",
    upstream_host: str = "127.0.0.1",
    is_absent: bool = False,
) -> Iterator[Lab]:
    """Everything started, on free ports; `settings` is the text of a settings file. With `is_absent` only the proxy
    is waited for: the sidecar begins when the lever of that name is gone.
    """
    with contextlib.ExitStack() as stage:
        vendor = stage.enter_context(Simulator(seed=21, ledger_limit=BOOK_LIMIT))
        home, levers = directory / "home", directory / "levers"
        for made in (home, levers):
            made.mkdir()
        upstream = f"http://{upstream_host}:{vendor.port}"
        config = directory / "config.toml"
        config.write_text(settings)
        flags = {
            "data_dir": str(data_dir or directory / "data"),
            "config": str(config),
            "port": "0",
            "api_port": "0",
            "upstream": upstream,
        }
        environ = {name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ}
        stack = Stack(
            load_settings(flags, {}),
            environ=environ | {"HOME": str(home)},
            sidecar=(sys.executable, "-P", str(HERE / "sidecar.py"), str(levers), "serve"),
        )
        bare = stage.enter_context(envoy(directory / "bare", upstream, unobserved))
        stage.callback(stack.stop)
        if is_absent:
            (levers / "absent").touch()
            starting = threading.Thread(target=stack.start)
            starting.start()
            stage.callback(starting.join, 30)
            until(Admin(stack.run.admin_socket).is_ready, "a proxy without a sidecar")
            plan = until(lambda: Plan.read(stack.run.plan), "a plan")
        else:
            plan = stack.start().plan
        lab = Lab(vendor, stack, plan, bare, levers)
        vendor.reply_with(lab.reply)
        yield lab


@contextlib.contextmanager
def traffic(lab: Lab, kind: Kind, *, sides: Sequence[Side] = SIDES) -> Iterator[None]:
    """Clients at both proxies, or at one, that ask one after another; after the block each asks once more, something small."""
    done, failed = threading.Event(), threading.Event()
    reply(kind)  # made beforehand: the long ones take a moment
    body(kind)

    def work(side: Side) -> None:
        while not done.is_set():
            heard = lab.ask(side, kind)
            done.wait(kind.rest_seconds if heard.is_whole else FAILED_REST_SECONDS)
        if not failed.is_set():
            lab.ask(side, SMALL)

    threads = [threading.Thread(target=work, args=(side,)) for side in sides for _ in range(kind.clients)]
    for thread in threads:
        thread.start()
    try:
        yield
    except BaseException:
        failed.set()
        raise
    finally:
        done.set()
        for thread in threads:
            thread.join(200)
        assert not any(thread.is_alive() for thread in threads), "a client does not come to its end"


class Pretender:
    """The impostor program in the sidecar's place."""

    def __init__(self, socket: Path) -> None:
        command = [sys.executable, str(HERE / "impostor.py"), str(socket)]
        self._program = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.become("well")  # it answers once it listens

    def become(self, mood: str) -> int:
        """Change its mood; returns how many streams it held at that moment."""
        assert self._program.stdin is not None
        assert self._program.stdout is not None
        self._program.stdin.write(mood + "\n")
        self._program.stdin.flush()
        return int(self._program.stdout.readline())

    def end(self) -> None:
        self._program.kill()
        self._program.communicate()
