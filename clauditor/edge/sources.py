"""What the API asks of the rest: small protocols, owned here and fulfilled by hub, store and metrics."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from concurrent.futures import Future
from pathlib import Path
from typing import Any, Literal, Protocol

from clauditor.edge.feed import LiveSessions
from clauditor.model.account import WindowRecord
from clauditor.model.events import Severity
from clauditor.model.snapshot import Snapshot
from clauditor.model.verdict import Level

SortName = Literal["activity", "cost", "context", "started"]
SpentBy = Literal["day", "project", "branch", "model"]


class Live(LiveSessions, Protocol):
    """What the API asks of the hub."""

    def limits(self) -> Mapping[str, Mapping[str, WindowRecord]]: ...
    def mute(self, session_id: str, now: float, *, is_muted: bool) -> bool: ...
    def forget(self, session_ids: Iterable[str]) -> None: ...


class Past(Protocol):
    """What the API asks of the history; every method blocks and may raise HistoryError."""

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
        project: str | None,
        model: str | None,
        verdict: Level | None,
        signal: str | None,
        sort: SortName,
        without: frozenset[str],
    ) -> list[Snapshot]: ...
    def gaps(self, *, since: float, limit: int) -> list[dict[str, Any]]: ...
    def unobserved(self, since: float) -> dict[str, int]: ...
    def limits(self) -> dict[str, dict[str, Any]]: ...


class PastCalls(Protocol):
    def turns(self, session_id: str, *, limit: int) -> list[dict[str, Any]]: ...
    def side_calls(self, session_id: str) -> list[dict[str, Any]]: ...


class PastSignals(Protocol):
    def signals(
        self,
        *,
        now: float,
        limit: int,
        since: float,
        session_id: str | None,
        name: str | None,
        severity: Severity | None,
    ) -> list[dict[str, Any]]: ...
    def had_since(self, since: float) -> dict[str, dict[str, int]]: ...


class PastSpending(Protocol):
    def since(self, first_day: str) -> dict[str, Any]: ...
    def ended_since(self, since: float) -> dict[str, Any]: ...
    def table(self, by: SpentBy, first_day: str) -> dict[str, Any]: ...


class Purged(Protocol):
    """How many kept sessions went, and whether no reader kept the log from being emptied."""

    @property
    def sessions(self) -> int: ...
    @property
    def is_whole(self) -> bool: ...


class Kept(Protocol):
    """The store: questions, and why there are no answers (one sentence), if so."""

    @property
    def problem(self) -> str | None: ...
    @property
    def history(self) -> Past: ...
    @property
    def calls(self) -> PastCalls: ...
    @property
    def signals(self) -> PastSignals: ...
    @property
    def spending(self) -> PastSpending: ...
    def purge(
        self, *, session_ids: frozenset[str], project: str | None, before: float | None, everything: bool
    ) -> Future[Any]:
        """The future holds a `Purged`."""
        ...

    def restore(self) -> Future[Path | None]: ...


class Scrape(Protocol):
    async def scrape(self) -> bytes: ...
    def internal_error(self, part: str) -> None: ...
