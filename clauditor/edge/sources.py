"""What the API asks of the rest: small protocols, owned here and fulfilled by hub, store and metrics."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from clauditor.edge.feed import LiveSessions
from clauditor.model.events import LimitWindow
from clauditor.model.snapshot import Snapshot


class Live(LiveSessions, Protocol):
    """What the API asks of the hub."""

    def limits(self) -> Mapping[str, Mapping[str, LimitWindow]]: ...


class Past(Protocol):
    """What the API asks of the history; every method blocks and may raise sqlite3.Error."""

    def session(self, session_id: str, now: float) -> Snapshot | None: ...
    def ids_starting_with(self, prefix: str, limit: int = 2) -> list[str]: ...
    def sessions(
        self,
        *,
        now: float,
        limit: int,
        since: float | None,
        state: str | None,
        search: str | None,
        without: frozenset[str],
    ) -> list[Snapshot]: ...
    def spending(self, first_day: str) -> dict[str, Any]: ...
    def gaps(self, *, since: float, limit: int) -> list[dict[str, Any]]: ...
    def unobserved(self, since: float) -> dict[str, int]: ...
    def limits(self) -> dict[str, dict[str, Any]]: ...


class PastCalls(Protocol):
    def turns(self, session_id: str, *, limit: int) -> list[dict[str, Any]]: ...
    def side_calls(self, session_id: str) -> list[dict[str, Any]]: ...


class Kept(Protocol):
    """The store: questions, and why there are no answers (one sentence), if so."""

    @property
    def problem(self) -> str | None: ...
    @property
    def history(self) -> Past: ...
    @property
    def calls(self) -> PastCalls: ...


class Scrape(Protocol):
    def render(self) -> bytes: ...
    def internal_error(self, part: str) -> None: ...
