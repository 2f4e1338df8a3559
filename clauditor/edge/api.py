"""The HTTP API: what each endpoint answers. Read only; docs/api.md is its contract.

Live sessions come from the hub, past ones from the history; where both know a session, the live one counts.
Nothing here blocks the loop: the history is asked on a thread, and snapshots are made in slices.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Awaitable, Callable, Sequence
from datetime import date, datetime, timedelta
from typing import Any, Final, TypeVar

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route
from starlette.types import ASGIApp

from clauditor.edge import endpoints
from clauditor.edge.auth import Guard
from clauditor.edge.encoding import to_json
from clauditor.edge.endpoints import BadParameterError, Endpoint
from clauditor.edge.feed import SLICE, Feed, FeedFullError
from clauditor.edge.problems import bad_parameter, http_problem, no_history, problem
from clauditor.edge.sources import Kept, Live, Scrape
from clauditor.model.snapshot import Snapshot

log = logging.getLogger(__name__)

SCHEMA_VERSION: Final = 1
MIN_PREFIX: Final = 4
RECENT_TURNS: Final = 20
HISTORY_SECONDS: Final = 4.0
DAY_SECONDS: Final = 86_400.0
WEEK_DAYS: Final = 7

T = TypeVar("T")


def build_app(
    *,
    hub: Live,
    store: Kept,
    feed: Feed,
    metrics: Scrape,
    token: str,
    allowed_hosts: Sequence[str],
    now: Callable[[], float],
    version: str,
) -> ASGIApp:
    """The whole HTTP side as one ASGI application. `now` tells Unix seconds."""
    answers = _Answers(hub=hub, store=store, feed=feed, metrics=metrics, now=now, version=version)
    handlers: dict[Endpoint, Callable[[Request, dict[str, Any]], Awaitable[Response]]] = {
        endpoints.HEALTH: answers.health,
        endpoints.METRICS: answers.metrics,
        endpoints.SESSIONS: answers.sessions,
        endpoints.SESSION: answers.session,
        endpoints.TURNS: answers.turns,
        endpoints.SUMMARY: answers.summary,
        endpoints.GAPS: answers.gaps,
        endpoints.STREAM: answers.stream,
        endpoints.OPENAPI: answers.openapi,
    }

    def route(endpoint: Endpoint) -> Route:
        async def answer(request: Request) -> Response:
            return await handlers[endpoint](request, endpoint.parse(request.query_params.multi_items()))

        return Route(endpoint.path, answer, methods=["GET"])

    app = Starlette(
        routes=[route(endpoint) for endpoint in endpoints.ENDPOINTS],
        exception_handlers={
            BadParameterError: bad_parameter,
            HTTPException: http_problem,
            sqlite3.Error: no_history,
            TimeoutError: no_history,
            Exception: answers.failed,
        },
    )
    app.router.redirect_slashes = False
    return Guard(app, token=token, allowed_hosts=allowed_hosts)


class _Answers:
    def __init__(
        self,
        *,
        hub: Live,
        store: Kept,
        feed: Feed,
        metrics: Scrape,
        now: Callable[[], float],
        version: str,
    ) -> None:
        self._hub = hub
        self._store = store
        self._feed = feed
        self._metrics = metrics
        self._now = now
        self._version = version

    async def health(self, request: Request, query: dict[str, Any]) -> Response:  # noqa: ARG002
        return _json({"status": "ok", "version": self._version})

    async def metrics(self, request: Request, query: dict[str, Any]) -> Response:  # noqa: ARG002
        return Response(self._metrics.render(), media_type="text/plain; version=1.0.0; charset=utf-8")

    async def sessions(self, request: Request, query: dict[str, Any]) -> Response:  # noqa: ARG002
        limit, state, search = query["limit"], query["state"], query["search"] or None
        since = None if query["days"] is None else self._now() - query["days"] * DAY_SECONDS
        found = await self._live_sessions(limit, since, state, search)
        trouble = self._store.problem
        try:
            found += await _on_thread(
                lambda: self._store.history.sessions(
                    now=self._now(),
                    limit=limit,
                    since=since,
                    state=state,
                    search=search,
                    without=frozenset(self._hub.sessions),
                )
            )
        except (sqlite3.Error, TimeoutError) as error:
            log.warning("past sessions could not be read: %s", error)
            trouble = trouble or "Past sessions cannot be read now; the sidecar's log says why."
        found.sort(key=lambda shot: (-shot["last_activity_at"], shot["session_id"]))
        return _json(
            {"schema_version": SCHEMA_VERSION, "sessions": found[:limit], "history_problem": trouble}
        )

    async def session(self, request: Request, query: dict[str, Any]) -> Response:  # noqa: ARG002
        session_id = await self._resolve(request.path_params["id"])
        snapshot = self._hub.snapshot(session_id, self._now())
        side_calls = turns = None
        try:
            if snapshot is None:
                snapshot = await _on_thread(lambda: self._store.history.session(session_id, self._now()))
            side_calls = await _on_thread(lambda: self._store.calls.side_calls(session_id))
            turns = await _on_thread(lambda: self._store.calls.turns(session_id, limit=RECENT_TURNS))
        except (sqlite3.Error, TimeoutError) as error:
            if snapshot is None:
                raise
            log.warning("calls of a live session could not be read: %s", error)
        if snapshot is None:
            raise HTTPException(404, f"There is no session {session_id}.")
        more = {"side_calls_by_name": side_calls, "recent_turns": turns}
        return _json({"schema_version": SCHEMA_VERSION} | snapshot | more)

    async def turns(self, request: Request, query: dict[str, Any]) -> Response:
        session_id = await self._resolve(request.path_params["id"])
        turns = await _on_thread(lambda: self._store.calls.turns(session_id, limit=query["limit"]))
        return _json({"schema_version": SCHEMA_VERSION, "session_id": session_id, "turns": turns})

    async def summary(self, request: Request, query: dict[str, Any]) -> Response:  # noqa: ARG002
        now = self._now()
        today = datetime.fromtimestamp(now).date()  # noqa: DTZ006 - days are the user's own
        trouble = self._store.problem
        spent_today: dict[str, Any] | None = None
        spent_week: dict[str, Any] | None = None
        limits: dict[str, dict[str, Any]] = {}
        try:
            spent_today = await _on_thread(lambda: self._spent_since(today))
            spent_week = await _on_thread(lambda: self._spent_since(today - timedelta(days=WEEK_DAYS - 1)))
            limits = await _on_thread(self._store.history.limits)
        except (sqlite3.Error, TimeoutError) as error:
            log.warning("spending could not be read: %s", error)
            trouble = trouble or "Spending cannot be read now; the sidecar's log says why."
        for account, windows in self._hub.limits().items():
            known = limits.setdefault(account, {"billing": None, "windows": {}})
            for name, window in windows.items():
                known["windows"][name] = known["windows"].get(name, {"at": None}) | {
                    "used_ratio": window.used_ratio,
                    "resets_at": window.resets_at,
                    "status": window.status,
                }
        return _json(
            {
                "schema_version": SCHEMA_VERSION,
                "at": now,
                "live": self._hub.totals(now),
                "today": spent_today,
                "week": spent_week,
                "limits": limits,
                "history_problem": trouble,
            }
        )

    async def gaps(self, request: Request, query: dict[str, Any]) -> Response:  # noqa: ARG002
        since = 0.0 if query["days"] is None else self._now() - query["days"] * DAY_SECONDS
        history = self._store.history
        gaps = await _on_thread(lambda: history.gaps(since=since, limit=query["limit"]))
        total = await _on_thread(lambda: history.unobserved(since))
        return _json({"schema_version": SCHEMA_VERSION, "gaps": gaps, "total": total})

    async def stream(self, request: Request, query: dict[str, Any]) -> Response:
        if request.method == "HEAD":  # a stream has no end to wait for
            return Response(media_type=endpoints.STREAM.media_type)
        session_id = query["session"]
        if session_id is not None and session_id not in self._hub.sessions:
            matches = [key for key in self._hub.sessions if key.startswith(session_id)]
            is_one = len(session_id) >= MIN_PREFIX and len(matches) == 1
            session_id = matches[0] if is_one else session_id
        try:
            frames = self._feed.stream(session_id, request.headers.get("last-event-id"))
        except FeedFullError:
            return problem(503, "too_many_readers", "Too many programs read the live stream; close one.")
        return StreamingResponse(
            frames, media_type=endpoints.STREAM.media_type, headers={"x-accel-buffering": "no"}
        )

    async def openapi(self, request: Request, query: dict[str, Any]) -> Response:  # noqa: ARG002
        return _json(endpoints.description(self._version))

    async def failed(self, request: Request, error: Exception) -> Response:  # noqa: ARG002
        """An error of ours; Starlette raises it again for the server's log."""
        self._metrics.internal_error("api")
        return problem(500, "internal_error", "Clauditor failed to answer; its log says why.")

    # ------------------------------------------------------------------------------------------------

    async def _live_sessions(
        self, limit: int, since: float | None, state: str | None, search: str | None
    ) -> list[Snapshot]:
        newest_first = sorted(self._hub.sessions.values(), key=lambda session: -session.last_activity_at)
        found: list[Snapshot] = []
        for number, session in enumerate(newest_first, 1):
            if len(found) >= limit or (since is not None and session.last_activity_at < since):
                break
            snapshot = self._hub.snapshot(session.session_id, self._now())
            if snapshot is not None and state in {None, snapshot["state"]} and _matches(snapshot, search):
                found.append(snapshot)
            if number % SLICE == 0:
                await asyncio.sleep(0)
        return found

    async def _resolve(self, given: str) -> str:
        """The id meant by an id or by its unique beginning. Raises HTTPException 400 or 404."""
        if given in self._hub.sessions:
            return given
        try:
            past = await _on_thread(lambda: self._store.history.ids_starting_with(given))
        except (sqlite3.Error, TimeoutError) as error:
            log.warning("past sessions could not be read: %s", error)
            past = []
        if given in past:
            return given
        if len(given) < MIN_PREFIX:
            raise HTTPException(
                400, f"Give a whole session id, or at least its first {MIN_PREFIX} characters."
            )
        matches = {*past, *(key for key in self._hub.sessions if key.startswith(given))}
        if len(matches) > 1:
            raise HTTPException(400, f"More than one session begins with {given!r}; give more of the id.")
        if not matches:
            raise HTTPException(404, f"There is no session {given!r}; clauditor sessions lists them.")
        return matches.pop()

    def _spent_since(self, first: date) -> dict[str, Any]:
        """Spending from a local day on, as far as it was seen."""
        since = datetime.combine(first, datetime.min.time()).timestamp()
        spent = self._store.history.spending(first.isoformat())
        unobserved = self._store.history.unobserved(since)
        complete = spent["cost_complete"] and not unobserved["exchanges"]
        return {"since": since} | spent | {"cost_complete": complete, "unobserved": unobserved}


def _matches(snapshot: Snapshot, search: str | None) -> bool:
    if search is None:
        return True
    wanted = search.casefold()
    words = (snapshot["label"], snapshot["project"], snapshot["branch"], *snapshot["model"].values())
    found = any(wanted in word.casefold() for word in words if word)
    return found or snapshot["session_id"].casefold().startswith(wanted)


async def _on_thread(question: Callable[[], T]) -> T:
    async with asyncio.timeout(HISTORY_SECONDS):
        return await asyncio.to_thread(question)


def _json(value: Any) -> Response:
    return Response(to_json(value), media_type="application/json")
