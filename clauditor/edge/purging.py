"""Forgetting for good, and another history in place of this one, as the API does both: memory first, then the disk."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from clauditor.edge.encoding import to_json
from clauditor.edge.endpoints import BadParameterError
from clauditor.edge.feed import Feed
from clauditor.edge.past import resolve
from clauditor.edge.problems import problem
from clauditor.edge.sources import Kept, Live, Purged
from clauditor.errors import HistoryError
from clauditor.model.session import Session

DAY_SECONDS = 86_400.0
MAX_DAYS = 36_500
_ONE = "Give exactly one of session, project, older_than_days and all."


class Purging:
    """`forget_log` removes the proxy's log of what passed so far and tells whether it came about."""

    def __init__(
        self,
        *,
        hub: Live,
        store: Kept,
        feed: Feed,
        forget_log: Callable[[], Awaitable[bool]],
        now: Callable[[], float],
    ) -> None:
        self._hub = hub
        self._store = store
        self._feed = feed
        self._forget_log = forget_log
        self._now = now

    async def purge(self, request: Request, body: dict[str, Any]) -> Response:  # noqa: ARG002
        session, project, days, everything = self._asked(body)
        meant: list[str] = []
        if session is not None:
            meant = [await resolve(session, self._hub, self._store)]
        before = None if days is None else self._now() - days * DAY_SECONDS
        # From here to the store's own order nothing may come between: a session would be written again.
        meant += [
            key
            for key, live in self._hub.sessions.items()
            if everything or _is_of(live, project) or (before is not None and live.last_activity_at < before)
        ]
        live_too = [key for key in meant if key in self._hub.sessions]
        ids = frozenset(meant)
        future = self._store.purge(session_ids=ids, project=project, before=before, everything=everything)
        self._hub.forget(live_too)
        self._feed.forget(ids)
        self._feed.mark(live_too)
        try:
            purged: Purged = await asyncio.wrap_future(future)
        except (HistoryError, OSError) as error:
            sentence = (
                f"Not all of it could be removed ({error}); see clauditor doctor, then run the same again."
            )
            return problem(HTTPStatus.SERVICE_UNAVAILABLE, "not_purged", sentence)
        has_forgotten_log = await self._forget_log()
        return _json(
            {
                "schema_version": 1,
                "sessions": max(purged.sessions, len(live_too)),
                "whole": purged.is_whole and has_forgotten_log,
            }
        )

    async def restore(self, request: Request, body: dict[str, Any]) -> Response:  # noqa: ARG002
        if body:
            raise BadParameterError("The body must be an empty object.")
        try:
            aside = await asyncio.wrap_future(self._store.restore())
        except FileNotFoundError:
            return problem(
                HTTPStatus.CONFLICT, "nothing_prepared", "No copy lies ready; see clauditor restore."
            )
        except (HistoryError, OSError) as error:
            sentence = f"Nothing was restored ({error}); see clauditor doctor, then run the same again."
            return problem(HTTPStatus.SERVICE_UNAVAILABLE, "not_restored", sentence)
        return _json({"schema_version": 1, "replaced": None if aside is None else str(aside)})

    def _asked(self, body: dict[str, Any]) -> tuple[str | None, str | None, float | None, bool]:
        session, project = body.get("session"), body.get("project")
        days, everything = body.get("older_than_days"), body.get("all")
        known = {"session", "project", "older_than_days", "all"}
        if set(body) - known or sum(value is not None for value in (session, project, days, everything)) != 1:
            raise BadParameterError(_ONE)
        for value, name in ((session, "session"), (project, "project")):
            if value is not None and (not isinstance(value, str) or not 0 < len(value) <= 256):
                raise BadParameterError(f"{name} must be a text of 1 to 256 characters.")
        is_number = isinstance(days, int | float) and not isinstance(days, bool)
        if days is not None and not (is_number and 0 <= days <= MAX_DAYS):
            raise BadParameterError(f"older_than_days must be a number of days from 0 to {MAX_DAYS}.")
        if everything not in {None, True}:
            raise BadParameterError("all must be true.")
        return session, project, None if days is None else float(days), everything is True


async def nothing_logged() -> bool:
    """Where no proxy writes a log."""
    return True


def _is_of(session: Session, project: str | None) -> bool:
    return project is not None and (session.project or "").casefold() == project.casefold()


def _json(value: dict[str, Any]) -> Response:
    return Response(to_json(value), media_type="application/json")
