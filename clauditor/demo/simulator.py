"""The pretend vendor as a server on a loopback port, in the caller's event loop or in a thread of its own.

async with Simulator(seed=7) as vendor:   # in this event loop
    ... vendor.url, vendor.ledger
with Simulator(seed=7) as vendor:         # in a thread, for synchronous callers
    ...
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
import time
from collections.abc import Callable, Coroutine
from types import TracebackType
from typing import Any, Final, Self

from clauditor.demo.connection import Connection
from clauditor.demo.ledger import LEDGER_LIMIT, Ledger
from clauditor.demo.limits import Billing
from clauditor.demo.reply import Reply
from clauditor.demo.request import MAIN
from clauditor.demo.vendor import Responder, Vendor
from clauditor.errors import ClauditorError

_START_SECONDS: Final = 10.0
_BACKLOG: Final = 4096


class PlayClock:
    """Wall time of this machine, and a clock that runs `speed` times as fast and can be moved on."""

    def __init__(self, speed: float) -> None:
        self.speed = speed
        self._started_at = time.monotonic()
        self._wall_at_start = self.wall()
        self._advanced = 0.0

    def wall(self) -> float:
        return time.time()  # noqa: TID251 - the vendor is another machine, with a clock of its own

    def scaled(self) -> float:
        return self._wall_at_start + (time.monotonic() - self._started_at) * self.speed + self._advanced

    def advance(self, seconds: float) -> None:
        self._advanced += seconds


class Simulator:
    """A deterministic vendor on 127.0.0.1. `speed` scales paces, pauses and cache lifetimes.

    `billing` fixes the family of rate-limit headers (None: by the kind of credential). `encoding` is the
    content coding of every answer that names none itself ("auto": the first that the client accepts).
    """

    def __init__(
        self,
        *,
        seed: int = 1,
        speed: float = 1.0,
        port: int = 0,
        billing: Billing | None = None,
        encoding: str | None = None,
        ledger_limit: int = LEDGER_LIMIT,
    ) -> None:
        if speed <= 0:
            raise ValueError("speed must be positive")
        self.ledger = Ledger(ledger_limit)
        self.clock = PlayClock(speed)
        self.vendor = Vendor(seed=seed, started_at=self.clock.wall(), billing=billing, encoding=encoding)
        self._port = port
        self._server: asyncio.Server | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._releases: dict[str, asyncio.Event] = {}
        self._thread: threading.Thread | None = None
        self._stop_asked: asyncio.Event | None = None

    @property
    def url(self) -> str:
        """The base URL, for `ANTHROPIC_BASE_URL` or as an upstream."""
        return f"http://127.0.0.1:{self._port}"

    @property
    def port(self) -> int:
        return self._port

    def reply_with(self, responder: Responder | None) -> None:
        """Asks `responder` first for every request (None from it: go on as without; called on the server's
        loop). It must not block.
        """
        self.vendor.responder = responder

    def script(self, session_id: str, *replies: Reply, agent: str = MAIN) -> None:
        """Queues replies for the calls of a session: of its main thread, or of the agent whose first
        prompt is `agent`. Each call takes one, retries included; then the default answers again.
        """
        self._on_loop(lambda: self.vendor.script(session_id, replies, agent=agent))

    def release(self, name: str) -> None:
        """Lets every answer go on that waits, or will wait, at `Hold(name)`."""
        self._on_loop(lambda: self._released(name).set())

    def advance(self, seconds: float) -> None:
        """Moves the clock of the prompt cache on, without waiting."""
        self.clock.advance(seconds)

    def submit(self, work: Coroutine[Any, Any, None]) -> concurrent.futures.Future[None]:
        """Runs something beside the server, on its loop; for callers in other threads."""
        if self._loop is None:
            raise RuntimeError("the simulator does not run")
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    async def start(self) -> None:
        """Binds and serves; raises `ClauditorError` when the port is taken."""
        self._loop = asyncio.get_running_loop()
        try:
            self._server = await asyncio.start_server(
                self._serve, "127.0.0.1", self._port, backlog=_BACKLOG, limit=1024 * 1024
            )
        except OSError as error:
            raise ClauditorError(f"Port {self._port} is taken; choose another for the demo.") from error
        self._port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Closes every connection at once."""
        if self._server is None:
            return
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()
        self._server = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    def __enter__(self) -> Self:
        ready = threading.Event()
        failure: list[BaseException] = []

        def run() -> None:
            try:
                asyncio.run(self._run(ready))
            except BaseException as error:  # noqa: BLE001 - handed to the caller, who raises it
                failure.append(error)
                ready.set()

        self._thread = threading.Thread(target=run, name="demo-vendor", daemon=True)
        self._thread.start()
        if not ready.wait(_START_SECONDS):
            raise ClauditorError("The pretend vendor did not start in time; try again.")
        if failure:
            raise failure[0]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._stop_asked is not None:
            self._on_loop(self._stop_asked.set)
        if self._thread is not None:
            self._thread.join(_START_SECONDS)

    async def _run(self, ready: threading.Event) -> None:
        self._stop_asked = asyncio.Event()
        async with self:
            ready.set()
            await self._stop_asked.wait()

    def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = Connection(
            reader, writer, vendor=self.vendor, ledger=self.ledger, clock=self.clock, released=self._released
        )
        task = asyncio.create_task(connection.serve(), name="demo-connection")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _released(self, name: str) -> asyncio.Event:
        return self._releases.setdefault(name, asyncio.Event())

    def _on_loop(self, action: Callable[[], None]) -> None:
        """Runs `action` on the server's loop: at once when called from there or before the start."""
        loop = self._loop
        if loop is None or _running_loop() is loop:
            action()
            return
        done = concurrent.futures.Future[None]()

        def run() -> None:
            action()
            done.set_result(None)

        loop.call_soon_threadsafe(run)
        done.result(_START_SECONDS)


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None
