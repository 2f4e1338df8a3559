"""What waits to be written: facts in their order, and of each session the newest state. Bounded; for any thread."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final

from clauditor.store.batch import SessionRow, StoredFact

MAX_WAITING_ROWS: Final = 50_000  # about 40 MB; at ten busy sessions, hours

Batch = tuple[dict[str, SessionRow], deque[StoredFact]]


class Buffer:
    """`lock` is held inside; `dropped` counts what found no room any more, oldest first."""

    def __init__(self, lock: threading.Condition) -> None:
        self.dropped = 0
        self._lock = lock
        self._sessions: dict[str, SessionRow] = {}
        self._facts: deque[StoredFact] = deque()

    def __len__(self) -> int:
        """Rows that wait."""
        return len(self._sessions) + len(self._facts)

    def put(self, sessions: Sequence[SessionRow], facts: Sequence[StoredFact]) -> None:
        """A session's newer row replaces one that still waits."""
        with self._lock:
            for row in sessions:
                self._sessions.pop(row.session_id, None)
                self._sessions[row.session_id] = row
            self._facts.extend(facts)
            self._trim()

    def take(self) -> Batch:
        with self._lock:
            taken = self._sessions, self._facts
            self._sessions, self._facts = {}, deque()
            return taken

    def put_back(self, batch: Batch) -> None:
        """What could not be written comes before what came meanwhile."""
        sessions, facts = batch
        with self._lock:
            self._sessions = sessions | self._sessions
            facts.extend(self._facts)
            self._facts = facts
            self._trim()

    def forget(self, is_meant: Callable[[SessionRow | StoredFact], bool]) -> None:
        """Let go of what is not to be kept any more."""
        with self._lock:
            self._sessions = {key: row for key, row in self._sessions.items() if not is_meant(row)}
            self._facts = deque(fact for fact in self._facts if not is_meant(fact))

    def packed(self, session_id: str) -> bytes | None:
        with self._lock:
            row = self._sessions.get(session_id)
        return None if row is None else row.packed

    def _trim(self) -> None:
        while len(self._facts) > MAX_WAITING_ROWS:
            self._facts.popleft()
            self.dropped += 1
        while len(self._sessions) > MAX_WAITING_ROWS:
            del self._sessions[next(iter(self._sessions))]
            self.dropped += 1
