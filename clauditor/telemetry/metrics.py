"""Prometheus metrics: a sink that counts, and figures read from other parts at each scrape.

Sources: exposition format 1.0.0. Each family stands in docs/metrics.md, with what its labels can hold: words from
closed lists, and names from outside while they find a place (`names`), so that there are 2,000 series at most.
"""

from __future__ import annotations

import asyncio
from collections import Counter as Counts
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

import prometheus_client

from clauditor.model.events import AttemptStarted, Event
from clauditor.model.facts import CallFact, Fact
from clauditor.model.session import Session
from clauditor.telemetry.calls import CallCounts
from clauditor.telemetry.families import Families
from clauditor.telemetry.sessions import SessionCounts
from clauditor.telemetry.tools import ToolCounts
from clauditor.telemetry.watched import Reading, Watched

CONTENT_TYPE: Final = prometheus_client.CONTENT_TYPE_LATEST


class Metrics:
    """Counts what the hub tells, and reads what other parts count themselves."""

    def __init__(self, *, version: str) -> None:
        families = Families()
        families.gauge("build_info", "Always 1; the version is in the label.", "version").labels(version).set(
            1
        )
        self._calls = CallCounts(families)
        self._tools = ToolCounts(families)
        self._sessions = SessionCounts(families)
        self._errors: Counts[str] = Counts()
        self._watched = Watched()
        self._registry = families.registry
        self._registry.register(self._watched)
        self._fetches: list[Callable[[], Awaitable[None]]] = []
        self.watch("clauditor_internal_errors", lambda: self._errors)

    def watch(self, family: str, read: Callable[[], Reading]) -> None:
        """Read `family` (one of WATCHED) at each scrape: a number, or numbers by label value.

        Several readings of one family add up. Raises KeyError for a family that is not documented.
        """
        self._watched.sources[family].append(read)

    def fetch(self, fetch: Callable[[], Awaitable[None]]) -> None:
        """Await `fetch` before each scrape: what is read then comes from another program, or is worked out once."""
        self._fetches.append(fetch)

    def internal_error(self, part: str) -> None:
        """An error of our own was caught; `part` is one constant word."""
        self._errors[part] += 1

    async def scrape(self) -> bytes:
        """Every family in the text format (`CONTENT_TYPE`), with what other programs say now."""
        for fetch in self._fetches:
            await fetch()
        self._watched.look()
        # Many milliseconds of writing, which the event loop need not wait for.
        return await asyncio.to_thread(prometheus_client.generate_latest, self._registry)

    def render(self) -> bytes:
        """Every family as it is known."""
        self._watched.look()
        return prometheus_client.generate_latest(self._registry)

    def observe(self, event: Event, session: Session | None, facts: Sequence[Fact]) -> None:
        if isinstance(event, AttemptStarted):
            self._calls.begin(event, session)
        self._sessions.count(event, session)
        for fact in facts:
            if isinstance(fact, CallFact):
                self._calls.count(fact, session)
            else:
                self._tools.count(fact)
