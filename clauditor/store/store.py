"""The history of one data directory, as the daemon and the API see it."""

from __future__ import annotations

import logging
import sqlite3
from pathlib import Path

from clauditor.model.session import Session
from clauditor.store.calls import Calls
from clauditor.store.history import History, unpack
from clauditor.store.sink import StoreSink
from clauditor.store.writer import Writer

log = logging.getLogger(__name__)


class Store:
    """A sink for the hub, and questions for the API.

    The constructor opens, migrates or begins the database and starts the writer thread; it never raises for
    what is wrong with the file: `problem` says it in a sentence, and the live view goes on. `history` and
    `calls` block and belong on a thread; everything else is for the event loop.
    """

    def __init__(self, path: Path) -> None:
        self.writer = Writer(path)
        self.history = History(self.writer)
        self.calls = Calls(self.writer)
        self.sink = StoreSink(self.writer)
        self.writer.start()

    @property
    def problem(self) -> str | None:
        return self.writer.problem

    def load_open_sessions(self, now: float) -> list[Session]:
        """Sessions to go on with after a restart."""
        try:
            return self.history.open_sessions(now) if self.writer.is_sound else []
        except sqlite3.Error:
            log.exception("open sessions could not be read")
            return []

    def load_session(self, session_id: str) -> Session | None:
        """A session that left memory, as it was last seen (one indexed read, about 0.3 ms)."""
        waiting = self.writer.waiting(session_id)
        if waiting is not None:
            return unpack(waiting)
        return self.history.kept_session(session_id) if self.writer.is_sound else None

    def close(self, timeout_seconds: float = 1.0) -> None:
        """Write what is left and end."""
        self.sink.flush()
        self.writer.close(timeout_seconds)
