"""Follows Envoy's access log: each line joins the copy of its exchange, or becomes a gap.

Source: Envoy 1.40, access log (`proxy.bootstrap` has the format), response flags and response code details. Lines are
hostile: clients choose paths and session ids. Reading happens on a thread in slices; the joining is `edge.joining`.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

from clauditor.edge.joining import By, Ended, Gap, Joining, Line
from clauditor.edge.logfile import LogFile, Position, RawLine
from clauditor.model.events import MAIN_AGENT
from clauditor.wire.anthropic.request import endpoint
from clauditor.wire.exchange import Exchange
from clauditor.wire.identity import identifier

log = logging.getLogger(__name__)

FORGET_SECONDS: Final = 10.0  # a line waits three seconds for its copy
POLL_SECONDS: Final = 0.5  # as often as Envoy writes
IDLE_SECONDS: Final = 1.0  # while there is nothing to wait for
KEEP_SECONDS: Final = (
    1.5  # facts are on disk by then, so that no gap is lost between the history and the position
)
EARLIER_SECONDS: Final = (
    30.0  # how long exchanges of earlier daemons are remembered: their lines come at once
)
SINCE_MARGIN_SECONDS: Final = 60.0
_TURN_LINES: Final = 64  # read before others may run

_LINE_START: Final = b'{"agent_id":'  # Envoy writes the keys in order; inside a string the quote is escaped
_CLIENT_FLAGS: Final = frozenset({"DC", "DPE", "DR"})
_LOCAL_END: Final = "downstream_local"  # the proxy itself closed the client's connection: it was told to end


class _Logged(msgspec.Struct):
    connection_id: int
    start_time_us: str
    bytes_received: int
    bytes_sent: int
    duration_ms: int | None = None
    method: str | None = None
    path: str | None = None
    flags: str | None = None
    code_details: str | None = None
    session_id: str | None = None
    agent_id: str | None = None


_decode = msgspec.json.Decoder(_Logged).decode


@dataclass(slots=True)
class LineCounters:
    """Lines read since the start: calls of the Messages API, other exchanges, and what is no line."""

    calls: int = 0
    others: int = 0
    malformed: int = 0
    errors: int = 0
    """Failed attempts to rotate, or to keep the position."""


Earlier = Callable[[float], tuple[set[str], set[str]]]
"""Exchanges that the history holds from some Unix seconds on: those that were seen or told as gaps, and those whose
end was not seen. Blocks; never raises.
"""


class AccessLog:
    """Follows one log. `settle` tells what was found and never raises, `keep` writes the position's text or raises
    OSError, `now` tells Unix seconds. While the reader of copies `is_behind`, a line waits for its copy without a limit.
    """

    def __init__(
        self,
        file: LogFile,
        joining: Joining[Exchange],
        *,
        position: Position | None,
        earlier: Earlier,
        settle: Callable[[Sequence[Ended[Exchange] | Gap]], None],
        keep: Callable[[str], None],
        now: Callable[[], float],
        is_behind: Callable[[], bool] = lambda: False,
    ) -> None:
        """`file` was opened at the `position`, before a copy could come."""
        self.counters = LineCounters()
        self._file = file
        self._joining = joining
        self._since = 0.0 if position is None else position.since
        self._earlier: Earlier | None = earlier
        self._settle = settle
        self._keep = keep
        self._now = now
        self._is_behind = is_behind
        self._ran = 0.0
        self._lost_files_told = 0
        self._kept: Position | None = position
        self._ripening: tuple[float, Position] | None = None

    async def run(self) -> None:
        """Follow the log until cancelled. Raises OSError where it cannot be read; may be called again then."""
        while True:
            seconds = IDLE_SECONDS if self._joining.is_idle else POLL_SECONDS
            if not self._is_at_rest:
                await self.turn(seconds)
            await asyncio.sleep(seconds)

    async def turn(self, seconds: float = POLL_SECONDS) -> None:
        """Read what has come since the turn before, `seconds` ago, and decide what has waited long enough."""
        if self._earlier is not None:
            self._joining.take_up(*await asyncio.to_thread(self._earlier, self._since))
            self._earlier = None
        while raw_lines := await asyncio.to_thread(self._read, self._undecided()):
            for number, raw in enumerate(raw_lines):
                if (line := self._read_line(raw)) is not None:
                    await self._tell(self._joining.logged(line))
                if number % _TURN_LINES == 0:
                    await asyncio.sleep(0)
        await self._tell(self._lost_files())
        if not self._is_behind():
            self._ran += seconds
        await self._tell(self._joining.pass_time(self._ran))
        if self._ran >= EARLIER_SECONDS:
            self._joining.forget_known()

    @property
    def _is_at_rest(self) -> bool:
        """Whether a turn would find nothing to do: an idle machine is left alone."""
        is_done = self._earlier is None and self._ran >= EARLIER_SECONDS and self._ripening is None
        is_done = is_done and not self._file.is_forgetting
        return is_done and self._joining.is_idle and not self._file.has_changed

    async def forget(self) -> bool:
        """Remove what is logged so far, once it was read; False where that did not come about in FORGET_SECONDS."""
        try:
            await asyncio.to_thread(self._file.forget)
            async with asyncio.timeout(FORGET_SECONDS):
                while self._file.is_forgetting:  # noqa: ASYNC110 - the turns of `run` do it, on a thread
                    await asyncio.sleep(POLL_SECONDS)
        except (OSError, TimeoutError):
            return False
        return True

    @property
    def files(self) -> dict[str, int]:
        """Files by what became of them, since the start."""
        counters = self._file.counters
        return {"rotated": counters.rotations, "lost": counters.lost_files}

    @property
    def lines(self) -> dict[str, int]:
        """Lines by what they were, since the start."""
        counters = self.counters
        return {
            "calls": counters.calls,
            "others": counters.others,
            "malformed": counters.malformed,
            "overlong": self._file.counters.overlong,
        }

    def _undecided(self) -> list[tuple[int, int]]:
        return [(line.file, line.offset) for line in self._joining.undecided]

    def _read(self, undecided: Sequence[tuple[int, int]]) -> list[RawLine]:
        """The next lines; where there are none, there is time for the rest."""
        lines = self._file.read()
        if not lines:
            self._tidy(undecided)
        return lines

    async def _tell(self, said: Sequence[Ended[Exchange] | Gap]) -> None:
        """A gap may begin a session: after an absence there are thousands, and the copies of now must not wait."""
        for each in said:
            self._settle([each])
            await asyncio.sleep(0)

    def _lost_files(self) -> list[Gap]:
        """Lines that nobody will read: how many is not known."""
        count = self._file.counters.lost_files - self._lost_files_told
        self._lost_files_told += count
        gap = Gap(exchange_id="", session_id="", agent_id=MAIN_AGENT, reason="log_lost", unseen_bytes=0)
        return [gap] * count

    def _read_line(self, raw: RawLine) -> Line | None:
        """A call of the Messages API; None for any other line, which is counted."""
        logged = _parse(raw.data)
        if logged is None:
            self.counters.malformed += 1
            # Half a line of an Envoy that was killed, and the next one's first line behind it.
            logged = _parse(raw.data[max(0, raw.data.rfind(_LINE_START)) :])
        if logged is None:
            return None
        if endpoint({":method": logged.method or "", ":path": logged.path or ""}) is None:
            self.counters.others += 1
            return None
        self.counters.calls += 1
        return Line(
            exchange_id=f"{logged.connection_id}-{logged.start_time_us}",
            session_id=identifier(logged.session_id) or "",
            agent_id=identifier(logged.agent_id) or MAIN_AGENT,
            seconds=max(0, logged.duration_ms or 0) / 1000,
            request_bytes=max(0, logged.bytes_received),
            response_bytes=max(0, logged.bytes_sent),
            by=_broken_by(logged.flags or "", logged.code_details or ""),
            is_old=raw.is_old,
            file=raw.file,
            offset=raw.offset,
        )

    def _tidy(self, undecided: Sequence[tuple[int, int]]) -> None:
        """Rotate a long log, and keep the position: of a moment ago, so that what was told before it is on disk."""
        try:
            self._file.keep_short(undecided)
            position = self._file.position(undecided, since=self._now() - SINCE_MARGIN_SECONDS)
            if self._ripening is None:
                if self._kept is None or position.files != self._kept.files:
                    self._ripening = (self._ran + KEEP_SECONDS, position)
            elif self._ran >= self._ripening[0]:
                self._kept, self._ripening = self._ripening[1], None
                self._keep(self._kept.text())
        except OSError as error:  # a full disk: what was told is told, and the position of before will do
            self.counters.errors += 1
            log.warning("the access log's position cannot be kept: %s", error.strerror)


def _parse(data: bytes) -> _Logged | None:
    try:
        logged = _decode(data)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None
    is_time = logged.start_time_us.isascii() and logged.start_time_us.isdecimal()
    return logged if is_time and len(logged.start_time_us) < 19 and logged.connection_id >= 0 else None


def _broken_by(flags: str, details: str) -> By:
    """Who broke an exchange off. Envoy ends the client's connection after the upstream's: then the details tell."""
    if details.startswith(_LOCAL_END):
        return "proxy"
    marks = set(flags.split(",")) - {"-", ""}
    if not marks:
        return "nobody"
    return "client" if marks & _CLIENT_FLAGS and not details.startswith("upstream") else "upstream"
