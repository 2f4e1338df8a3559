"""The history of one data directory, as the daemon and the API see it."""

from __future__ import annotations

import logging
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path
from typing import Final

from clauditor.errors import HistoryError
from clauditor.model.events import LimitWindow
from clauditor.model.session import Session
from clauditor.store.calls import Calls
from clauditor.store.copying import discard
from clauditor.store.history import History, unpack
from clauditor.store.purging import Purge, Purged, purge
from clauditor.store.restoring import take_over
from clauditor.store.retention import Retention
from clauditor.store.signals import Signals
from clauditor.store.sink import StoreSink
from clauditor.store.spending import Spending
from clauditor.store.writer import Writer

log = logging.getLogger(__name__)

FIRST_TIDY_SECONDS: Final = 30.0  # after the start, which has better things to do
TIDY_SECONDS: Final = 3600.0
LIMIT_SECONDS: Final = 6 * 3600.0  # as far back as the shorter window of a plan goes, and a little


class Store:
    """A sink for the hub, and questions for the API.

    The constructor opens, migrates or begins the database and starts the writer thread; it never raises for
    what is wrong with the file: `problem` says it in a sentence, and the live view goes on. `history`, `calls`,
    `signals` and `spending` block and belong on a thread; everything else is for the event loop.
    """

    def __init__(self, path: Path, retention: Retention | None = None) -> None:
        self.writer = Writer(path, retention or Retention())
        self.history = History(self.writer)
        self.calls = Calls(self.writer)
        self.signals = Signals(self.writer)
        self.spending = Spending(self.writer)
        self.sink = StoreSink(self.writer)
        self._tidy_due: float | None = None
        self._purge: Future[Purged] | None = None
        self.writer.start()
        if self.writer.is_sound:  # and ours alone: what a restore that was cut off left behind
            with suppress(OSError):
                discard(path)

    @property
    def problem(self) -> str | None:
        """Why nothing is kept now, or what happened to what was, as a sentence."""
        return self.writer.problem or self.writer.notice

    def load_open_sessions(self, now: float) -> list[Session]:
        """Sessions to go on with after a restart."""
        try:
            return self.history.open_sessions(now) if self.writer.is_sound else []
        except HistoryError:
            log.exception("open sessions could not be read")
            return []

    def load_limit_samples(self, now: float) -> list[tuple[str, str, float, LimitWindow]]:
        """Readings of rate-limit windows that still say something, oldest first: account, billing, when, window."""
        try:
            return self.history.limit_samples(now - LIMIT_SECONDS) if self.writer.is_sound else []
        except HistoryError:
            log.exception("rate-limit windows could not be read")
            return []

    def load_session(self, session_id: str) -> Session | None:
        """A session that left memory, as it was last seen. The file is read only for one that may be in it."""
        if self._purge is not None and not self._purge.done():
            return None  # it would come back with the next flush
        waiting = self.writer.waiting(session_id)
        if waiting is not None:
            return unpack(waiting)
        return self.history.kept_session(session_id) if self.writer.may_hold(session_id) else None

    def purge(
        self, *, session_ids: frozenset[str], project: str | None, before: float | None, everything: bool
    ) -> Future[Purged]:
        """Remove what is meant (`Purge`) for good, also what waits. The hub has forgotten it already."""
        what = Purge(session_ids=session_ids, project=project, before=before, everything=everything)
        self.sink.flush()
        self._purge = self.writer.perform(lambda writer: purge(writer, what))
        return self._purge

    def restore(self) -> Future[Path | None]:
        """Let the copy that was prepared take the place of the history; tells where that lies then."""
        return self.writer.perform(take_over)

    def tick(self, now: float) -> None:
        """Let time pass (Unix seconds): once an hour, what is past its time is removed on the writer's thread."""
        self.writer.look_at_its_place()
        due = self._tidy_due
        if due is None or due - now > TIDY_SECONDS:  # the start, or a clock that was set back
            self._tidy_due = now + FIRST_TIDY_SECONDS
        elif now >= due:
            self._tidy_due = now + TIDY_SECONDS
            self.writer.tidy(now)

    def close(self, timeout_seconds: float = 1.0) -> None:
        """Write what is left and end."""
        self.sink.flush()
        self.writer.close(timeout_seconds)
