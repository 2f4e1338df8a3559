"""The pretend vendor's own books: what it really received and really sent, to compare Clauditor with.

Nothing here is read from Clauditor's code; the two sides share no counting rule.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict, deque
from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import Final

LEDGER_LIMIT: Final = 50_000
"""Records kept, some 10 KB each; older ones are dropped and counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokens:
    """Tokens of one answer in the five classes that have a price of their own."""

    input: int = 0
    output: int = 0
    cache_read: int = 0
    cache_write_5m: int = 0
    cache_write_1h: int = 0

    def __add__(self, other: Tokens) -> Tokens:
        return Tokens(**{f.name: getattr(self, f.name) + getattr(other, f.name) for f in fields(Tokens)})

    @property
    def prompt(self) -> int:
        return self.input + self.cache_read + self.cache_write_5m + self.cache_write_1h


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One exchange, written when it ended.

    `usage` is what the client was told last in an answer that counts tokens (None: it was told nothing),
    whether or not the answer became `complete`; `beside` is what its model runs cost beyond that, by model
    (advisor, compaction). `outcome`: `complete`, `error` (an error status),
    `stream_error` (an error event after a 200), `cut` (the vendor broke off) or `aborted` (the client
    went away). Hashes are of the body bytes on the wire, compressed as they were. Times are Unix seconds
    on this machine's clock.
    """

    sequence: int
    session_id: str
    agent_id: str
    kind: str
    method: str
    path: str
    requested_model: str
    model: str
    stream: bool
    status: int
    outcome: str
    complete: bool
    usage: Tokens | None
    thinking_tokens: int
    stop_reason: str | None
    tool_uses: tuple[tuple[str, str], ...]
    message_id: str | None
    request_id: str
    encoding: str
    request_headers: tuple[tuple[str, str], ...]
    response_headers: tuple[tuple[str, str], ...]
    request_bytes: int
    request_sha256: str
    response_bytes: int
    response_sha256: str
    started_at: float
    ended_at: float
    beside: tuple[tuple[str, Tokens], ...] = ()

    @property
    def billed(self) -> Tokens:
        """All tokens that the answer told of."""
        return sum((tokens for _, tokens in self.beside), self.usage or Tokens())

    def header(self, name: str) -> str | None:
        """The first request header of that name, any case."""
        wanted = name.lower()
        return next((value for key, value in self.request_headers if key.lower() == wanted), None)


class Ledger:
    """The records of one vendor; safe to read from any thread."""

    def __init__(self, limit: int = LEDGER_LIMIT) -> None:
        self._changed = threading.Condition()
        self._records: deque[Record] = deque(maxlen=limit)
        self._totals: OrderedDict[str, Tokens] = OrderedDict()
        self._limit = limit
        self._count = 0
        self.in_flight = 0
        self.dropped = 0

    def opened(self) -> int:
        """A request head arrived; returns its number in the order of arrival."""
        with self._changed:
            self._count += 1
            self.in_flight += 1
            return self._count

    def closed(self, record: Record | None) -> None:
        """An exchange ended (None: before its request was whole, which leaves no record)."""
        with self._changed:
            self.in_flight -= 1
            if record is not None:
                self._write(record)
            self._changed.notify_all()

    def _write(self, record: Record) -> None:
        self.dropped += len(self._records) == self._limit
        self._records.append(record)
        if record.usage is not None:
            before = self._totals.get(record.session_id, Tokens())
            self._totals[record.session_id] = before + record.billed
            if len(self._totals) > self._limit:
                self._totals.popitem(last=False)

    @property
    def records(self) -> tuple[Record, ...]:
        """Every kept record, in the order in which the exchanges ended."""
        with self._changed:
            return tuple(self._records)

    def of(self, session_id: str, *, kinds: Iterable[str] | None = None) -> tuple[Record, ...]:
        """The records of one session in the order of arrival, of all kinds or of some."""
        wanted = None if kinds is None else frozenset(kinds)
        chosen = [
            record
            for record in self.records
            if record.session_id == session_id and (wanted is None or record.kind in wanted)
        ]
        return tuple(sorted(chosen, key=lambda record: record.sequence))

    def sessions(self) -> tuple[str, ...]:
        """The ids of all sessions that were told a token count."""
        with self._changed:
            return tuple(self._totals)

    def totals(self, session_id: str) -> Tokens:
        """All tokens that one session was told, incomplete answers included."""
        with self._changed:
            return self._totals.get(session_id, Tokens())

    def wait(self, count: int, *, timeout_seconds: float = 10.0) -> bool:
        """Blocks until `count` exchanges have ended and none is open; False when the time is up."""
        until = time.monotonic() + timeout_seconds
        with self._changed:
            while len(self._records) + self.dropped < count or self.in_flight:
                if not self._changed.wait(max(0.0, until - time.monotonic())):
                    return False
            return True
