"""Joins what Envoy logged with what it copied to us: who broke an exchange off, and what passed unseen. Pure.

Source: Envoy 1.40, access log and external processing. An exchange has the same id on both sides. Its line is written
when it is over, at most half a second later; its copy ends with its last byte or, where nobody sent one, when Envoy
gives the stream up two seconds later. So either may come first, and only the line tells who broke off: the copy of an
answer that the client gave up looks like one that the upstream did not finish.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Final, Generic, Literal, Protocol, TypeVar

from clauditor.edge.waiting import Queue, Recent
from clauditor.model.events import Event, GapFound
from clauditor.model.facts import Fact
from clauditor.model.session import Session

LINE_SECONDS: Final = 2.0  # a copy that broke off waits for its line: four times Envoy's flush interval
COPY_SECONDS: Final = 3.0  # a line waits for its copy
UNLOGGED_SECONDS: Final = 30.0  # a whole copy waits for its line: Envoy was killed, or could not write

By = Literal["nobody", "client", "upstream", "proxy", "unseen"]
"""Who broke an exchange off: `nobody`, it ended well; `unseen`, that was not seen."""


class Capture(Protocol):
    """What was seen of an exchange so far. Sizes are those of bodies as they came over the wire."""

    @property
    def exchange_id(self) -> str: ...
    @property
    def session_id(self) -> str | None: ...
    @property
    def request_bytes(self) -> int: ...
    @property
    def response_bytes(self) -> int: ...


C = TypeVar("C", bound=Capture)


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A call of the Messages API as Envoy logged it at its end, `seconds` after it began.

    `file` and `offset` say where the line stands. `is_old`: it stood there before we began to listen, so its copy
    can no longer come.
    """

    exchange_id: str
    session_id: str = ""
    agent_id: str = ""
    seconds: float = 0.0
    request_bytes: int = 0
    response_bytes: int = 0
    by: By = "nobody"
    is_old: bool = False
    file: int = 0
    offset: int = 0


@dataclass(frozen=True, slots=True)
class Ended(Generic[C]):
    """An exchange whose copy broke off is over: who ended it, and when (None: not known)."""

    capture: C
    by: By
    at: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """Something passed unseen: of one exchange, or (`log_lost`) of any number."""

    exchange_id: str
    session_id: str
    agent_id: str
    reason: Literal["missed", "partial", "log_lost"]
    unseen_bytes: int


@dataclass(slots=True)
class JoinCounters:
    """What became of lines since the start, and whole copies whose line never came."""

    joined: int = 0
    missed: int = 0
    partial: int = 0
    unlogged: int = 0


@dataclass(slots=True)
class _Copy(Generic[C]):
    capture: C
    began_at: float
    line: Line | None = None


@dataclass(frozen=True, slots=True)
class _Seen:
    """What is kept of a copy that is over."""

    exchange_id: str
    session_id: str | None
    request_bytes: int
    response_bytes: int


class Joining(Generic[C]):
    """Copies and lines of one daemon: each copy that breaks off gets one `Ended`, each line at most one `Gap`.

    What a call returns is to be told. Deadlines count in seconds that this process ran (`pass_time`): one that was
    stopped has not read what waits for it.
    """

    def __init__(self) -> None:
        self.counters = JoinCounters()
        self._now = 0.0
        self._open: dict[str, _Copy[C]] = {}
        self._cut = Queue[_Copy[C]](LINE_SECONDS)
        self._whole = Queue[_Seen](UNLOGGED_SECONDS)
        self._lines = Queue[Line](COPY_SECONDS)
        self._lost = Recent[_Seen | None]()  # how they ended was not seen; None: of an earlier daemon
        self._told = Recent[None]()
        self._known: AbstractSet[str] = frozenset()

    @property
    def is_idle(self) -> bool:
        """Whether no copy is under way and nothing waits for a line."""
        return not (self._open or self._cut or self._whole or self._lines)

    @property
    def waiting_lines(self) -> int:
        """Lines whose copy has not come."""
        return len(self._lines)

    @property
    def undecided(self) -> Iterator[Line]:
        """Lines of which nothing was said yet."""
        yield from self._lines.things()
        yield from (copy.line for copy in self._open.values() if copy.line is not None)

    def take_up(self, known: AbstractSet[str], lost: AbstractSet[str]) -> None:
        """What earlier daemons left: exchanges that were seen or told as gaps, and those whose end was not seen."""
        self._known = known
        for exchange_id in lost:
            self._lost.put(exchange_id, None)

    def forget_known(self) -> None:
        """The lines that earlier daemons did not come to read have been read."""
        self._known = frozenset()

    def observe(self, event: Event, session: Session | None, facts: Sequence[Fact]) -> None:  # noqa: ARG002
        """A sink of the hub: a gap that was told, by whomever, is not told again."""
        if isinstance(event, GapFound) and event.exchange_id:
            self._told.put(event.exchange_id, None)

    def opened(self, capture: C, at: float) -> None:
        """The copy of a call began to come, at `at` (Unix seconds)."""
        line = self._lines.pop(capture.exchange_id)
        self._open[capture.exchange_id] = _Copy(capture, at, line)

    def copied(self, capture: C, *, is_whole: bool) -> list[Ended[C] | Gap]:
        """The copy of a call ended. A whole one has told its end itself."""
        copy = self._open.pop(capture.exchange_id, None)
        if copy is None:  # its line was faster
            return []
        if copy.line is not None:
            return self._compare(capture, copy.line) if is_whole else self._end(copy, copy.line)
        if is_whole:
            self._whole.put(capture.exchange_id, _seen(capture), self._now)
        else:
            self._cut.put(capture.exchange_id, copy, self._now)
        return []

    def given_up(self, exchange_id: str) -> None:
        """The copy is looked at no longer, which was told as a gap."""
        self._open.pop(exchange_id, None)

    def logged(self, line: Line) -> list[Ended[C] | Gap]:
        """Envoy logged the end of a call."""
        exchange_id = line.exchange_id
        if (copy := self._open.get(exchange_id)) is not None:
            copy.line = line
            return self._end_if_seen(copy)
        if (copy := self._cut.pop(exchange_id)) is not None:
            return self._end(copy, line)
        if (whole := self._whole.pop(exchange_id)) is not None:
            return self._compare(whole, line)
        if exchange_id in self._told or exchange_id in self._known:
            self.counters.joined += 1
            return []
        if exchange_id in self._lost:
            seen = self._lost.pop(exchange_id)
            return self._compare(seen, line) if seen is not None else [self._gap(line, "partial")]
        if line.is_old:
            return [self._gap(line, "missed")]
        self._lines.put(exchange_id, line, self._now)
        return []

    def pass_time(self, now: float) -> list[Ended[C] | Gap]:
        """Decide what has waited long enough; `now` in seconds that this process ran."""
        self._now = now
        said: list[Ended[C] | Gap] = []
        for copy in [copy for copy in self._open.values() if copy.line is not None]:
            said += self._end_if_seen(copy)
        for copy in self._cut.over(now):
            self._lost.put(copy.capture.exchange_id, _seen(copy.capture))
            said.append(Ended(copy.capture, "unseen", None))
        said += [self._gap(line, "missed") for line in self._lines.over(now)]
        self.counters.unlogged += sum(1 for _ in self._whole.over(now))
        return said

    def _end_if_seen(self, copy: _Copy[C]) -> list[Ended[C] | Gap]:
        """A broken exchange is told as soon as all of it was seen; its copy would end two seconds late."""
        line = copy.line
        if line is None or line.by == "nobody" or _unseen_bytes(copy.capture, line):
            return []
        del self._open[line.exchange_id]
        return self._end(copy, line)

    def _end(self, copy: _Copy[C], line: Line) -> list[Ended[C] | Gap]:
        is_unseen = line.by == "nobody" and _unseen_bytes(copy.capture, line) > 0
        ended = Ended(copy.capture, "unseen" if is_unseen else line.by, copy.began_at + line.seconds)
        return [ended, *self._compare(copy.capture, line)]

    def _compare(self, capture: Capture, line: Line) -> list[Ended[C] | Gap]:
        """The line has found its copy, which may lack something."""
        if line.exchange_id in self._told or not _unseen_bytes(capture, line):
            self.counters.joined += 1
            return []
        return [self._gap(line, "partial", capture)]

    def _gap(self, line: Line, reason: Literal["missed", "partial"], capture: Capture | None = None) -> Gap:
        if reason == "missed":
            self.counters.missed += 1
        else:
            self.counters.partial += 1
        self._told.put(line.exchange_id, None)
        return Gap(
            exchange_id=line.exchange_id,
            session_id=(capture.session_id if capture is not None else None) or line.session_id,
            agent_id=line.agent_id,
            reason=reason,
            unseen_bytes=_unseen_bytes(capture, line),
        )


def _seen(capture: Capture) -> _Seen:
    return _Seen(capture.exchange_id, capture.session_id, capture.request_bytes, capture.response_bytes)


def _unseen_bytes(capture: Capture | None, line: Line) -> int:
    if capture is None:
        return line.request_bytes + line.response_bytes
    missing = (line.request_bytes - capture.request_bytes, line.response_bytes - capture.response_bytes)
    return sum(max(0, number) for number in missing)
