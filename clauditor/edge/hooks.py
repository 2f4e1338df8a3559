"""Hooks and status line of Claude Code, taken in: a client tells of its session, but cannot make one.

The client's first hooks come before its first request (SessionStart, UserPromptSubmit), so the newest word about
a session that is not there yet waits for it.
"""

from __future__ import annotations

from collections.abc import Callable, Container
from dataclasses import dataclass, replace
from typing import Final

from clauditor.model.events import Event, HookSeen, SessionEnded
from clauditor.wire.hooks import read_hook

MAX_BODY_BYTES: Final = 256 * 1024  # our hook command leaves tool input and result out: a post is below 4 KiB
MAX_PENDING: Final = 1024  # sessions waited for: a client that bypasses the proxy posts and never appears

NO_HOOK: Final = "The body must be one JSON object: a hook's input, or a status line's."
TOO_LARGE: Final = f"The body must not be longer than {MAX_BODY_BYTES // 1024} KiB."


@dataclass(slots=True)
class HookCounters:
    """Posts since the start: those understood, those refused, and sessions forgotten before they appeared."""

    taken: int = 0
    refused: int = 0
    forgotten: int = 0


class Hooks:
    """`publish` takes events and must not block; `live` holds the ids of the sessions there are."""

    def __init__(self, *, publish: Callable[[Event], None], live: Container[str]) -> None:
        self.counters = HookCounters()
        self._publish = publish
        self._live = live
        self._pending: dict[str, HookSeen] = {}

    @property
    def waiting(self) -> int:
        """Of how many sessions something was told that are not there yet."""
        return len(self._pending)

    def answer(self, body: bytes, at: float) -> tuple[int, str | None]:
        """Take a post: the HTTP status, and one sentence for the caller if it was refused. Does not block."""
        if len(body) > MAX_BODY_BYTES:
            self.counters.refused += 1
            return 413, TOO_LARGE
        return (204, None) if self.take(body, at) else (400, NO_HOOK)

    def take(self, body: bytes, at: float) -> bool:
        """Publish what a post says of a live session, keep it for one that is not there yet; False: refused."""
        events = read_hook(body, at=at)
        if events is None:
            self.counters.refused += 1
            return False
        self.counters.taken += 1
        for event in events:
            if event.session_id in self._live:
                self._hand_over(event.session_id)
                self._publish(event)
            elif isinstance(event, HookSeen):
                self._keep(event)
            elif isinstance(event, SessionEnded):
                self._pending.pop(event.session_id, None)
        return True

    def hand_over(self) -> None:
        """Publish what waited for sessions that have appeared meanwhile. To be called now and then."""
        for session_id in [key for key in self._pending if key in self._live]:
            self._hand_over(session_id)

    def _hand_over(self, session_id: str) -> None:
        if (waiting := self._pending.pop(session_id, None)) is not None:
            self._publish(waiting)

    def _keep(self, seen: HookSeen) -> None:
        """The newest hook stands for those before it, which may have known more of the terminal."""
        if (before := self._pending.pop(seen.session_id, None)) is not None:
            seen = replace(
                seen,
                pane=seen.pane or before.pane,
                tty=seen.tty or before.tty,
                run_id=seen.run_id or before.run_id,
            )
        elif len(self._pending) >= MAX_PENDING:
            del self._pending[next(iter(self._pending))]
            self.counters.forgotten += 1
        self._pending[seen.session_id] = seen
