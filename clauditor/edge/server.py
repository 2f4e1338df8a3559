"""uvicorn as the sidecar runs it: its signals are ours, nothing is trusted that a client says of itself, and every
connection is bounded (`connections`).
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterator
from email.utils import formatdate
from functools import partial
from typing import Any, Final

import uvicorn

from clauditor.edge.auth import Guard
from clauditor.edge.connections import IDLE_SECONDS, Connection, Crowd

BACKLOG: Final = 4096  # connections that the kernel holds for us; one that finds no room tries again in a second, then in two
_AT_ONCE: Final = 32  # of them are taken before other work gets its turn


class ApiServer(uvicorn.Server):
    """Serves `app` without looking ten times a second whether to end. `now`: Unix seconds."""

    def __init__(self, app: Guard, now: float) -> None:
        self.crowd = Crowd()
        self._app = app
        protocol: Any = partial(Connection, crowd=self.crowd)  # uvicorn only calls it
        super().__init__(
            uvicorn.Config(
                app,
                http=protocol,
                ws="none",
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=False,
                backlog=_AT_ONCE,
                timeout_keep_alive=IDLE_SECONDS,
                timeout_graceful_shutdown=1,
            )
        )
        self._stopping = asyncio.Event()
        self.tick(now)

    def stop(self) -> None:
        self.should_exit = True
        self._stopping.set()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        for listener in sockets or ():
            listener.listen(BACKLOG)  # asyncio takes one figure for both

    async def main_loop(self) -> None:
        await self._stopping.wait()

    def tick(self, now: float) -> None:
        """Now and then: tell the `Date` of answers (RFC 9110, 6.6.1), and see whether the token was replaced."""
        self._app.look()
        self.server_state.default_headers = [(b"date", formatdate(now, usegmt=True).encode())]

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield
