"""`clauditor watch`: what happens, as lines, until Ctrl-C. Reconnects by itself and says so once."""

from __future__ import annotations

import os
import select
import shutil
import sys
from collections.abc import Callable
from typing import Final, TextIO

from clauditor.client import RESTART_SECONDS, connect
from clauditor.config import Settings
from clauditor.text import clean
from clauditor.ui.clock import local_zone, now
from clauditor.ui.top.bell import Bell
from clauditor.ui.views.session import SessionView
from clauditor.ui.views.units import clock
from clauditor.ui.watch.choice import Choice, choose
from clauditor.ui.watch.follow import Follower, Frame, Lost
from clauditor.ui.watch.moments import Moments
from clauditor.ui.watch.output import JsonLines, Output, TextLines
from clauditor.ui.watch.paint import has_colours

_TICK_SECONDS: Final = 1.0


def run_watch(
    settings: Settings,
    url: str | None = None,
    *,
    session: str | None = None,
    signals_only: bool = False,
    as_json: bool = False,
    rings: bool = True,
) -> None:
    """Print what happens until Ctrl-C, or until whoever reads the output goes away.

    `session` is an id, the beginning of one, or a project. Raises ClauditorError when the sidecar does not answer
    at the start; a connection lost later heals by itself.
    """
    choice = choose(connect(settings, url, retry_seconds=RESTART_SECONDS), session)
    is_terminal = sys.stdout.isatty()
    output: Output
    if as_json:
        output = JsonLines(sys.stdout, signals_only=signals_only)
    else:
        output = TextLines(
            sys.stdout,
            width=terminal_width,
            zone=local_zone,
            named=choice.session_id is None,
            signals_only=signals_only,
            colours=has_colours(os.environ, is_terminal=is_terminal),
            opens=is_terminal,
        )
    bell = Bell(settings.alerts) if rings and is_terminal and not as_json else None
    follower = Follower(connect(settings, url), choice.session_id)
    follower.start()
    try:
        Watching(choice, output, bell=bell, clock=now).run(follower, lambda: is_abandoned(sys.stdout))
    finally:
        follower.stop()


class Watching:
    """Hands what comes to an output, and says on stderr what concerns the connection."""

    def __init__(
        self, choice: Choice, output: Output, *, bell: Bell | None, clock: Callable[[], float]
    ) -> None:
        self._choice, self._output, self._bell, self._clock = choice, output, bell, clock
        self._moments = Moments()
        self._has_begun = False
        self._heard_at = clock()

    def run(self, follower: Follower, should_stop: Callable[[], bool]) -> None:
        while not should_stop():
            match follower.next(_TICK_SECONDS):
                case Frame() as frame:
                    self.take(frame)
                case Lost():
                    _notice(f"the sidecar does not answer since {self._at(self._heard_at)}; trying again.")
                case None:
                    pass
            self._ring()

    def take(self, frame: Frame) -> None:
        """Tell what a frame completes."""
        at = self._clock()
        incident, pictures = self._moments.incident, self._moments.pictures_missed
        moments = self._moments.take(frame.name, frame.data)
        is_hole = self._moments.pictures_missed > pictures
        if frame.is_again:
            _notice(f"connected again at {self._at(at)}.")
        if is_hole:
            self._output.missed(self._heard_at, at)
        if not self._has_begun and self._moments.is_complete:
            self._has_begun = True
            self._output.begin(self._watched().values(), at)
            if not self._watched() and sys.stderr.isatty():
                _notice("no session to watch is live yet; lines come as soon as one is.")
        for moment in moments:
            if self._choice.has(moment.session_id, moment.view):
                self._output.tell(moment)
        if self._choice.is_all and (frame.name == "snapshot" and incident != self._moments.incident):
            self._output.incident(incident, self._moments.incident, at)
        self._heard_at = at

    def _ring(self) -> None:
        if self._bell is None or not self._has_begun:
            return
        if sound := self._bell.ring(self._watched(), self._clock()):
            sys.stdout.write(sound)
            sys.stdout.flush()

    def _watched(self) -> dict[str, SessionView]:
        return {key: view for key, view in self._moments.sessions.items() if self._choice.has(key, view)}

    def _at(self, at: float) -> str:
        return clock(at, local_zone(at), seconds=True)


def terminal_width() -> int | None:
    """The width of the terminal as it is now; None where lines go elsewhere, unless COLUMNS says one."""
    if sys.stdout.isatty():
        try:
            return os.get_terminal_size(sys.stdout.fileno()).columns or None
        except OSError:
            return None
    return shutil.get_terminal_size((0, 0)).columns or None


def is_abandoned(out: TextIO) -> bool:
    """Whether the output is a pipe that nobody reads any more; found out without writing."""
    try:
        poll = select.poll()
        poll.register(out.fileno(), 0)
        return any(event & (select.POLLERR | select.POLLNVAL) for _, event in poll.poll(0))
    except (OSError, ValueError):  # no file, as in a test
        return False


def _notice(sentence: str) -> None:
    print(f"clauditor: {clean(sentence)}", file=sys.stderr, flush=True)  # noqa: T201 - beside the lines, for the person
