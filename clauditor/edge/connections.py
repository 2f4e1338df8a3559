"""Connections of the API, and how long each may let us wait: uvicorn has no such limits of its own.

Whenever it is the client's turn (to end its request's head or body, to read what it asked for, to ask again), it has
`PATIENCE_SECONDS`. Of those whose turn it is there is a limited number and a limited number of unread bytes, and who
has kept us waiting for longest goes first; so whoever asks and reads, as an honest client does within milliseconds,
always finds a place. Source: RFC 9112 (9.5 and 9.8), CWE-400; uvicorn 0.54, `protocols/http/h11_impl.py`.
"""

from __future__ import annotations

import asyncio
import socket
from collections import Counter
from typing import Any, Final, Literal

import h11
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from clauditor.edge.auth import TYING_HEADERS
from clauditor.edge.problems import problem

PATIENCE_SECONDS: Final = 10.0
IDLE_SECONDS: Final = 5  # between two requests
MAX_AWAITED: Final = 256  # far below the 1,024 files that a process may open by default
MAX_UNREAD_BYTES: Final = 64 << 20  # in all connections together; a list of 1,000 sessions has 4 MB
KERNEL_BYTES: Final = 1 << 18  # unread, a connection; by itself the kernel would take 4 MB before we notice
MAX_ASKING: Final = 256  # requests under way; 64 of them are streams at most

Turn = Literal["idle", "head", "body", "reading"]
"""What we wait for: the next request, the rest of a head or of a body, that an answer is read."""

TURNS: Final[tuple[Turn, ...]] = ("idle", "head", "body", "reading")
REASONS: Final = ("head", "body", "reading", "crowded", "busy", "malformed")
"""Why we end a connection: no progress with one of the first three, too many wait or ask, or it speaks no HTTP."""


class Crowd:
    """Every connection, those whose turn it is in the order in which they began to keep us waiting."""

    def __init__(self) -> None:
        self.dropped: Counter[str] = Counter(dict.fromkeys(REASONS, 0))
        self.connections: set[Connection] = set()
        self._awaited: dict[Connection, Turn] = {}

    @property
    def asking(self) -> int:
        """Those whose requests are under way."""
        return len(self.connections) - len(self._awaited)

    def by_turn(self) -> dict[str, int]:
        """How many connections there are, by what is waited for; `asking`: it is our turn."""
        turns = Counter(self._awaited.values())
        found: dict[str, int] = {turn: turns[turn] for turn in TURNS}
        return found | {"asking": self.asking}

    def wait_for(self, connection: Connection, turn: Turn | None) -> None:
        """It is this connection's turn from now on; None: ours."""
        self._awaited.pop(connection, None)
        if turn is None:
            return
        self._awaited[connection] = turn
        if len(self._awaited) > MAX_AWAITED:
            self._drop(next(iter(self._awaited)), "crowded")
        if turn == "reading":
            self._make_room()

    def leave(self, connection: Connection) -> None:
        self.connections.discard(connection)
        self._awaited.pop(connection, None)

    def drop_late(self, connection: Connection) -> None:
        """It kept us waiting for too long."""
        if (turn := self._awaited.get(connection)) is not None:
            self._drop(connection, turn)

    async def refuse(self, scope: Scope, receive: Receive, send: Send) -> None:
        """What a request is answered where too many are under way."""
        self.dropped["busy"] += 1
        answer = _last_answer(503, "busy", "Too many requests are under way; ask again in a moment.")
        await answer(scope, receive, send)

    def _make_room(self) -> None:
        unread = {one: one.unread_bytes for one, turn in self._awaited.items() if turn == "reading"}
        total = sum(unread.values())
        for connection, size in unread.items():
            if total <= MAX_UNREAD_BYTES:
                return
            self._drop(connection, "crowded")
            total -= size

    def _drop(self, connection: Connection, reason: str) -> None:
        self.dropped[reason] += 1
        self.leave(connection)
        connection.transport.abort()


class Connection(H11Protocol):
    """One connection. `crowd` is shared by all of a server."""

    def __init__(self, *args: Any, crowd: Crowd, **more: Any) -> None:
        super().__init__(*args, **more)
        self.access_log = False  # whatever a test or a handler makes of uvicorn's loggers
        self._crowd = crowd
        self._served: ASGIApp = self.app
        self._turn: Turn | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._has_begun = True  # whoever connects is about to ask
        self._unread_before = 0

    @property
    def unread_bytes(self) -> int:
        return self.transport.get_write_buffer_size()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        super().connection_made(transport)
        # asyncio does so only where the listening socket named its protocol; else a frame waits 40 ms for the reader's
        # acknowledgement of the one before.
        raw = transport.get_extra_info("socket")
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, KERNEL_BYTES)
        self._crowd.connections.add(self)
        self._look()

    def data_received(self, data: bytes) -> None:
        self._has_begun = True
        self.app = self._crowd.refuse if self._crowd.asking >= MAX_ASKING else self._served
        super().data_received(data)
        self._look()

    def on_response_complete(self) -> None:
        self._has_begun = bool(self.conn.trailing_data[0])  # sent before it was asked to
        super().on_response_complete()
        self._look()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._look()

    def resume_writing(self) -> None:
        super().resume_writing()
        self._look()

    def connection_lost(self, exc: Exception | None) -> None:
        self._forget_timer()
        self._crowd.leave(self)
        super().connection_lost(exc)

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - as uvicorn calls it
        """In the form of every error; where an answer has begun already, there is no room for another one."""
        self._crowd.dropped["malformed"] += 1
        if self.conn.our_state in {h11.IDLE, h11.SEND_RESPONSE}:
            answer = _last_answer(400, "malformed", "This is no HTTP request.")
            head = b"".join(b"%s: %s\r\n" % header for header in answer.raw_headers)
            # h11 would leave out the body where the request before was a HEAD.
            self.transport.write(b"HTTP/1.1 400 Bad Request\r\n%s\r\n%s" % (head, bytes(answer.body)))
        self.transport.close()

    # ------------------------------------------------------------------------------------------------

    def _look(self) -> None:
        """See whose turn it is; if that changed, the time begins anew."""
        if self.transport.is_closing():
            return
        turn = self._whose_turn()
        if turn == self._turn:
            return
        self._turn = turn
        self._forget_timer()
        if turn in {"head", "body", "reading"}:  # being idle is uvicorn's to end
            self._unread_before = self.unread_bytes
            self._timer = self.loop.call_later(PATIENCE_SECONDS, self._is_late)
        self._crowd.wait_for(self, turn)

    def _whose_turn(self) -> Turn | None:
        if self.flow.write_paused:
            return "reading"
        if self.cycle is None or self.cycle.response_complete:
            return "head" if self._has_begun else "idle"
        return "body" if self.cycle.more_body else None

    def _is_late(self) -> None:
        unread = self.unread_bytes
        if self._turn == "reading" and unread < self._unread_before:  # slow, but it reads
            self._unread_before = unread
            self._timer = self.loop.call_later(PATIENCE_SECONDS, self._is_late)
        else:
            self._crowd.drop_late(self)

    def _forget_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def _last_answer(status: int, code: str, message: str) -> JSONResponse:
    """One of ours that no route has made, after which the connection ends."""
    answer = problem(status, code, message)
    answer.raw_headers += [*TYING_HEADERS, (b"connection", b"close")]
    return answer
